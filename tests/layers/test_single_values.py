"""Batch norm over one value has no gradient: refused where nothing can be learned, said once where a part can't."""

import warnings

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np.layers import single_values
from indrnn_np.tasks.arrays import Arrays
from indrnn_np.training import memory_estimate
from indrnn_np.training.plan import Plan
from indrnn_np.training.single_values import check, known
from indrnn_np.training.trainer import Trainer

T, D, H = 4, 2, 3


@pytest.fixture(autouse=True)
def as_for_users(monkeypatch):
    monkeypatch.setattr(ir.Sequential, "refuses_single_values", True)
    monkeypatch.setattr(ir.Sequential, "warned_of_single_values", False)


def network(per_step=True, steps=T, backend="reference"):
    layers = [ir.IndRNN(D, H), ir.BatchNorm(H, per_step=per_step), ir.LastStep(), ir.Linear(H, 1)]
    return ir.Sequential(layers, steps=steps, backend=backend)


def draw(steps, samples):
    return np.random.default_rng(0).random((steps, samples, D), dtype=np.float32)


def test_over_one_value_the_gradient_is_zero(backend):
    """The reason for all the rest."""
    net = network(backend=backend)
    with known(net, True):
        y, _, tape = net.forward(draw(T, 1))
    grads = net.backward(np.ones_like(y), tape)[2]
    assert not grads["0.W"].any() and grads["3.b"].any()


@pytest.mark.parametrize(
    "per_step, shape, lengths",
    [(True, (T, 1), None), (True, (T, 2), [3, 0]), (False, (1, 1), None), (False, (2, 2), [1, 0])],
)
def test_a_pass_that_cannot_learn_is_refused(per_step, shape, lengths):
    net, lengths = network(per_step), None if lengths is None else np.array(lengths)
    words = (
        "Sequential.forward: batch norm .layer 1. takes each statistic over one value, expected at least two"
    )
    with pytest.raises(ValueError, match=words) as told:
        net.forward(draw(*shape), lengths=lengths)
    assert ("per_step=False" in str(told.value)) == per_step
    with pytest.raises(ValueError, match=words):
        net.recompute_statistics([(draw(*shape), lengths)])
    net.forward(draw(*shape), lengths=lengths, training=False)
    assert net.buffers["1.var"].min() == 1


def test_passes_that_learn_say_nothing():
    network(True).forward(draw(T, 2))
    network(True).forward(draw(T, 3), lengths=np.array([4, 4, 1]))
    network(False).forward(draw(2, 1))
    network(False).forward(draw(1, 2))
    network(True).forward(draw(T, 2), lengths=np.array([0, 0]), training=False)


def test_a_part_that_cannot_learn_is_said_once():
    net, lengths = network(), np.array([4, 3, 1])
    words = r"Sequential.forward: batch norm \(layer 1\) takes 1 of 4 statistics \(25 %\) over one value"
    with pytest.warns(UserWarning, match=words) as told:
        for _ in range(3):
            net.forward(draw(T, 3), lengths=lengths)
    assert len(told) == 1
    with pytest.raises(ValueError, match="takes each statistic over one value"):
        net.forward(draw(T, 1))


def test_a_layer_that_cannot_learn_is_found_beside_one_that_can():
    stack = [ir.IndRNN(D, H), ir.BatchNorm(H), ir.Residual([ir.BatchNorm(H, per_step=True), ir.IndRNN(H, H)])]
    net = ir.Sequential(stack, steps=T, backend="reference")
    with pytest.raises(ValueError, match=r"batch norm \(layer 2.0\) takes each statistic"):
        net.forward(draw(T, 1))


def test_running_variances_outlive_single_values(backend):
    """A step that one sample reaches moved its variance towards 0, and inference there grew without bound."""
    net, lengths = network(backend=backend), np.array([4, 3])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(200):
            net.forward(draw(T, 2), lengths=lengths)
    var, mean = net.buffers["1.var"], net.buffers["1.mean"]
    assert np.array_equal(var[3], np.ones(H)) and (var[:3] < 0.9).all()
    assert mean[3].any()
    assert np.isfinite(net(draw(T, 2), lengths=lengths)).all()


def trained(net, samples, batch, lengths=None, steps=T, **options):
    data = draw(steps, samples), np.zeros((samples, 1), np.float32)
    data = data if lengths is None else (*data, lengths)
    return ir.fit(net, data, ir.SGD(1e-3), batch=batch, progress=False, validate_every=0, **options)


def test_a_run_that_cannot_learn_is_refused_before_it_starts(tmp_path):
    words = "train: batch norm .layer 1. takes each statistic over one value"
    with pytest.raises(ValueError, match=words):
        trained(network(), 5, 1, epochs=1, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(ValueError, match=words):
        trained(network(False), 5, 1, epochs=1, steps=1)


def test_a_last_batch_of_one_sample_is_said_with_its_share():
    net = network()
    with pytest.warns(
        UserWarning, match=r"train: .* takes 4 of 12 statistics \(33 %\) over one value"
    ) as told:
        trained(net, 5, 2, epochs=3)
    assert len(told) == 1 and net.iteration == 9
    with pytest.raises(ValueError, match="takes each"):
        net.forward(draw(T, 1))  # what a run allows, a pass by hand does not


def test_steps_of_the_longest_sample_are_said_with_their_share():
    lengths = np.array([4, 1, 1, 1])
    with pytest.warns(UserWarning, match=r"train: .* takes 3 of 4 statistics \(75 %\)") as told:
        trained(network(), 4, 4, lengths, epochs=2)
    assert len(told) == 1


def test_batches_that_nobody_looked_at_are_said_by_the_pass(monkeypatch):
    monkeypatch.setattr(single_values, "judge", lambda *_, **__: "")
    net = network()
    task = Arrays(draw(T, 3), np.zeros((3, 1), np.float32))
    trainer = Trainer(net, task, ir.SGD(1e-3), Plan(2, batch=2).complete(task, 1e-3))
    monkeypatch.undo()
    with pytest.warns(UserWarning, match="Sequential.forward: .* takes 4 of 4 statistics"):
        trainer.run()


def test_a_run_without_batch_norm_is_not_looked_at():
    class Task:
        def batch(self, iteration, size):
            raise AssertionError

    assert check(ir.plain(D, H, 1, 1, T, backend="reference"), Task(), 1) == ""


def test_what_trains_nothing_says_nothing():
    """A gradient check, and a run's estimate of memory."""
    net = network()
    ir.gradcheck(net, draw(T, 1))
    memory_estimate.estimate(net, T, 1)
    memory_estimate.estimate(net, T, 2, lengths=True)
