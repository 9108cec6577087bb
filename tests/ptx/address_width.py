"""Arithmetic of 32 bits on the way to an address, which would lose the high bits of large positions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from ptx.program import Program

INSTRUCTION = re.compile(r"\s*(?:@!?%p\d+\s+)?([a-z][\w.]*)\s+([^;]*);")
REGISTER = re.compile(r"%(?:rd|r)\d+")
DIVISION = {"div.u32", "rem.u32", "mul.lo.s32", "sub.s32"}  # of operands whose high bits were found to be 0
NO_RESULT = ("ld", "st", "bra", "setp", "bar")


def assert_wide(programs: Iterable[Program]) -> None:
    """Assert that no address of these programs is computed from 32 bits."""
    for program in programs:
        assert not list(narrowed(program.lines)), program.name


def narrowed(lines: list[str]) -> Iterator[str]:
    """Yield the instructions that cut a part of an address to 32 bits, or that extend a result of 32-bit arithmetic."""
    makers, users, addresses = defaultdict(list), defaultdict(set), set()
    for line in lines:
        if not (match := INSTRUCTION.match(line)):
            continue
        op, operands = match.groups()
        registers = REGISTER.findall(operands)
        if re.match(r"(ld|st|atom)\.global", op):
            addresses |= set(re.findall(r"\[(%rd\d+)", operands))
        for register in registers[1:]:
            users[register].add(op)
        if registers and not op.startswith(NO_RESULT):
            makers[registers[0]].append((op, registers[1:], line))
    for register in _sources(addresses, makers):
        for op, operands, line in makers[register]:
            cut = op == "cvt.u32.u64" and not users[register] <= DIVISION
            extended = op == "cvt.s64.s32" and any(source for _, source, _ in makers[operands[0]])
            if cut or extended:
                yield " ".join(line.split())


def _sources(registers: set[str], makers: dict[str, list[tuple[str, list[str], str]]]) -> set[str]:
    """Return the registers from which these are computed, and these."""
    found, ahead = set(), list(registers)
    while ahead:
        register = ahead.pop()
        if register not in found:
            found.add(register)
            ahead += [source for _, sources, _ in makers[register] for source in sources]
    return found
