"""Faulty PTX: the texts of kernels with one line changed, which the checks have to notice."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest

from ptx import comparison, findings, program, settings
from ptx.calls import Call
from ptx.program import Program

FEW, MANY = 2, 20  # mutants of a kind of each kernel
FUEL = 1_000_000  # jumps; a loop without an end is found after them
WINDOW = 6  # lines after the computation of an address in which its access is looked for
TICKET = re.compile(r"\s*atom\.global\.add\.u32\s+(%r\d+), \[%rd\d+\], 1;")


@dataclass(frozen=True)
class Mutant:
    """A kernel's PTX with another text in the place of one line. `line` counts from 0."""

    kernel: str
    line: int
    text: str
    fault: str

    def mutate(self, name: str, text: str) -> str:
        """Return the PTX of a kernel, changed if it is this kernel. `settings.mutate` takes this function."""
        if name != self.kernel:
            return text
        lines = text.splitlines()
        lines[self.line] = self.text
        return "\n".join(lines)


def assert_found(calls: Iterable[Call], patch: pytest.MonkeyPatch, prefix: str = "") -> None:
    """Assert that some of the calls notice each mutant of the kernels that they launch, whose names begin so."""
    patch.setattr(program, "_programs", {})
    patch.setattr(settings, "fuel", FUEL)
    expected = [(call, comparison.check(call)) for call in calls]
    most, own = MANY if comparison.long else FEW, [p for p in program.programs() if p.name.startswith(prefix)]
    changed = [mutant for one in own for mutant in mutants(one, most)]
    missed = [mutant for mutant in changed if not is_found(mutant, expected, patch)]
    program.counts["mutants"] += len(changed)
    program.counts["mutants found"] += len(changed) - len(missed)
    assert changed and not missed, missed


def is_found(mutant: Mutant, expected: list[tuple[Call, bytes]], patch: pytest.MonkeyPatch) -> bool:
    """Return whether a call has a finding, other bits or an error in one of four orders."""
    patch.setattr(settings, "mutate", mutant.mutate)
    for (call, bits), seed in itertools.product(expected, range(len(settings.ORDERS))):
        patch.setattr(settings, "seed", seed)
        results = None
        with contextlib.suppress(ValueError):  # a loss refuses labels that it counted as wrong
            results = b"".join(result.tobytes() for result in call.run("cuda"))
        found = findings.kinds()
        findings.clear()
        if found or results != bits:
            return True
    return False


def mutants(program: Program, most: int) -> Iterator[Mutant]:
    """Yield mutants whose changed line was executed: all barriers, fences and tickets, `most` of each other kind."""
    for line, text in enumerate(program.lines):
        if "bar.sync" in text or "membar" in text:
            yield Mutant(program.name, line, "", "no barrier, or no fence")
        if ticket := TICKET.match(text) if program.ptx.has_fences else None:
            yield Mutant(
                program.name, line, f"mov.u32 {ticket[1]}, %ctaid.x;", "the number of the block as its ticket"
            )
    for kind in (_wrong_addresses, _wrong_loops):
        found = list(kind(program))
        yield from found[:: max(1, -(-len(found) // most))]


def _wrong_addresses(program: Program) -> Iterator[Mutant]:
    """The address of an access is that of the next element."""
    for line, text in enumerate(program.lines):
        made = re.match(r"\s*add\.s64\s+(%rd\d+),", text)
        following = range(line + 1, min(line + WINDOW, len(program.lines)))
        for number in following if made else ():
            access = re.search(
                rf"(ld|st)\.global.*\.\w(\d+)\s.*\[{made[1]}(\+-?\d+)?\]", program.lines[number]
            )
            if access and program.covered[number + 1]:
                shift = f"\n\tadd.s64 {made[1]}, {made[1]}, {int(access[2]) // 8};"
                yield Mutant(program.name, line, text + shift, "another address")
                break


def _wrong_loops(program: Program) -> Iterator[Mutant]:
    """A loop whose last block accesses memory ends where it has to continue, and the other way round."""
    labels: dict[str, int] = {}
    first = 0  # line of the block
    for line, text in enumerate(program.lines):
        jump = re.match(r"\s*@(%p\d+)\s+bra\s+(\$\w+);", text)
        if jump and jump[2] in labels and program.covered[first : line + 1].any():
            yield Mutant(program.name, line, text.replace("@", "@!"), "another end of a loop")
        if label := re.match(r"\s*(\$\w+):", text):
            labels[label[1]] = line
        if label or "bra" in text:
            first = line + 1
