"""Noise of the gradient: copies of one sample, two groups of samples in closed form, and the command."""

import json

import numpy as np
import pytest
from saved_arrays import read_npz
from small_networks import problem
from small_runs import STUDY

import indrnn_np as ir
from indrnn_np.commands import cli
from indrnn_np.study import noise
from indrnn_np.tasks import Batch


def test_copies_of_one_sample_have_no_noise():
    net, x, _ = problem("last step")
    x = np.ascontiguousarray(np.repeat(x[:, :1], 6, axis=1))
    before = net.state_dict()
    found = noise(net, Batch(x, np.full(6, 2)))
    assert 0 <= found.scale < 1e-14 and found.samples == 6
    np.testing.assert_allclose(found.cosines, 1, rtol=1e-12)
    np.testing.assert_allclose(found.norms, found.norms[0], rtol=1e-12)
    assert found.ratios.min() > 1e6 and len(found.cosines) == 15
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())


def two_groups(dtype="float64"):
    """y = w x + b at zero: the gradient of sample b's loss (y - t_b)² is -2 t_b (x, 1), here with x = 2."""
    net = ir.Sequential([ir.Linear(1, 1)], dtype=dtype)
    net.flat[...] = 0
    t = np.array([3.0, 3.0, 3.0, -1.0, -1.0])
    return net, t, Batch(np.full((1, 5, 1), 2.0), t.reshape(1, 5, 1))


def test_two_groups_of_samples_in_closed_form():
    net, t, batch = two_groups()
    found = noise(net, batch)
    spread, factors = t.var(ddof=1), np.array([16.0, 4.0])  # (2 x)² and 2²
    np.testing.assert_allclose(found.variance, factors * spread, rtol=1e-12)
    np.testing.assert_allclose(found.signal, factors * (t.mean() ** 2 - spread / 5), rtol=1e-12)
    assert found.scale == pytest.approx(spread / (t.mean() ** 2 - spread / 5), rel=1e-12)
    np.testing.assert_allclose(found.ratios, abs(t.mean()) / np.sqrt(spread / 5), rtol=1e-12)
    first = np.array([b < 3 for b in range(5)])
    i, j = np.triu_indices(5, 1)
    np.testing.assert_allclose(found.cosines, np.where(first[i] == first[j], 1, -1), rtol=1e-12)
    np.testing.assert_allclose(found.norms, 2 * np.abs(t) * np.sqrt(5) / 5, rtol=1e-12)


def test_without_a_signal_the_scale_is_infinite():
    net, _, batch = two_groups()
    t = np.array([1.0, -1.0, 1.0, -1.0, 0.0]).reshape(1, 5, 1)
    found = noise(net, Batch(batch.x, t))
    assert found.scale == np.inf and (found.signal < 0).all()
    assert found.words().startswith("the noise scale is infinite (no signal found), from a batch of 5;")
    assert np.isnan(found.cosines).sum() == 4  # the last sample has no gradient
    assert found.table()["parameter"] == ["0.W", "0.b"]


def test_batch_norm_needs_running_statistics():
    net, x, target = problem("batch norm")
    with pytest.raises(ValueError, match="expected statistics='running'"):
        noise(net, Batch(x, target))
    assert np.isfinite(noise(net, Batch(x, target), statistics="running").norms).all()
    with pytest.raises(ValueError, match="the batch has 1 sample, expected at least 2"):
        noise(*problem_of_one_sample())


def problem_of_one_sample():
    net, x, target = problem("relu")
    return net, Batch(np.ascontiguousarray(x[:, :1]), np.ascontiguousarray(target[:, :1]))


def test_the_command_draws_a_film(tmp_path, capsys, figure):
    arguments = [*STUDY, "--train", "2", "--frames", "3", "--out", str(tmp_path)]
    assert cli.main(["study", "noise", *arguments]) == 0
    assert "before training: the noise scale is" in capsys.readouterr().out
    found = read_npz(tmp_path / "noise-indrnn.npz")
    assert found["ratios"].shape == (3, 8) and found["cosines"].shape == (3, 3)
    left, middle, right = figure[0].axes
    assert left.get_ylabel().startswith("noise scale") and left.get_title("left") == "IndRNN"
    assert [line.get_label() for line in middle.lines[:8]] == found["names"][0].tolist()
    np.testing.assert_array_equal(middle.lines[0].get_ydata(), found["ratios"][:, 0])
    for line, values in zip(right.lines, (found["cosines"], np.abs(found["cosines"])), strict=True):
        np.testing.assert_allclose(line.get_ydata(), values.mean(axis=1), rtol=1e-12)


def test_the_command_measures_a_network_as_it_is(tmp_path, capsys, figure):
    arguments = [*STUDY, "--train", "0", "--set", "batchnorm=yes", "--json", "--out", str(tmp_path)]
    assert cli.main(["study", "noise", "--statistics", "running", *arguments]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["kind"] == "noise" and "signal-to-noise" in found["table"]
    left, right = figure[0].axes
    assert left.get_ylabel() == "signal-to-noise ratio" and right.get_title("left").startswith(
        "noise scale: "
    )
