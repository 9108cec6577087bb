"""Registers of the launched kernels as the driver reports them, beside the committed table of ptxas."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import registers

from indrnn_np._cuda import launch, target

from .part import Part

TABLE = Path(__file__).parents[1] / "results" / "ptx.md"
REGISTERS = 2**16  # of a multiprocessor


def register_check(part: Part, launched: set[launch.Kernel]) -> None:
    """List the kernels whose registers differ from the table.

    It is a failure if a wide kernel of the recurrence then runs fewer blocks on a multiprocessor.
    """
    if target.SIMULATED:
        return
    capability = ".".join(map(str, target.cuda.get_current_device().compute_capability))
    expected, compared = committed(TABLE.read_text(encoding="utf-8"), capability), 0
    table = part.table(
        f"Registers, other than in the table of {capability}", "kernel", "dtype", "table", "this GPU"
    )
    for name, dtype, used in in_use(launched):
        if (name, dtype) not in expected:
            part.note(f"registers: {TABLE.name} has no {name} {dtype} for compute capability {capability}")
            continue
        compared += 1
        known = expected[name, dtype]
        if used != known:
            table.row(name, dtype, known, used, registers=used)
        if ".wide" in name and blocks(used) < blocks(known):
            part.fail(f"{name} {dtype} takes {used} registers, expected {known}: fewer blocks run at once")
    table.row(f"{compared} kernels compared", "", "", "", compared=compared)


def committed(text: str, capability: str) -> dict[tuple[str, str], int]:
    """Return the registers of each kernel and dtype for a compute capability, from the table of registers.py."""
    lines = [
        [cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines() if "|" in line
    ]
    header = next(line for line in lines if line[0] == "kernel")
    if capability not in header:
        return {}
    column, found = header.index(capability), {}
    for name, dtype, *cells in lines:
        if len(cells) == len(header) - 2 and cells[column - 2].isdigit():
            found[name, dtype] = int(cells[column - 2])
    return found


def in_use(launched: set[launch.Kernel]) -> Iterator[tuple[str, str, int]]:
    """Yield name, dtype and registers of each compiled kernel; without arrays of reals the dtype is "-"."""
    for name, kernel in registers.kernels():
        for signature, used in kernel.compiled.get_regs_per_thread().items() if kernel in launched else ():
            yield name, dtype_of(kernel, signature), used


def dtype_of(kernel: launch.Kernel, signature: Any) -> str:
    """Return the dtype that stands for `real` in the argument types of a compiled kernel."""
    dtypes = registers.dtypes(kernel)
    if len(dtypes) == 1:
        return dtypes[0] or "-"
    place = [type_.startswith("real") for type_ in re.split(r",\s*(?![^\[]*\])", kernel.signature)].index(
        True
    )
    return str(getattr(signature[place], "dtype", signature[place]))


def blocks(used: int) -> int:
    """Return how many blocks of 128 threads run on a multiprocessor, which gives out registers by 8 a thread."""
    return REGISTERS // (128 * (-(-used // 8) * 8))
