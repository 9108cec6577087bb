"""Machine code of a CUDA kernel, as nvdisasm shows it: what a loop still computes after it has asked for its loads.

ptxas puts instructions into an order of its own, so PTX alone does not tell whether loads run ahead of a chain.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ARITHMETIC = ("FADD", "FMUL", "FFMA", "FMNMX", "FSEL", "FSETP", "DADD", "DMUL", "DFMA", "DSETP", "MUFU")
INSTRUCTION = re.compile(r"\s+(?:/\*[0-9a-f]+\*/\s+)?(?:@!?U?P\w+\s+)?([A-Z][\w.]*)(.*);")


def text(nvdisasm: str, binary: Path) -> str:
    """The machine code in a file that ptxas wrote."""
    done = subprocess.run([nvdisasm, "-c", str(binary)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"nvdisasm: {done.stderr}")
    return done.stdout


def loops(code: str) -> list[list[str]]:
    """The opcodes from the start of each loop to the jump back there."""
    places: dict[str, int] = {}
    opcodes: list[str] = []
    found = []
    for line in code.splitlines():
        if label := re.match(r"\s*\.(L_x_\d+):", line):
            places[label[1]] = len(opcodes)
        elif instruction := INSTRUCTION.match(line):
            opcodes.append(instruction[1])
            target = re.search(r"\.(L_x_\d+)\b", instruction[2])
            if instruction[1].startswith("BRA") and target and target[1] in places:
                found.append(opcodes[places[target[1]] :])
    return found


def ahead(code: str) -> float:
    """The share of the main loop's arithmetic that stands behind a load of global memory, mean over its loads.

    1: all loads come first, and the whole of the arithmetic runs while they are under way. The main loop is the one
    with the most loads before its first store.
    """
    loop = max(loops(code), key=lambda ops: _count(ops[: _first(ops, "STG")], "LDG"))
    whole, before, shares = _count(loop, *ARITHMETIC), 0, []
    for opcode in loop:
        before += opcode.startswith(ARITHMETIC)
        if opcode.startswith("LDG"):
            shares.append((whole - before) / whole)
    return sum(shares) / len(shares)


def _count(opcodes: list[str], *beginnings: str) -> int:
    return sum(opcode.startswith(beginnings) for opcode in opcodes)


def _first(opcodes: list[str], beginning: str) -> int:
    return next((i for i, opcode in enumerate(opcodes) if opcode.startswith(beginning)), len(opcodes))
