"""Machine code of a CUDA kernel, as nvdisasm shows it: how much a loop computes before it waits for its loads.

ptxas orders instructions itself, so PTX does not show whether loads run ahead of a chain. A load sets one of six
scoreboards, and an instruction that names the scoreboard waits for every load that has set it.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

ARITHMETIC = ("FADD", "FMUL", "FFMA", "FMNMX", "FSEL", "FSETP", "DADD", "DMUL", "DFMA", "DSETP", "MUFU")
CODE = r"\s*/\* 0x([0-9a-f]{16}) \*/"
INSTRUCTION = re.compile(rf"^\s+/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)(.*);{CODE}\n{CODE}", re.M)
LABEL = re.compile(r"^\s*\.(L_x_\d+):", re.M)


class Instruction(NamedTuple):
    """An opcode, the scoreboard that it sets when its result is there (7: none), and a mask of those it waits for."""

    opcode: str
    scoreboard: int
    waits: int


def text(nvdisasm: str, binary: Path) -> str:
    """The machine code in a file that ptxas wrote."""
    done = subprocess.run([nvdisasm, "-c", "-hex", str(binary)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"nvdisasm: {done.stderr}")
    return done.stdout


def loops(code: str) -> list[list[Instruction]]:
    """The instructions from the start of each loop to the jump back there."""
    labels = [(match.start(), match[1]) for match in LABEL.finditer(code)]
    places: dict[str, int] = {}
    instructions: list[Instruction] = []
    found = []
    for match in INSTRUCTION.finditer(code):
        while labels and labels[0][0] < match.start():
            places[labels.pop(0)[1]] = len(instructions)
        control = (
            int(match[4], 16) >> 41
        )  # 4 bits of stall, yield, 3 bits of each scoreboard that is set, waits
        instructions.append(Instruction(match[1], control >> 5 & 7, control >> 11 & 63))
        target = re.search(r"\.(L_x_\d+)\b", match[2])
        if match[1].startswith("BRA") and target and target[1] in places:
            found.append(instructions[places[target[1]] :])
    return found


def ahead(code: str) -> tuple[float, float]:
    """The share of the main loop's arithmetic between a load of global memory and the first wait for it.

    The mean over the loads and the least. 1: the whole of a turn runs while the loads are under way. The main loop is
    the one with the most loads before its first store.
    """
    loop = max(loops(code), key=lambda loop: _count(loop[: _first(loop, "STG")], "LDG"))
    whole, shares = _count(loop, *ARITHMETIC), []
    for i, load in enumerate(loop):
        if load.opcode.startswith("LDG"):
            later = loop[i + 1 :] + loop[: i + 1]
            wait = next((k for k, each in enumerate(later) if each.waits >> load.scoreboard & 1), len(later))
            shares.append(_count(later[:wait], *ARITHMETIC) / whole)
    return sum(shares) / len(shares), min(shares)


def _count(loop: list[Instruction], *beginnings: str) -> int:
    return sum(each.opcode.startswith(beginnings) for each in loop)


def _first(loop: list[Instruction], beginning: str) -> int:
    return next((i for i, each in enumerate(loop) if each.opcode.startswith(beginning)), len(loop))
