"""Calls of an op's functions, for comparisons of its CUDA kernels with the reference."""

from __future__ import annotations

import contextlib
import copy
import importlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from entries import ENTRIES

from indrnn_np import backend
from indrnn_np._gradcheck.hosted import Hosted, hosted
from indrnn_np.ops.catalogue import Draw

# Sizes that every function is called with: one element, odd sizes, rows of 16 bytes, rows that a warp shares.
SIZES = (
    {"T": 1, "B": 1, "D": 1, "H": 1, "K": 1},
    {"T": 9, "B": 3, "D": 2, "H": 4, "K": 5},
    {"T": 23, "B": 5, "D": 3, "H": 12, "K": 33},
    {"T": 33, "B": 2, "D": 17, "H": 40, "K": 10},
)
EMPTY = tuple({"T": 5, "B": 5, "D": 2, "H": 4, "K": 6} | {name: 0} for name in "TBDHK")  # one axis each

BEHIND_H0 = "out"  # recurrence.forward in place: `out` holds h0 and, after it, the pre-activations a


@dataclass(frozen=True)
class Call:
    """One call of a function of an op with NumPy arrays.

    Attributes
    ----------
    op, name : str
        The function.
    dtype : str
    arguments : dict
        Arguments by name. The call changes copies of them.
    twin : str
        Module of the op that is compared with the reference: "cuda" or "plain_cuda".
    note : str
        Description of the arguments for error messages.
    scan : bool
        Whether the function is that of the op's scan over time; the scan in NumPy is then the reference.
    """

    op: str
    name: str
    dtype: str
    arguments: dict[str, Any] = field(repr=False)
    twin: str = "cuda"
    note: str = ""
    scan: bool = False

    def changed(self, note: str, **arguments: Any) -> Call:
        """Return the call with other values of some arguments."""
        return replace(self, arguments=self.arguments | arguments, note=f"{self.note}, {note}")

    def as_a_scan(self, chunk: int) -> Call:
        """Return the call of the scan over time, in chunks of so many time steps."""
        return replace(self.changed(f"chunk={chunk}", chunk=chunk, report={}), scan=True)

    def run(self, twin: str) -> list[np.ndarray]:
        """Return the results of one twin and, after them, every array argument as the call left it."""
        arguments = copy.deepcopy(self.arguments)  # arguments that are the same array stay one
        if self.arguments.get("out") is BEHIND_H0:
            arguments["out"] = np.concatenate([arguments["h0"][None], arguments["a"]])
            arguments["a"] = arguments["out"][1:]
        with np.errstate(all="ignore"):
            table = hosted(twin).parallel(self.op) if self.scan else getattr(_table(twin), self.op)
            result = getattr(table, self.name)(**arguments)
        parts = result if isinstance(result, tuple) else (result,)
        arrays = [value for value in arguments.values() if isinstance(value, np.ndarray)]
        return [np.asarray(part) for part in (*parts, *arrays) if part is not None]


def _table(twin: str) -> Any:
    if twin != "plain_cuda":
        return hosted(twin)
    return Hosted(_Plain())


class _Plain:
    """Table of the plain CUDA twins."""

    name, device = "plain_cuda", property(lambda self: backend.get("cuda").device)
    serves = None

    def __getattr__(self, op: str) -> SimpleNamespace:
        return importlib.import_module(f"indrnn_np.ops.{op}.plain_cuda")


def drawn(
    op: str, name: str, dtype: str, sizes: tuple[dict[str, int], ...] = SIZES, **fixed: Any
) -> Iterator[Call]:
    """Yield a call for each size and each combination of the entry's options; an option in `fixed` has one value."""
    entry = ENTRIES[op, name]
    for number, size in enumerate(sizes):
        for options in entry.variants("cuda", **fixed):
            draw = Draw(np.random.default_rng(number), dtype, **size)
            with contextlib.suppress(
                ValueError, IndexError
            ):  # there is nothing to draw, or `forward` refuses it
                yield Call(op, name, dtype, entry.arguments(draw, **options), note=f"{size} {options}")
