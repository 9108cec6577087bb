"""Calls of the public API with borderline and hostile arguments: refused, or equal to a plain reference.

A family of calls draws valid arguments, with `random.Random` and the catalogue's `Draw`, and returns a name, the
arguments and run(backend, **arguments). With backend "reference" `run` computes the same by a plain route.
"""

from __future__ import annotations

import sys

import numpy as np

from indrnn_np.ops.catalogue import Draw

from . import functions, networks
from .damage import changed
from .judge import Attempt, difference
from .networks import ANY, REFERENCE, ROUNDING

# Groups of families, each with the largest number (a larger one may ask for memory) and the comparison.
SMALL, LARGE, PASSES = (1000, difference), (np.inf, difference), (1000, networks.passes_differ)
FAMILIES = (
    {networks.op: (1000, networks.op_differs)},
    dict.fromkeys(networks.FAMILIES, SMALL) | dict.fromkeys((networks.built, networks.training), PASSES),
    dict.fromkeys(functions.FAMILIES, SMALL) | dict.fromkeys(functions.OF_NUMBERS, LARGE),
)


def clean(value):
    """Return an array as a contiguous, native copy."""
    is_array = isinstance(value, np.ndarray)
    return np.array(value, value.dtype.newbyteorder("="), order="C", subok=False) if is_array else value


class Part:
    """One call an input."""

    size = sys.maxsize

    def __init__(self, folder):
        self.folder = folder

    def attempt(self, rng, number):
        """Draw a call and valid arguments, and change some of them."""
        family, (most, compare) = rng.choice([*rng.choice(FAMILIES).items()])
        draw = Draw(np.random.default_rng(rng.getrandbits(32)), rng.choice([*ROUNDING]), 5, 3, 2, 4, 3)
        name, arguments, run, *changes = family(rng, draw)
        done, given = changed(arguments, rng, most, kinds=family is not networks.op)
        before = {key: clean(value) for key, value in given.items()}
        arrays = {key: value for key, value in before.items() if isinstance(value, np.ndarray)}
        real = [value for value in arrays.values() if value.dtype.kind == "f"]
        coarse = "float32" in name or any(value.itemsize < 8 for value in real)
        tolerance = ROUNDING["float32" if coarse else "float64"]

        def wrong(result):
            written = {key for key, value in arrays.items() if difference(clean(given[key]), value)}
            if written - set(*changes):
                return f"{written} were changed"
            huge = any((np.abs(value[np.isfinite(value)]) > 1e30).any() for value in real)
            right = ANY if huge else run(REFERENCE, **before)  # overflow depends on the order of operations
            return "" if right is ANY else compare(result, right, name, tolerance)

        return Attempt(f"{name}, {done}", lambda: run("cpu", **given), wrong)
