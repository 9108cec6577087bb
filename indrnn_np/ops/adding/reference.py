"""Sequences of the adding problem in plain NumPy."""

from __future__ import annotations

import numpy as np

from ..random import reference as random
from . import contract


def draw(key, steps, size, dtype="float32", first=0, count=None):
    """Draw `size` sequences of the adding problem, and return `count` of them.

    Parameters
    ----------
    key : tuple of 3 int
        (seed, stream, iteration). Values come from this key, markers from (seed, stream + 1,
        iteration).
    steps, size : int
        Sequence length T, and the number of sequences that the key describes.
    dtype : str or dtype
        "float32" or "float64".
    first, count : int
        First sequence, and the number of sequences. None means all from `first` on.

    Returns
    -------
    x : array (T, count, 2)
        Value and marker at each time step.
    target : array (count, 1)
        Sum of the two marked values.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    dtype, key_of_markers, count = contract.check("adding.draw", key, steps, size, dtype, first, count)
    x, half, columns = np.zeros((steps, size, 2), dtype), steps // 2, np.arange(size)
    x[:, :, 0] = random.uniform(key, (steps, size), dtype)
    uniforms = random.uniform(key_of_markers, (2, size), "float64")
    mark1 = (uniforms[0] * half).astype(np.int64)
    mark2 = half + (uniforms[1] * (steps - half)).astype(np.int64)
    x[mark1, columns, 1] = 1
    x[mark2, columns, 1] = 1
    target = x[mark1, columns, 0] + x[mark2, columns, 0]
    part = slice(first, first + count)
    return np.ascontiguousarray(x[:, part]), target[part, None]
