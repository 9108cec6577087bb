"""Embedding: rows by symbol, and the sum over the places of each."""

import numpy as np
import pytest
from differences import assert_gradients
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    REFERENCE,
    batches,
    dtypes,
    each_backend,
    each_dtype,
    each_gpu,
    each_host,
    each_twin,
    seeds,
    steps,
    units,
)
from tolerances import assert_close, nan_filled

from indrnn_np import backend, set_threads
from indrnn_np._cpu.threads import threads
from indrnn_np._cuda.target import INTEGERS
from indrnn_np.ops.embedding.cuda import CHUNK, CHUNKS, LANES

symbols = st.sampled_from([1, 2, 5, 300])
kinds = st.sampled_from(["int64", "int32", "uint8", "uint64"])


def problem(seed, T, B, H, V, dtype, kind="int64", dropped=False):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, min(V, 256), (T, B)).astype(kind)
    E, dy = rng.standard_normal((V, H)).astype(dtype), rng.standard_normal((T, B, H)).astype(dtype)
    factors = np.where(rng.random(V) < 0.5, 2.0, 0.0).astype(dtype) if dropped else None
    return ids, E, dy, factors


@each_backend
@each_dtype
def test_literal_values(ops, dtype):
    ids = np.array([[0, 2], [2, 2]])
    E = np.array([[1, 2], [3, 4], [5, 6]], dtype)
    assert ops.embedding.forward(ids, E).tolist() == [[[1, 2], [5, 6]], [[5, 6], [5, 6]]]
    factors = np.array([2, 1, 0], dtype)
    assert ops.embedding.forward(ids, E, factors).tolist() == [[[2, 4], [0, 0]], [[0, 0], [0, 0]]]
    dy = np.array([[[1, 0], [2, 3]], [[4, 5], [6, 7]]], dtype)
    assert ops.embedding.backward(dy, ids, 3).tolist() == [[1, 0], [0, 0], [12, 15]]
    assert ops.embedding.backward(dy, ids, 3, factors).tolist() == [[2, 0], [0, 0], [0, 0]]


@each_twin
@given(seed=seeds, T=steps, B=batches, H=units, V=symbols, dtype=dtypes, kind=kinds, dropped=st.booleans())
def test_twin_equals_reference(ops, seed, T, B, H, V, dtype, kind, dropped):
    ids, E, dy, factors = problem(seed, T, B, H, V, dtype, kind, dropped)
    out = nan_filled((T, B, H), dtype)
    assert ops.embedding.forward(ids, E, factors, out) is out
    assert np.array_equal(out, REFERENCE.embedding.forward(ids, E, factors))
    found = ops.embedding.backward(dy, ids, V, factors)
    assert_close(found, REFERENCE.embedding.backward(dy, ids, V, factors))
    absent = np.setdiff1d(np.arange(V), ids)
    assert not found[absent].any()


@each_host
@given(seed=seeds, T=steps, B=batches, H=units, V=symbols, dropped=st.booleans())
def test_gradient(ops, seed, T, B, H, V, dropped):
    ids, E, dy, factors = problem(seed, T, B, H, V, "float64", dropped=dropped)

    def loss(E):
        return float(np.sum(ops.embedding.forward(ids, E, factors) * dy))

    dE = ops.embedding.backward(dy, ids, V, factors)
    assert_gradients(loss, {"E": E}, {"E": dE}, np.random.default_rng(seed))


@each_backend
def test_a_symbol_that_stands_everywhere_is_summed_without_losing_digits(ops):
    """2^24 + 1 ones in float32 stay at 2^24 if they are added one to one; here the sum begins near that."""
    dy = np.ones((300, 4, 1), np.float32)
    dy[0, 0] = 2.0**24
    assert ops.embedding.backward(dy, np.zeros((300, 4), int), 2)[0, 0] == np.float32(2.0**24 + 1199)


def test_no_bit_depends_on_the_number_of_threads():
    ids, E, dy, _ = problem(0, 700, 32, 200, 50, "float32")
    before, found = threads(), []
    try:
        for n in (1, 2, 3):
            set_threads(n)
            ops = backend.get("cpu").embedding
            found.append((ops.forward(ids, E).tobytes(), ops.backward(dy, ids, 50).tobytes()))
    finally:
        set_threads(before)
    assert found[0] == found[1] == found[2]


@each_backend
@pytest.mark.parametrize("wrong", [-1, 4])
def test_an_unknown_symbol_is_named_with_its_place(ops, wrong):
    ids = np.zeros((3, 2), int)
    ids[2, 1] = wrong
    words = rf"ids\[2, 1\] is {wrong}, expected 0 to 3 because there are 4 symbols"
    with pytest.raises(ValueError, match=f"embedding.forward: {words}"):
        ops.embedding.forward(ids, np.zeros((4, 2)))
    with pytest.raises(ValueError, match=f"embedding.backward: {words}"):
        ops.embedding.backward(np.zeros((3, 2, 5)), ids, 4)


@each_backend
def test_symbols_are_integers(ops):
    with pytest.raises(ValueError, match=r"ids has dtype float64, expected an integer dtype"):
        ops.embedding.forward(np.zeros((3, 2)), np.zeros((4, 2)))
    with pytest.raises(ValueError, match=r"symbols is 0, expected a number of at least 1"):
        ops.embedding.backward(np.zeros((3, 2, 5)), np.zeros((3, 2), int), 0)


@each_backend
def test_nan_passes_through(ops):
    E = np.zeros((2, 3))
    E[1, 2] = np.nan
    y = ops.embedding.forward(np.array([[0, 1]]), E, np.array([1.0, 0.0]))
    assert np.isnan(y).sum() == 1 and np.isnan(y[0, 1, 2])  # 0 · NaN: a dropped row hides none


@each_gpu
@pytest.mark.parametrize("T, B, H, V", [(90, 100, 1, 5), (20, 100, 2, 300)])
def test_a_gpu_sorts_many_places_and_many_symbols(ops, T, B, H, V):
    """More places than its chunks take at their smallest, more symbols than a block has threads; one in every other."""
    assert T * B > CHUNKS * CHUNK or V > LANES
    rng = np.random.default_rng(0)
    ids = np.where(rng.random((T, B)) < 0.5, V - 1, rng.integers(0, V, (T, B)))
    dy = rng.standard_normal((T, B, H)).astype(np.float32)
    found = ops.embedding.backward(dy, ids, V)
    assert_close(found, REFERENCE.embedding.backward(dy, ids, V))
    assert np.array_equal(found, ops.embedding.backward(dy, ids, V))


@each_gpu
@pytest.mark.parametrize("kind", INTEGERS)
def test_a_gpu_takes_every_dtype_of_whole_numbers(ops, kind):
    ids, E = np.array([[0, 2], [1, 2]], kind), np.arange(6.0).reshape(3, 2)
    assert np.array_equal(ops.embedding.forward(ids, E), E[ids])
    with pytest.raises(ValueError, match=r"ids\[1, 0\] is 3, expected 0 to 2"):
        ops.embedding.forward(np.array([[0, 2], [3, 2]], kind), E)


@each_gpu
def test_an_unknown_symbol_in_a_graph_gives_nan_and_no_gradient(ops):
    """A graph can't raise: the loss that it gives is NaN then, and nothing outside the table is read or written."""
    gpu = ops.ops
    ids, E = gpu.device.asarray(np.array([[0, 1]])), gpu.device.asarray(np.array([[1.0], [2.0]]))
    dy, graph = gpu.device.asarray(np.array([[[3.0], [4.0]]])), gpu.device.graph()
    with graph.record():
        y, dE = gpu.embedding.forward(ids, E), gpu.embedding.backward(dy, ids, 2)
    graph.launch()
    assert y.to_host().tolist() == [[[1], [2]]] and dE.to_host().tolist() == [[3], [4]]
    gpu.device.assign(ids, np.array([[5, 1]]))
    graph.launch()
    assert np.isnan(y.to_host()).tolist() == [[[True], [False]]] and dE.to_host().tolist() == [[0], [4]]
