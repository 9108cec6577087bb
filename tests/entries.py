"""Calls of every function of every op, drawn by the catalogue: what the tests that all ops share walk over."""

import inspect

import numpy as np
import pytest

from indrnn_np import backend
from indrnn_np._gradcheck.hosted import hosted
from indrnn_np.ops.catalogue import Draw, entries

SIZES = {"T": 5, "B": 3, "D": 2, "H": 4, "K": 6}
ENTRIES = {(entry.op, entry.name): entry for entry in entries()}
FUNCTIONS = list(ENTRIES)
each_function = pytest.mark.parametrize("op, name", FUNCTIONS, ids=[".".join(case) for case in FUNCTIONS])
EVERYWHERE = [(b, *case) for b in backend.backends() for case in FUNCTIONS if backend.get(b).serves(case[0])]
on_each_backend = pytest.mark.parametrize("backend, op, name", EVERYWHERE, ids=map("-".join, EVERYWHERE))
OUT = [
    case
    for case, entry in ENTRIES.items()
    if not entry.changes and "out" in inspect.signature(entry.reference()).parameters
]


def arguments(op, name, dtype="float64", seed=0):
    """Draw the arguments of one call, with every optional array but `out`."""
    entry = ENTRIES[op, name]
    return entry.arguments(Draw(np.random.default_rng(seed), dtype, **SIZES), **entry.full)


def run(name, op, function, dtype="float64", **changes):
    """Call the function, with some arguments changed; return all arrays that it returned or changed."""
    entry, given = ENTRIES[op, function], arguments(op, function, dtype) | changes
    result = entry.function(hosted(name))(**given)
    changed = [given[name] for name in entry.changes]
    parts = result if isinstance(result, tuple) else (result,)
    return [np.asarray(part) for part in (*parts, *changed) if part is not None]


def place_of_out(op, name):
    """Return the position of the result that `out` receives."""
    entry = ENTRIES[op, name]
    return entry.results.index(entry.out) if entry.out else 0
