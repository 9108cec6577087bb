"""Hessian and Gauss-Newton matrix: symmetry, differences of gradients, and the operators of SciPy."""

import numpy as np
import pytest
from scipy.sparse.linalg import eigsh
from small_networks import LENGTHS, LOSSES, T, problem

import indrnn_np as ir
from indrnn_np.gradients.problem import Problem

NAMES = ("last step", "reverse", "relu", "containers", "tied", "exp")


def dense(operator):
    return operator @ np.eye(operator.shape[0])


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", NAMES)
def test_hessian_is_the_derivative_of_the_gradient(name, loss, backend):
    net, x, target = problem(name, loss, backend)
    for lengths in (None, LENGTHS):
        H, rng = ir.curvature.hessian(net, x, target, loss, lengths=lengths), np.random.default_rng(1)
        v, w = rng.standard_normal((2, net.size))
        product = H @ v
        assert abs(w @ product - v @ (H @ w)) <= 1e-10 * np.linalg.norm(product) * np.linalg.norm(w)
        start, sides = net.flat.copy(), []
        for sign in (1, -1):
            net.flat[...] = start + sign * 1e-5 * v
            sides.append(Problem("test", net, x, target, loss, lengths).gradient()[2].flat)
        net.flat[...] = start
        difference = (sides[0] - sides[1]) / 2e-5
        assert np.abs(difference - product).max() <= 1e-6 * np.abs(product).max()


def test_dense_hessian_of_a_small_tanh_network():
    net = ir.Sequential(
        [ir.IndRNN(2, 6, "tanh", input_init=0.5), ir.LastStep(), ir.Linear(6, 3)], steps=5, dtype="float64"
    )
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((5, 4, 2)), rng.integers(0, 3, 4)
    assert net.size == 45
    H, start, columns = dense(ir.curvature.hessian(net, x, target)), net.flat.copy(), []
    for i in range(net.size):
        sides = []
        for sign in (1, -1):
            net.flat[...] = start
            net.flat[i] += sign * 1e-5
            sides.append(Problem("test", net, x, target).gradient()[2].flat)
        columns.append((sides[0] - sides[1]) / 2e-5)
    net.flat[...] = start
    np.testing.assert_allclose(H, np.stack(columns, axis=1), atol=1e-7 * np.abs(H).max())
    np.testing.assert_allclose(H, H.T, atol=1e-12 * np.abs(H).max())


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", [*NAMES, "gates", "batch norm"])
def test_gauss_newton_is_positive_semidefinite(name, loss):
    net, x, target = problem(name, loss)
    G = dense(ir.curvature.gauss_newton(net, x, target, loss))
    np.testing.assert_allclose(G, G.T, atol=1e-12 * np.abs(G).max())
    assert np.linalg.eigvalsh(G).min() >= -1e-12 * np.abs(G).max()


def test_gauss_newton_is_the_hessian_where_the_output_is_linear():
    """One identity layer: y is linear in W and b while u and the read-out are fixed."""
    net = ir.Sequential(
        [ir.IndRNN(2, 4, "identity", input_init=0.5), ir.LastStep(), ir.Linear(4, 2)],
        steps=5,
        dtype="float64",
    )
    rng = np.random.default_rng(0)
    arguments = net, rng.standard_normal((5, 6, 2)), rng.standard_normal((6, 2))
    H, G = (dense(make(*arguments)) for make in (ir.curvature.hessian, ir.curvature.gauss_newton))
    block = np.concatenate([np.full(p.size, name in ("0.W", "0.b")) for name, p in net.params.items()])
    np.testing.assert_allclose(H[np.ix_(block, block)], G[np.ix_(block, block)], atol=1e-13 * np.abs(G).max())
    assert np.abs(H - G).max() > 1e-3 * np.abs(G).max()


def test_scipy_finds_eigenvalues_and_the_trace_agrees():
    net, x, target = problem("last step")
    H = ir.curvature.hessian(net, x, target)
    values = np.linalg.eigvalsh(dense(H))
    largest = eigsh(H, k=2, which="LA", return_eigenvectors=False)
    np.testing.assert_allclose(np.sort(largest), values[-2:], rtol=1e-8)
    estimate, error = ir.curvature.trace(H, probes=400)
    assert error > 0 and abs(estimate - values.sum()) < 5 * error
    assert np.array_equal(H.T @ np.ones(net.size), H @ np.ones(net.size))


def test_products_keep_the_dtype_and_the_network():
    net, x, target = problem("containers")
    single = net.astype("float32")
    H = ir.curvature.hessian(single, x.astype("float32"), target)
    before = single.flat.copy()
    assert (H @ np.ones(net.size, "float32")).dtype == np.float32 and H.dtype == np.float32
    assert np.array_equal(before, single.flat)
    v = np.random.default_rng(0).standard_normal(net.size)
    expected = ir.curvature.hessian(net, x, target) @ v
    np.testing.assert_allclose(H @ v.astype("float32"), expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("name", "layer"),
    [("gates", "LSTM|GRU|Bidirectional"), ("pairs", "RotatingIndRNN"), ("batch norm", "BatchNorm")],
)
def test_layers_without_second_derivatives_are_named(name, layer):
    net, x, target = problem(name)
    with pytest.raises(
        ValueError, match=f"second derivative: ({layer}) has none, expected layers without gates"
    ):
        ir.curvature.hessian(net, x, target)


def test_wrong_arguments_are_refused():
    net, x, target = problem("relu")
    with pytest.raises(TypeError, match=r"curvature\.hessian: net is 3, expected a network"):
        ir.curvature.hessian(3, x, target)
    with pytest.raises(ValueError, match=r"curvature\.gauss_newton: loss is 'mae', expected"):
        ir.curvature.gauss_newton(net, x, target, "mae")
    with pytest.raises(ValueError, match=r"curvature\.trace: probes is 1, expected a number of at least 2"):
        ir.curvature.trace(ir.curvature.hessian(net, x, target), probes=1)
    with pytest.raises(ValueError, match="x has 7 steps, expected at most 6"):
        ir.curvature.hessian(net, np.zeros((T + 1, 4, 3)), np.zeros((T + 1, 4), np.int64))
