"""What hypothesis draws for layers: small sizes with 1 and odd numbers, lengths with 0 and T."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from indrnn_np import backend
from indrnn_np.ops.recurrence.activation import ACTIVATIONS

# The `backend` fixture of conftest.py lives for one function, which hypothesis refuses beside @given.
each_backend = pytest.mark.parametrize(
    "backend", [name for name in backend.backends() if backend.get(name).device.arrays is np.ndarray]
)
activations = st.sampled_from(tuple(ACTIVATIONS))
seeds = st.integers(0, 2**20)


@st.composite
def batches(draw, most=(7, 4, 4)):
    """An input x (T, B, D) in float64 and a seed."""
    T, B, D = (draw(st.integers(1, m)) for m in most)
    seed = draw(seeds)
    return np.random.default_rng(seed).standard_normal((T, B, D)), seed


@st.composite
def ragged(draw, x, least=0):
    """No lengths, or one for each sample of x, at least one of them above 0."""
    if draw(st.booleans()):
        return None
    T, B = x.shape[:2]
    lengths = np.array(draw(st.lists(st.integers(least, T), min_size=B, max_size=B)))
    lengths[draw(st.integers(0, B - 1))] = T
    return lengths
