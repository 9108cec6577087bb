"""Choose the form of the recurrence's CUDA kernels: all forms give the same bits.

In a narrow form a thread owns one column, and the form is the number of time steps whose loads are in flight while it
computes as many time steps. In the form "wide" a thread owns the columns that 16 bytes hold, and LOADS loads are in
flight.

Bytes in flight keep memory busy. Many columns need few of them from each thread, and few columns need many.
"""

from __future__ import annotations

from ..._cuda import target
from ..._cuda.arrays import DeviceArray
from ..._cuda.vector_access import BYTES, aligned
from .cuda_steps import GROUP, LOADS

WIDE = "wide"

# Time steps of the narrow forms, by the bytes of a number. The deepest ones take up to 255 registers of a thread.
FORWARD = {4: (8, 32, 64), 8: (8, 32)}
BACKWARD = {4: (8, 16, 32), 8: (8, 16)}

# Bytes that a multiprocessor must have in flight to keep memory busy: 4.8 TB/s · 1.1 µs / 132. (A load takes 0.7 µs
# when memory is idle, and longer when it is not.) A thread of the wide form has LOADS · 16 bytes in flight.
BYTES_IN_FLIGHT = 40 * 1024
WIDE_THREADS = BYTES_IN_FLIGHT // (LOADS * BYTES)

# "wide": use the wide form if the arrays permit it. A number: use the deepest narrow form with at most as many time
# steps. None: choose by the number of columns.
force_form: str | int | None = None


def choose(depths: dict[int, tuple[int, ...]], loads: int, h: DeviceArray, *others: DeviceArray) -> str | int:
    """Return the form for arrays (time, B, H), of which a time step loads `loads` numbers a column.

    The wide form needs samples whose rows begin at multiples of 16 bytes, and enough threads to fill the GPU.
    Otherwise the kernel loads as few time steps ahead as keep memory busy, or as the sequence has.
    """
    T, columns, size = h.shape[0] - 1, h[0].size, h.dtype.itemsize
    threads = columns / target.multiprocessors()  # of a multiprocessor, in a narrow form
    wide = threads * size // BYTES >= WIDE_THREADS if force_form is None else force_form == WIDE
    if wide and h.shape[2] * size % BYTES == 0 and all(aligned(array) for array in (h, *others)):
        return WIDE
    if isinstance(force_form, int):
        return max(steps for steps in depths[size] if steps <= force_form)
    enough = (s for s in depths[size] if s >= T or threads * s * loads * size >= BYTES_IN_FLIGHT)
    return next(enough, depths[size][-1])


def suffix(form: str | int) -> str:
    """Return the part of a kernel's name that stands for its form."""
    return {WIDE: ".wide", GROUP: ""}.get(form, f".ahead{form}")


def limits(form: str | int, depths: dict[int, tuple[int, ...]]) -> tuple[str, int | None]:
    """Return the dtype of a kernel's arrays, and the most registers of a thread.

    The deepest form is a form of float32 only: in float64 its registers do not suffice. Without a limit of its own,
    ptxas gives forward's deepest form 168 registers and waits for some loads at once.
    """
    if form != depths[4][-1]:
        return "real", None
    return "float32", 255 if form == FORWARD[4][-1] else None
