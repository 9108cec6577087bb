"""What hypothesis draws for ops: shape, options and a seed; the arrays come from the seed, not element by element.

Sizes reach 1 and odd numbers, recurrent weights stand near -1, 0 and 1, initial states are not zero, lengths go
from 0 to T.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import strategies as st
from tolerances import TOLERANCE, assert_close, nan_filled

from indrnn_np import backend
from indrnn_np._gradcheck.hosted import hosted
from indrnn_np.ops.recurrence.activation import ACTIVATIONS

JIT = not numba.config.DISABLE_JIT
REFERENCE = backend.get("reference")
BACKENDS = backend.backends()  # with the simulator or a GPU "cuda" is among them
TWINS = tuple(name for name in BACKENDS if name != REFERENCE.name)
DTYPES = ("float32", "float64")
# Hypothesis refuses the `backend` fixture, which lives for one function, beside @given.
each_backend = pytest.mark.parametrize("ops", [hosted(name) for name in BACKENDS], ids=BACKENDS)
each_twin = pytest.mark.parametrize("ops", [hosted(name) for name in TWINS], ids=TWINS)
# Not the GPU: thousands of calls, or of simulated threads, show nothing there that a few do not.
HOSTS = tuple(name for name in BACKENDS if backend.get(name).device.arrays is np.ndarray)
each_host = pytest.mark.parametrize("ops", [backend.get(name) for name in HOSTS], ids=HOSTS)
GPUS = tuple(name for name in BACKENDS if name not in HOSTS)
each_gpu = pytest.mark.parametrize("ops", [hosted(name) for name in GPUS], ids=GPUS)


def serving(op, names=BACKENDS):
    """For those of the backends that have a twin of the op, or take the reference for one."""
    able = [name for name in names if backend.get(name).serves(op)]
    return pytest.mark.parametrize("ops", [hosted(name) for name in able], ids=able)


each_dtype = pytest.mark.parametrize("dtype", DTYPES)
each_activation = pytest.mark.parametrize("activation", ACTIVATIONS)

seeds = st.integers(0, 2**32 - 1)
dtypes = st.sampled_from(DTYPES)
activations = st.sampled_from(tuple(ACTIVATIONS))
steps = st.sampled_from([1, 2, 3, 7, 15, 16, 17, 35])  # du is summed in runs of 16 steps
batches = st.sampled_from([1, 2, 3, 5])
units = st.sampled_from([1, 2, 3, 7, 8, 17])


def curved(activation):
    """Whether φ is not linear on both sides of 0, so that φ' varies."""
    return activation not in ("relu", "identity")


class Workspace:
    """Hands out buffers full of NaN, and remembers their names."""

    def __init__(self):
        self.names = []

    def array(self, name, shape, dtype):
        self.names.append(name)
        return nan_filled(shape, dtype)


def recurrent_weight(rng, H):
    """Weights near -1, 0 and 1, both sides of the bound, and anything between, in any order."""
    near = rng.choice([-1.0, 0.0, 1.0], H) + rng.normal(0, 0.01, H)
    exact = rng.choice([-1.0, 0.0, 1.0, 0.5], H)
    kind = rng.integers(0, 3, H)
    return np.choose(kind, [near, exact, rng.uniform(-1, 1, H)])


@st.composite
def maybe_lengths(draw, rng, T, B):
    """None, or valid steps from 0 to T for each sample, in one of the integer dtypes."""
    if draw(st.booleans()):
        return None
    return rng.integers(0, T + 1, B).astype(draw(st.sampled_from(["int64", "int32", "uint8"])))


@dataclass
class Recurrence:
    """A problem for recurrence and indrnn."""

    rng: np.random.Generator
    arrays: dict[str, np.ndarray]  # a, u, h0, dh, dhT
    options: dict[str, Any]  # activation, lengths, reverse

    def __getattr__(self, name):
        return self.arrays[name]

    @property
    def valid(self):
        """(T, B, 1): the steps that count."""
        T, B, _ = self.arrays["a"].shape
        lengths = self.options["lengths"]
        return (np.arange(T)[:, None] < (np.full(B, T) if lengths is None else lengths))[:, :, None]

    def forward(self, ops, **arrays):
        given = {name: self.arrays[name] for name in ("a", "u", "h0")}
        return ops.recurrence.forward(**{**given, **arrays}, **self.options)

    def backward(self, ops, h, **arrays):
        given = {"dh": self.arrays["dh"], "dhT": self.arrays["dhT"], "u": self.arrays["u"]}
        return ops.recurrence.backward(h=h, **{**given, **arrays}, **self.options)

    def sizes(self, da, h):
        """What rounding of da, du and dh0 is measured against: the sums of absolute terms.

        Where a curved φ is saturated, φ' is a difference of nearly equal numbers: its rounding is that of 1.
        """
        arriving = max(np.abs(g).max() for g in (self.arrays["dh"], self.arrays["dhT"], da))
        before = np.maximum(np.abs(h[:1]), np.abs(h)).max(axis=0)
        terms = (np.abs(da) + (0.05 * arriving if curved(self.options["activation"]) else 0)) * before
        return [arriving], terms.sum(axis=(0, 1)), [arriving]

    def cell(self):
        """x (T, B, D), W (H, D), b (H,) for the cell over this recurrence."""
        T, B, H = self.arrays["a"].shape
        D = int(self.rng.integers(1, 6))
        x, W, b = (self.rng.standard_normal(shape) for shape in ((T, B, D), (H, D), (H,)))
        return {name: value.astype(self.arrays["a"].dtype) for name, value in (("x", x), ("W", W), ("b", b))}


@st.composite
def recurrences(draw, dtypes=dtypes, activations=activations, lengths=True, smooth=False):
    """A problem; `smooth` keeps away from u and a that stand exactly at a kink."""
    rng = np.random.default_rng(draw(seeds))
    T, B, H = draw(steps), draw(batches), draw(units)
    dtype = draw(dtypes)
    arrays = {name: rng.standard_normal((T, B, H)) for name in ("a", "dh")}
    arrays |= {
        "u": recurrent_weight(rng, H),
        "h0": rng.standard_normal((B, H)),
        "dhT": rng.standard_normal((B, H)),
    }
    if smooth:
        arrays["u"] += rng.normal(0, 1e-3, H)
    elif draw(st.booleans()):
        arrays["a"] *= rng.random((T, B, H)) < 0.7  # exact zeros: with u = 0 the kink of relu
    options = {
        "activation": draw(activations),
        "lengths": draw(maybe_lengths(rng, T, B)) if lengths else None,
        "reverse": draw(st.booleans()),
    }
    return Recurrence(rng, {name: value.astype(dtype) for name, value in arrays.items()}, options)


def assert_sums_close(actual, expected, magnitude, name=""):
    """assert_close for sums: the error is taken over the largest sum of absolute terms, for terms may cancel."""
    largest = np.asarray(magnitude).astype(expected.dtype).reshape(-1).max()
    pair = (np.append(value.reshape(-1), largest) for value in (actual, expected))
    assert actual.shape == expected.shape and actual.dtype == expected.dtype, name
    assert_close(*pair, name)


def assert_same_gates(actual, expected):
    """The same units are open, unless rounding decides: both outputs within the tolerance of the kink."""
    differ = (actual > 0) != (expected > 0)
    near = np.maximum(np.abs(actual), np.abs(expected))[differ]
    limit = TOLERANCE[expected.dtype.name] * np.abs(expected).max()
    assert (near <= limit).all(), f"{differ.sum()} gates differ, by outputs of up to {near.max()}"


def with_padding(array, valid, value):
    """The array with `value` wherever no step counts."""
    return np.where(valid, array, np.asarray(value, array.dtype))
