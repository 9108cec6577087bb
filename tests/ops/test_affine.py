"""y = W x + b over any leading axes."""

import numpy as np
from differences import assert_gradients
from hypothesis import given
from hypothesis import strategies as st
from strategies import JIT, REFERENCE, assert_sums_close, dtypes, each_backend, each_dtype, each_twin, seeds
from tolerances import nan_filled

leading = st.lists(st.sampled_from([1, 2, 3, 7, 33]), min_size=0, max_size=3 if JIT else 2)
sizes = st.sampled_from([1, 2, 3, 17])


def problem(seed, lead, D, K, dtype="float64"):
    rng = np.random.default_rng(seed)
    shapes = {"x": (*lead, D), "W": (K, D), "b": (K,), "dy": (*lead, K)}
    return rng, {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}


@each_backend
@each_dtype
def test_literal_values(ops, dtype):
    x, W, b = (
        np.array([[1, 2], [3, -1]], dtype),
        np.array([[2, 0.5], [-1, 1], [0, 3]], dtype),
        np.array([1, 0, -2], dtype),
    )
    assert ops.affine.forward(x, W, b).tolist() == [[4, 1, 4], [6.5, -4, -5]]
    dx, dW, db = ops.affine.backward(np.array([[1, 0, 2], [0, -1, 1]], dtype), x, W)
    assert dx.tolist() == [[2, 6.5], [1, 2]]
    assert dW.tolist() == [[1, 2], [-3, 1], [5, 3]]
    assert db.tolist() == [1, -1, 3]


@each_twin
@given(seed=seeds, lead=leading, D=sizes, K=sizes, dtype=dtypes)
def test_twin_equals_reference(ops, seed, lead, D, K, dtype):
    _, p = problem(seed, lead, D, K, dtype)
    out = nan_filled((*lead, K), dtype)
    y = ops.affine.forward(p["x"], p["W"], p["b"], out)
    assert y is out
    size = np.abs(p["x"]) @ np.abs(p["W"].T) + np.abs(p["b"])
    assert_sums_close(y, REFERENCE.affine.forward(p["x"], p["W"], p["b"]), size, "y")
    out = nan_filled(p["x"].shape, dtype)
    found = ops.affine.backward(p["dy"], p["x"], p["W"], out)
    assert found[0] is out
    wanted = REFERENCE.affine.backward(p["dy"], p["x"], p["W"])
    rows, inputs = np.abs(p["dy"].reshape(-1, K)), np.abs(p["x"].reshape(-1, D))
    terms = (rows @ np.abs(p["W"]), rows.T @ inputs, rows.sum(axis=0))
    for name, one, other, size in zip(("dx", "dW", "db"), found, wanted, terms, strict=True):
        assert_sums_close(one, other, size, name)


@each_backend
@each_dtype
def test_without_the_input_gradient_the_others_keep_their_bits(ops, dtype):
    _, p = problem(3, (7, 3), 5, 4, dtype)
    _, *expected = ops.affine.backward(p["dy"], p["x"], p["W"])
    dx, *rest = ops.affine.backward(p["dy"], p["x"], p["W"], input_gradient=False)
    assert dx is None
    assert [array.tobytes() for array in rest] == [array.tobytes() for array in expected]


@given(seed=seeds, lead=leading, D=sizes, K=sizes)
def test_reference_against_differences(seed, lead, D, K):
    rng, p = problem(seed, lead, D, K)
    dy = p.pop("dy")
    found = REFERENCE.affine.backward(dy, p["x"], p["W"])
    assert_gradients(
        lambda **arrays: np.sum(REFERENCE.affine.forward(**arrays) * dy),
        p,
        dict(zip(("x", "W", "b"), found, strict=True)),
        rng,
    )


@each_backend
def test_many_rows_are_summed_exactly(ops):
    """2^24 + 1 ones do not fit a float32 sum; 100000 times 0.1 shows the same at less cost, and so do 1000 times."""
    n = 100_000 if JIT else 1_000
    dy, x, W = np.full((n, 1), 0.1, np.float32), np.ones((n, 1), np.float32), np.ones((1, 1), np.float32)
    db = ops.affine.backward(dy, x, W)[2]
    assert db[0] == np.float32(n * float(np.float32(0.1)))
