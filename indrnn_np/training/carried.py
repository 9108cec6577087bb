"""The state that one batch hands on to the next: a stream of windows, where a gradient ends at each window's edge.

A network's state is nested tuples of arrays, counts of steps, and None. In a checkpoint the arrays stand by name and
the nesting as JSON, so that a resumed run goes on with the very numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import _check

ARRAY = "array"  # key of what stands in the nesting for an array: its name


def pack(ops: Any, state: Any, name: str = "carried") -> tuple[Any, dict[str, np.ndarray]]:
    """Return a state's nesting, for JSON, and its arrays by name, as NumPy's."""
    if isinstance(state, tuple):
        parts = [pack(ops, part, f"{name}.{i}") for i, part in enumerate(state)]
        return [nesting for nesting, _ in parts], {n: a for _, arrays in parts for n, a in arrays.items()}
    if _check.is_array(state):
        return {ARRAY: name}, {name: np.array(ops.to_host(state))}
    return state, {}


def unpack(ops: Any, nesting: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return the state that `pack` took apart, with arrays of this backend."""
    if isinstance(nesting, list):
        return tuple(unpack(ops, part, arrays) for part in nesting)
    return ops.asarray(arrays[nesting[ARRAY]]) if isinstance(nesting, dict) else nesting


def load(net: Any, contents: Any, batch: Any) -> Any:
    """Return the state that a checkpoint holds for `batch`, the run's next one; None if that starts anew.

    Raises ValueError if there is none for a batch that goes on with one, or one for another number of samples.
    """
    if not batch.carry:
        return None
    nesting, path, samples = contents.header["meta"].get("carried"), contents.path, batch.x.shape[1]
    if nesting is None:
        _check.fail("train", f"{path} holds no state", "one", "because the next batch goes on with it")
    for array in contents.own.values():
        if len(array) != samples:
            _check.fail("train", f"{path} holds the state of {len(array)} samples", f"{samples}",
                        "because the next batch goes on with it, and has so many")  # fmt: skip
    return unpack(net.ops, nesting, contents.own)
