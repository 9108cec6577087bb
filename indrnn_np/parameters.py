"""Named views of one flat array: parameters, gradients and an optimizer's moments all have this form."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from . import _check


class Views(Mapping[str, np.ndarray]):
    """A flat array (P,) and the arrays by name that it is made of; writing to either changes both.

    Parameters
    ----------
    shapes
        Name to shape, in the order of the flat array.
    flat
        The array to view.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], flat: np.ndarray) -> None:
        self.shapes = dict(shapes)
        self.flat = flat
        _check.shape(
            "Views", "flat", flat, (total_size(shapes),), "because the named arrays need that many numbers"
        )
        self._views, start = {}, 0
        for name, shape in self.shapes.items():
            size = math.prod(shape)
            self._views[name] = flat[start : start + size].reshape(shape)
            start += size

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._views:
            raise KeyError(f"{name!r}, known are: {', '.join(self._views)}")
        return self._views[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def __repr__(self) -> str:
        return f"<{len(self)} arrays, {self.flat.size} numbers of {self.flat.dtype}: {', '.join(self)}>"


def total_size(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """How many numbers arrays of these shapes hold together."""
    return sum(math.prod(shape) for shape in shapes.values())


def load_arrays(
    where: str, own: Mapping[str, Any], arrays: Mapping[str, np.ndarray], assign: Callable[[Any, Any], None]
) -> None:
    """`assign` each of `arrays` to that of the same name and shape in `own`; on any difference nothing is changed."""
    if set(arrays) != set(own):
        missing, unknown = sorted(set(own) - set(arrays)), sorted(set(arrays) - set(own))
        _check.fail(where, f"missing {missing}, unknown {unknown}", f"the names {sorted(own)}")
    for name, value in arrays.items():
        _check.shape(where, name, np.asarray(value), own[name].shape, "as the network has it")
    for name, value in arrays.items():
        assign(own[name], np.asarray(value))
