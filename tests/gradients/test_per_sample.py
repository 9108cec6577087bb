"""Gradients of single samples: they add up, and each is the gradient of its sample alone."""

import numpy as np
import pytest
from small_networks import LENGTHS, LOSSES, B, problem

import indrnn_np as ir
from indrnn_np.gradients.problem import Problem

NAMES = ("last step", "reverse", "relu", "containers", "tied", "gates", "pairs", "exp")


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", NAMES)
def test_the_gradients_of_the_samples_add_up(name, loss, backend):
    net, x, target = problem(name, loss, backend)
    for lengths in (None, LENGTHS):
        samples = ir.study.per_sample(net, x, target, loss, lengths=lengths)
        total, size = Problem("test", net, x, target, loss, lengths).gradient()[2], 0.0
        gradients = samples.gradients()
        assert list(gradients) == list(net.params) == list(samples.names)
        for parameter, gradient in gradients.items():
            assert gradient.shape == (B, *net.params[parameter].shape)
            size = max(size, float(np.abs(gradient).sum(axis=0).max()))
        for parameter, gradient in gradients.items():
            assert np.abs(gradient.sum(axis=0) - total[parameter]).max() <= 1e-12 * size
        norms = np.sqrt(sum((g.reshape(B, -1) ** 2).sum(axis=1) for g in gradients.values()))
        np.testing.assert_allclose(samples.norms, norms, rtol=1e-12)


@pytest.mark.parametrize(
    "name", ["last step", "relu", "gates", "pairs", "exp"]
)  # dropout masks depend on the place in the batch
def test_a_sample_alone_has_its_own_gradient(name):
    net, x, target = problem(name)
    gradients = ir.study.per_sample(net, x, target).gradients()
    for b in range(B):
        y = np.ascontiguousarray(target[b : b + 1] if target.ndim == 1 else target[:, b : b + 1])
        alone = Problem("test", net, np.ascontiguousarray(x[:, b : b + 1]), y).gradient()[2]
        for parameter, gradient in alone.items():
            np.testing.assert_allclose(B * gradients[parameter][b], gradient, rtol=1e-9, atol=1e-13)


def test_batch_norm_needs_running_statistics():
    net, x, target = problem("batch norm")
    with pytest.raises(
        ValueError, match=r"per-sample gradients: BatchNorm normalises by .* statistics='running'"
    ):
        ir.study.per_sample(net, x, target)
    net.buffers["1.mean"][...] += 0.3
    samples = ir.study.per_sample(net, x, target, statistics="running")
    direction, start, sides = np.random.default_rng(0).standard_normal(net.size), net.flat.copy(), []
    for sign in (1, -1):
        net.flat[...] = start + sign * 1e-6 * direction
        sides.append(Problem("test", net, x, target, running=True).value)
    net.flat[...] = start
    views = type(net.params)(net.params.shapes, direction)
    derivative = sum(float((g.sum(axis=0) * views[name]).sum()) for name, g in samples.gradients().items())
    assert derivative == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-6)


def test_noise_signal_and_cosines_in_closed_form():
    """y = b: the gradient of a sample is b - target, so its variance is that of the targets."""
    targets = np.array([[1.0], [2.0], [4.0], [9.0]])
    net = ir.Sequential(
        [ir.IndRNN(1, 1, "identity", 0.0), ir.LastStep(), ir.Linear(1, 1)], steps=2, dtype="float64"
    )
    net.flat[...] = 0
    samples = ir.study.per_sample(net, np.zeros((2, 4, 1)), targets)
    assert np.array_equal(samples.gradients(["2.b"])["2.b"], -2 * targets / 4)
    assert samples.variance().sum() == pytest.approx(4 * np.var(targets, ddof=1))
    signal = (2 * targets.mean()) ** 2 - 4 * np.var(targets, ddof=1) / 4
    assert samples.noise_scale() == pytest.approx(4 * np.var(targets, ddof=1) / signal)
    assert samples.signal_to_noise()["2.b"] == pytest.approx(
        2 * targets.mean() / np.sqrt(np.var(targets, ddof=1))
    )
    assert np.isinf(samples.signal_to_noise()["2.W"]) and np.allclose(samples.cosines(), 1.0)
    assert "4 samples" in repr(samples)


def test_a_single_sample_has_no_variance_and_names_are_checked():
    net, x, target = problem("last step")
    one = ir.study.per_sample(net, np.ascontiguousarray(x[:, :1]), target[:1])
    with pytest.raises(ValueError, match=r"study\.per_sample: the batch has 1 sample, expected at least 2"):
        one.noise_scale()
    with pytest.raises(ValueError, match=r"study\.per_sample: name is '0.V'"):
        one.gradients(["0.V"])
    with pytest.raises(ValueError, match=r"study\.per_sample: statistics is 'none'"):
        ir.study.per_sample(net, x, target, statistics="none")
