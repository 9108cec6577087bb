"""The loads and stores of PTX that have been executed, of those that can be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np

from indrnn_np._cuda.launch import Kernel
from ptx.program import Program, counts

INSTRUCTION = re.compile(r"(?:@!?(%p\d+)\s+)?([a-z][\w.]*)\s*([^;]*);")
DIVISION = re.compile(r"(div|rem)\.[su](32|64)")


# Lines that no launcher reaches, and why.
UNREACHABLE = {
    "moments_kernel": 20,  # all_valid is false with lengths, but the compiler keeps that path in both copies of its
    "normalise_kernel": 10,  # loop; and the last of a thread's rows that are not all valid is never valid
    "layernorm.normalise[1]": 30,  # rows without units
}


def assert_covered(kernels: Iterable[Kernel], programs: Iterable[Program]) -> None:
    """Assert that every load and store has been executed, but for those in UNREACHABLE; count them."""
    total, missing = executed(kernels, programs)
    counts["loads and stores"] += total
    counts["loads and stores not executed"] += sum(map(len, missing.values()))
    for name, lines in missing.items():
        assert len(lines) <= UNREACHABLE.get(name, 0), f"{name} was not executed in {lines}"


def executed(kernels: Iterable[Kernel], programs: Iterable[Program]) -> tuple[int, dict[str, list[str]]]:
    """Return the number of loads and stores of global and shared memory, and those that were not executed.

    A kernel is compiled for each combination of argument types and each value of its constants. Texts that differ
    in numbers and mangled names only are counted once.

    Returns
    -------
    total : int
    missing : dict
        Lines that were not executed, by kernel; ["not launched"] for a kernel that was not launched for each dtype.
    """
    total, missing, programs = 0, {}, list(programs)
    for kernel in kernels:
        forms: dict[str, list[Program]] = {}
        for program in programs:
            if program.name == kernel.name:
                forms.setdefault(re.sub(r"_Z\w+|\d+", "", program.text), []).append(program)
        counts["kernel variants"] += len(forms)
        for first, *others in forms.values():
            covered = np.any([program.covered for program in (first, *others)], axis=0)
            accesses = reachable(first.lines).intersection(first.accesses)
            total += len(accesses)
            lines = [f"{n}: {first.lines[n - 1].strip()}" for n in sorted(accesses) if not covered[n]]
            if lines:
                missing.setdefault(kernel.name, []).extend(lines)
        if not forms:
            missing[kernel.name] = ["not launched"]
    return total, missing


def reachable(lines: list[str]) -> set[int]:
    """Return the numbers of the lines that can be executed, counted from 1.

    numba's n // d and n % d are 0 for d = 0, so the compiler makes a copy of some loops for that. No launcher passes
    a divisor of 0: the size of an axis of an array with elements. The copies are left out.
    """
    labels = {line.strip()[:-1]: n for n, line in enumerate(lines, 1) if re.match(r"\s*\$\w+:", line)}
    zero = dict(_tests_of_divisors(lines))
    found, ahead = set(), [1]
    while ahead:
        n = ahead.pop()
        if n in found or n > len(lines):
            continue
        found.add(n)
        guard, op, operands = _parts(lines[n - 1])
        test = zero.get(guard, "") if op.startswith("bra") else ""
        if op.startswith("bra") and test != "eq":
            ahead.append(labels[operands])
        if not (op in ("ret", "bra.uni") and not guard) and test != "ne":
            ahead.append(n + 1)
    return found


def _tests_of_divisors(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the predicate and the comparison, "eq" or "ne", of each comparison of a divisor with 0."""
    instructions = [
        (op, [part.strip() for part in operands.split(",")]) for _, op, operands in map(_parts, lines)
    ]
    divisors = {parts[2] for op, parts in instructions if DIVISION.fullmatch(op)}
    divisors |= {parts[1] for op, parts in instructions if op == "cvt.u32.u64" and parts[0] in divisors}
    for op, parts in instructions:
        if re.match(r"setp\.(eq|ne)\.[su]64", op) and parts[2] == "0" and parts[1] in divisors:
            yield parts[0], op[5:7]


def _parts(line: str) -> tuple[str, str, str]:
    """Return the predicate that guards an instruction, its opcode and its operands; empty where there is none."""
    match = INSTRUCTION.match(line.strip())
    return (match[1] or "", match[2], match[3].strip()) if match else ("", "", "")
