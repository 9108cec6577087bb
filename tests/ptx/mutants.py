"""Faulty PTX: the texts of kernels with one line changed, which the checks have to notice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ptx.program import Program

WINDOW = 6  # lines after the computation of an address in which its access is looked for


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


def mutants(program: Program, most: int) -> Iterator[Mutant]:
    """Yield mutants whose changed line was executed: all barriers, and at most `most` of each other kind."""
    for line, text in enumerate(program.lines):
        if "bar.sync" in text:
            yield Mutant(program.name, line, "", "no barrier")
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
