"""Kernels that hold the states of few columns in vectors give the bits of the loops over rows."""

import itertools

import numpy as np
import pytest
from tile_kinds import each_kind, needs_tiles, only

from indrnn_np.ops.indrnn import few_inputs
from indrnn_np.ops.recurrence import few_columns
from indrnn_np.ops.recurrence.cpu import BackwardPass, ForwardPass
from indrnn_np.ops.recurrence.few_columns import COPIED
from indrnn_np.ops.recurrence.steps import FLUSH

T = COPIED + 2 * FLUSH + 5
SHAPES = [(1, 1), (2, 1), (1, 3), (1, 7), (2, 4), (2, 8), (1, 17), (3, 21), (4, 16)]  # (B, H)
CASES = [("relu", "float32", *shape) for shape in SHAPES]
CASES += [("tanh", "float64", *shape) for shape in SHAPES[3::4]]
CASES += [(activation, dtype, 1, 5) for activation, dtype in (
    ("tanh", "float32"), ("sigmoid", "float32"), ("identity", "float32"),
    ("relu", "float64"), ("sigmoid", "float64"), ("identity", "float64"),
)]  # fmt: skip
SPECIAL = [np.nan, np.inf, -np.inf, 0, -0.0, 1e30]


class Problem:
    """Arrays of a recurrence, with some values that are not finite, and both of its passes."""

    def __init__(self, activation, dtype, B, H, lengths, reverse):
        rng = np.random.default_rng(0)
        real = lambda *shape: rng.standard_normal(shape).astype(dtype)  # noqa: E731
        self.a, self.dh, self.h0, self.dhT = real(T, B, H), real(T, B, H), real(B, H), real(B, H)
        self.u, self.b = rng.uniform(-1, 1, H).astype(dtype), real(H)
        for array in (self.a, self.dh):
            steps, neurons = rng.integers(0, T, len(SPECIAL)), rng.integers(0, H, len(SPECIAL))
            array[steps, :, neurons] = np.array(SPECIAL)[:, None]
        self.lengths = rng.integers(0, T + 1, B) if lengths else None
        self.options = activation, self.lengths, reverse
        edges = [0, 1, FLUSH + 3, T - 7, T]
        self.spans = list(itertools.pairwise(edges))[:: -1 if reverse else 1]

    def forward(self, in_place):
        """Return the states, computed in several chunks of time."""
        h = np.full((T + 1, *self.h0.shape), 7, self.a.dtype)
        h[0] = self.h0
        if in_place:
            h[1:] = self.a
        walk = ForwardPass(h, self.u, self.b, *self.options)
        for t0, t1 in self.spans:
            walk.run(t0, t1, 0, walk.B, None if in_place else self.a)
        return h

    def backward(self, h, has_dh, dhT):
        """Return da and all sums, computed in several chunks of time and pieces of the batch."""
        walk, da = BackwardPass(h, self.u, dhT, *self.options), np.full_like(self.a, 7)
        dh, samples = self.dh if has_dh else None, [(0, 1), (1, walk.B)][: walk.B]
        for (t0, t1), (b0, b1) in itertools.product(self.spans[::-1], samples):
            part = np.full((t1 - t0, b1 - b0, walk.H), 7, da.dtype)
            walk.run(t0, t1, b0, b1, dh, part, (t0, b0))
            da[t0:t1, b0:b1] = part
        return da, walk.total, walk.partial, walk.carry


def assert_same_bits(found, wanted):
    """Compare bits; a NaN equals every NaN."""
    for one, other in zip(found, wanted, strict=True):
        one, other = (np.where(np.isnan(array), array.dtype.type(np.nan), array) for array in (one, other))
        assert one.tobytes() == other.tobytes()


def with_loops(function, *args):
    """Call a function while no vector is used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(few_columns, "width_for", lambda row, block: None)
        patch.setattr(few_inputs, "width_for", lambda row, block: None)
        return function(*args)


@needs_tiles
@pytest.mark.parametrize("activation, dtype, B, H", CASES)
def test_the_bits_of_the_recurrence(activation, dtype, B, H):
    for lengths, reverse in itertools.product([False, True], repeat=2):
        problem = Problem(activation, dtype, B, H, lengths, reverse)
        for in_place in (False, True):
            h = with_loops(problem.forward, in_place)
            assert_same_bits([problem.forward(in_place)], [h])
        for has_dh, dhT in ((True, None), (False, problem.dhT)):
            args = h, has_dh, dhT
            assert_same_bits(problem.backward(*args), with_loops(problem.backward, *args))


@needs_tiles
@pytest.mark.parametrize("activation, dtype, D, H", [
    ("relu", "float32", 1, 16), ("relu", "float32", 2, 1), ("relu", "float32", 3, 5), ("tanh", "float64", 2, 7),
    ("sigmoid", "float32", 1, 3), ("identity", "float64", 3, 16),
])  # fmt: skip
def test_the_bits_of_the_cell_with_few_inputs(activation, dtype, D, H):
    for B, lengths, reverse in itertools.product([1, 2], [False, True], [False, True]):
        problem = Problem(activation, dtype, B, H, lengths, reverse)
        rng = np.random.default_rng(D)
        x, W = (rng.standard_normal(shape).astype(dtype) for shape in ((T, B, D), (H, D)))

        def forward(problem=problem, x=x, W=W):
            h = np.full((T + 1, *problem.h0.shape), 7, x.dtype)
            h[0] = problem.h0
            few_inputs.forward(x, W, problem.u, problem.b, h, *problem.options)
            return h

        assert_same_bits([forward()], [with_loops(forward)])


@each_kind
@needs_tiles
def test_the_width_of_a_vector(vectors):
    with only(vectors):
        widest = few_columns.WIDTHS[{"avx512f": 64, "avx2": 32}[vectors]][-1]
        assert [few_columns.width_for(n, n) for n in (0, 1, 2, 16)] == [None, 1, 16, 16]
        assert few_columns.width_for(widest, widest) == few_columns.width_for(widest, widest - 1) == widest
        assert few_columns.width_for(widest, 1) == 1
        assert few_columns.width_for(widest + 1, 1) is few_columns.width_for(widest + 1, widest + 1) is None


def test_without_tiles_there_are_loops(monkeypatch):
    monkeypatch.setattr(few_columns.tiles, "size", lambda itemsize: None)
    few_columns.widths.cache_clear()
    assert few_columns.width_for(1, 1) is None
    few_columns.widths.cache_clear()
