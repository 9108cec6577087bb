"""C expressions of the operands of PTX: registers, constants, shared arrays, addresses.

A register holds bits: `T->r[3]` is a u32, whether it holds an integer or a float. `get` reinterprets or converts the
bits as a type of PTX, and `put` stores the bits of a value.
"""

import re
from dataclasses import dataclass

from .reader import Unsupported

# Kind of register: its C type and bits.
REGISTERS = {
    "rs": ("u16", 16),
    "rd": ("u64", 64),
    "fd": ("u64", 64),
    "r": ("u32", 32),
    "f": ("u32", 32),
    "p": ("u8", 1),
}
UNSIGNED = {1: "u8", 16: "u16", 32: "u32", 64: "u64"}

# Type of PTX: C type. Bits (b32) are unsigned.
C_TYPES = {f"{sign}{bits}": f"{sign}{bits}" for sign in "us" for bits in (8, 16, 32, 64)}
C_TYPES |= {f"b{bits}": f"u{bits}" for bits in (8, 16, 32, 64)}
C_TYPES |= {"f32": "f32", "f64": "f64"}

SPECIAL = {f"%tid.{axis}": f"T->thread[{k}]" for k, axis in enumerate("xyz")}
SPECIAL |= {f"%ctaid.{axis}": f"T->block[{k}]" for k, axis in enumerate("xyz")}
SPECIAL |= {f"%ntid.{axis}": f"(u32)L->block[{k}]" for k, axis in enumerate("xyz")}
SPECIAL |= {f"%nctaid.{axis}": f"(u32)L->grid[{k}]" for k, axis in enumerate("xyz")}
SPECIAL |= {"%laneid": "(T->number & 31)", "%warpid": "(T->number >> 5)", "%temp": "T->temp"}


@dataclass
class Operands:
    """C expressions of operands in a kernel with these shared arrays (name: first address, bytes)."""

    shared: dict[str, tuple[int, int]]

    def get(self, operand: str, kind: str) -> str:
        """Return the C value of an operand as a type of PTX."""
        bits, _ = self._bits(operand)
        if kind in ("f32", "f64"):
            return f"{kind}_of({bits})"
        if kind == "pred":
            return f"({bits} & 1)"
        return f"(({C_TYPES[kind]})({bits}))"

    def put(self, operand: str, kind: str, value: str) -> str:
        """Return the C statement that stores a value of a type of PTX in a register."""
        target, bits = self._bits(operand)
        if kind in ("f32", "f64"):
            value = f"bits_of_{kind}({value})"
        elif kind == "pred":
            value = f"({value}) ? 1 : 0"
        else:
            value = f"({C_TYPES[kind]})({value})"
        return f"{target} = ({UNSIGNED[bits]})({value});"

    def address(self, operand: str) -> str:
        """Return the C value of an address: [%rd1+8]."""
        match = re.fullmatch(r"\[([%\w]+)(?:\+(-?\d+))?\]", operand)
        if not match:
            raise Unsupported(f"address {operand}")
        return f"((u64)({self._bits(match[1])[0]}) + (s64){match[2] or 0})"

    def _bits(self, operand: str) -> tuple[str, int]:
        """Return the C expression of an operand's bits, and their number."""
        if operand in SPECIAL:
            return SPECIAL[operand], 32
        if match := re.fullmatch(r"%(rs|rd|fd|r|f|p)(\d+)", operand):
            return f"T->{match[1]}[{match[2]}]", REGISTERS[match[1]][1]
        if match := re.fullmatch(r"0[fF]([0-9A-Fa-f]{8})", operand):
            return f"0x{match[1]}u", 32
        if match := re.fullmatch(r"0[dD]([0-9A-Fa-f]{16})", operand):
            return f"0x{match[1]}ull", 64
        if (match := re.fullmatch(r"(\w+?)(?:\+(-?\d+))?", operand)) and match[1] in self.shared:
            return f"{self.shared[match[1]][0] + int(match[2] or 0)}ull", 64
        if re.fullmatch(r"-?(0x[0-9a-fA-F]+|\d+)", operand):
            return f"(s64){int(operand, 0) % 2**64}ull", 64
        raise Unsupported(f"operand {operand}")
