"""Translate a kernel of PTX to C: a function `run` that runs one thread up to its next stop.

A thread stops at a barrier, at its end, and before an access when its budget of accesses is used up. `T->resume` is the
label at which the next call continues. `L` is the launch (runtime.h), `T` the thread.
"""

import re

from .arithmetic import expression
from .operands import C_TYPES, REGISTERS, Operands
from .reader import Instruction, Kernel, Unsupported

ATOMIC = {
    "min": "old < value ? old : value",
    "max": "old > value ? old : value",
    "add": "old + value",
    "exch": "value",
    "and": "old & value",
    "or": "old | value",
    "xor": "old ^ value",
}
# Functions of libdevice that NVVM does not inline: the C function that takes their place.
FUNCTIONS = {"__internal_accurate_pow": "pow"}
READ, WRITE, ATOMIC_ACCESS = 0, 1, 2  # as in runtime.h


def source(kernel: Kernel) -> str:
    """Return the C program of a kernel."""
    writer = Writer(kernel)
    body = "\n".join(writer.statement(instruction) for instruction in kernel.instructions)
    cases = " ".join(f"case {n}: goto resume_{n};" for n in range(1, writer.stops + 1))
    registers = " ".join(
        f"{c_type} {kind}[{kernel.registers.get(kind, 0) or 1}];" for kind, (c_type, _) in REGISTERS.items()
    )
    return f"""#include "runtime.h"
#include "arithmetic.h"
struct Thread {{ ThreadHead; u32 temp; f64 argument[2], result; {registers} }};
static u32 run(Thread *T, Launch *L) {{
const u64 *P = L->parameters;
switch (T->resume) {{ case 0: break; {cases} }}
{body}
return DONE; }}
#include "scheduler.h"
"""


class Writer:
    """Writes the instructions of a kernel as C; `stops` counts the places at which a thread can stop."""

    def __init__(self, kernel: Kernel) -> None:
        self.operands, self.stops = Operands(kernel.shared), 0
        self.families = {
            "bra": self.jump, "ret": self.end, "exit": self.end, "bar": self.barrier, "barrier": self.barrier,
            "membar": self.fence, "fence": self.fence, "atom": self.atomic, "red": self.atomic,
            "ld": self.load, "st": self.store, "mov": self.move, "call": self.call,
        }  # fmt: skip

    def statement(self, instruction: Instruction) -> str:
        """Return the C of an instruction or label."""
        if instruction.label:
            return f"{_label(instruction.label)}:;"
        try:
            code = self.families.get(instruction.parts[0], self.compute)(instruction)
        except (Unsupported, KeyError, IndexError, TypeError, ValueError) as error:
            opcode = ".".join(instruction.parts)
            raise Unsupported(f"line {instruction.line}: {opcode} ({error!r})") from error
        if instruction.guard:
            condition = self.operands.get(instruction.guard, "pred")
            code = f"if ({'!' if instruction.negated else ''}{condition}) {{ {code} }}"
        if instruction.accesses_memory:
            code = f"if (--L->budget < 0) {{ T->resume = {self.stop()}; return YIELD; }} resume_{self.stops}:; {code}"
        return code

    def stop(self) -> int:
        """Return the number of a new place at which a thread can stop."""
        self.stops += 1
        return self.stops

    def compute(self, instruction: Instruction) -> str:
        result, kinds, template = expression(".".join(instruction.parts))
        target, *sources = instruction.operands
        values = [self.operands.get(operand, kind) for operand, kind in zip(sources, kinds, strict=True)]
        return self.operands.put(target, result, template.format(*values, line=instruction.line))

    def jump(self, instruction: Instruction) -> str:
        target = _label(instruction.operands[0])
        return f"if (hangs(L, T, {instruction.line})) return STUCK; goto {target};"

    def end(self, instruction: Instruction) -> str:
        return "return DONE;"

    def barrier(self, instruction: Instruction) -> str:
        if instruction.parts[:2] not in (("bar", "sync"), ("barrier", "sync")) or instruction.operands != (
            "0",
        ):
            raise Unsupported("a barrier of some threads, or not number 0")
        number = self.stop()
        return f"T->resume = {number}; T->barrier = {instruction.line}; return BARRIER; resume_{number}:;"

    def fence(self, instruction: Instruction) -> str:
        """Order accesses between blocks; a fence of the block alone orders nothing that a barrier does not."""
        return "fence(L, HEAD(T)->number);" if instruction.is_wide_fence else ";"

    def move(self, instruction: Instruction) -> str:
        """Split 64 bits into two registers of 32, join them, or copy a register."""
        target, value = instruction.operands
        get, put = self.operands.get, self.operands.put
        if target.startswith("{"):
            low, high = _items(target)
            parts = put(low, "u32", "value"), put(high, "u32", "value >> 32")
            return f"{{ u64 value = {get(value, 'u64')}; {' '.join(parts)} }}"
        if value.startswith("{"):
            low, high = _items(value)
            return put(target, "u64", f"(u64){get(high, 'u32')} << 32 | {get(low, 'u32')}")
        return self.compute(instruction)

    def call(self, instruction: Instruction) -> str:
        """Call a function of two f64, which stand in T->argument; its result goes to T->result."""
        return f"T->result = {FUNCTIONS[instruction.operands[1]]}(T->argument[0], T->argument[1]);"

    def load(self, instruction: Instruction) -> str:
        if instruction.parts[1] == "param":
            return self.parameter(instruction)
        target, place = instruction.operands
        kind, size, items = _access(instruction, target)
        load = f"{C_TYPES[kind]} value; memcpy(&value, bytes + {{at}}, {size});"
        statements = [
            f"{{ {load.format(at=k * size)} {self.operands.put(item, kind, 'value')} }}"
            for k, item in enumerate(items)
        ]
        return self._at(instruction, place, size * len(items), READ, statements)

    def store(self, instruction: Instruction) -> str:
        place, value = instruction.operands
        if instruction.parts[1:] == ("param", "f64"):
            number = int(re.fullmatch(r"\[param([01])\+0\]", place)[1])
            return f"T->argument[{number}] = {self.operands.get(value, 'f64')};"
        kind, size, items = _access(instruction, value)
        store = f"memcpy(bytes + {{at}}, &value, {size});"
        statements = [
            f"{{ {C_TYPES[kind]} value = {self.operands.get(item, kind)}; {store.format(at=k * size)} }}"
            for k, item in enumerate(items)
        ]
        return self._at(instruction, place, size * len(items), WRITE, statements)

    def atomic(self, instruction: Instruction) -> str:
        """Apply an operation to memory; `atom` returns the old value, `red` returns nothing."""
        *target, place, value = instruction.operands
        operation, kind = instruction.parts[-2:]
        c_type, size = C_TYPES[kind], int(kind[1:]) // 8
        statements = [
            f"{c_type} old, value = {self.operands.get(value, kind)}; memcpy(&old, bytes, {size});",
            f"{c_type} result = {ATOMIC[operation]}; memcpy(bytes, &result, {size});",
            *(self.operands.put(register, kind, "old") for register in target),
        ]
        return self._at(instruction, place, size, ATOMIC_ACCESS, statements)

    def parameter(self, instruction: Instruction) -> str:
        """Load a parameter of the kernel, or the result of a call."""
        target, place = instruction.operands
        if place == "[retval0+0]":
            return self.operands.put(target, "f64", "T->result")
        kind, number = instruction.parts[-1], int(re.search(r"_param_(\d+)\]$", place)[1])
        value = f"{kind}_of(P[{number}])" if kind in ("f32", "f64") else f"P[{number}]"
        return self.operands.put(target, kind, value)

    def _at(self, instruction: Instruction, place: str, size: int, access: int, statements: list[str]) -> str:
        """Return C that checks an access of `size` bytes and runs statements with its place as `bytes`."""
        function, address = f"{instruction.parts[1]}_memory", self.operands.address(place)
        check = f"u8 *bytes = {function}(L, T, {address}, {size}, {access}, {instruction.line});"
        return f"{{ {check} {' '.join(statements)} }}"


def _access(instruction: Instruction, registers: str) -> tuple[str, int, list[str]]:
    """Return the type, the bytes and the registers of a load or store of one or several numbers."""
    kind, modifiers = instruction.parts[-1], instruction.parts[2:-1]
    if instruction.parts[1] not in ("global", "shared") or set(modifiers) - {"v2", "v4", "nc"}:
        raise Unsupported("a load or store of this form")
    items, count = _items(registers), next((int(part[1]) for part in modifiers if part != "nc"), 1)
    if len(items) != count:
        raise Unsupported(f"{count} numbers in {registers}")
    return kind, int(kind[1:]) // 8, items


def _items(operand: str) -> list[str]:
    return [item.strip() for item in operand.strip("{}").split(",")]


def _label(name: str) -> str:
    return "label_" + name.strip("$")
