"""Sizes of updates: SGD in closed form, the next update of a run, and the command."""

import numpy as np
import pytest
from saved_arrays import read_npz
from small_runs import QUIET, STUDY, adding, net_for

import indrnn_np as ir
from indrnn_np.commands import cli
from indrnn_np.study import updates
from indrnn_np.tasks import Batch


def linear(t):
    """y = w x + b with w = 4, b = 0 and x = 0 or 2: the gradients of the mse are known."""
    net = ir.Sequential([ir.Linear(2, 1)], dtype="float64")
    net.params["0.W"][:], net.params["0.b"][:] = [[4.0, 3.0]], 0.0
    return net, Batch(np.array([[[0.0, 2.0]]]), np.full((1, 1, 1), t))


def test_an_update_of_sgd_is_the_learning_rate_times_the_gradient():
    """y = 6, so g = 2 (6 - t) (0, 2, 1) for (W, b)."""
    net, batch = linear(1.0)
    optimizer, start = ir.SGD(0.1), {"0.W": np.array([[4.0, 0.0]]), "0.b": np.array([2.0])}
    found = updates(net, batch, optimizer, start=start)
    assert found.names == ("0.W", "0.b") and found.sizes.tolist() == [2, 1]
    np.testing.assert_allclose(found.gradients, [20, 10], rtol=1e-12)
    np.testing.assert_allclose(found.updates, 0.1 * found.gradients, rtol=1e-12)
    np.testing.assert_allclose(found.norms, [5, 0], rtol=1e-12)
    np.testing.assert_allclose(found.ratios, [0.4, np.nan], rtol=1e-12)
    np.testing.assert_allclose(found.distances, [3, 2], rtol=1e-12)
    assert found.zeros.tolist() == [1, 0] and found.counts.sum(axis=1).tolist() == [1, 1]
    bins = found.counts.argmax(axis=1)  # 20 and 10
    assert (found.edges[bins] <= [20, 10]).all() and (found.edges[bins + 1] > [20, 10]).all()
    assert found.words() == (
        "|update| / |parameter| is between 0.4 (0.W) and 0.4 (0.W) at a learning rate of 0.1; 33.3 % of the gradient's "
        "entries are zero"
    )
    assert net.params["0.W"].tolist() == [[4.0, 3.0]] and net.iteration == optimizer.t == 0


def test_limits_of_the_gradient_and_another_learning_rate():
    net, batch = linear(1.0)
    by_norm = updates(net, batch, ir.SGD(0.1), clip_norm=1.0, lr=0.5)
    np.testing.assert_allclose(by_norm.gradients, np.array([20, 10]) / np.sqrt(500), rtol=1e-12)
    np.testing.assert_allclose(by_norm.updates, 0.5 * by_norm.gradients, rtol=1e-12)
    by_value = updates(net, batch, ir.SGD(0.1), clip_value=3.0)
    np.testing.assert_allclose(by_value.gradients, [3, 3], rtol=1e-12)
    assert by_norm.lr == 0.5 and np.isnan(by_norm.distances).all()
    with pytest.raises(ValueError, match=r"study\.updates: lr is -1\.0, expected a number of at least 0"):
        updates(net, batch, ir.SGD(0.1), lr=-1.0)


@pytest.mark.parametrize("optimizer", [ir.Adam(0.05), ir.SGD(0.05, momentum=0.9)], ids=["adam", "sgd"])
def test_the_next_update_of_a_run_is_measured_and_not_made(optimizer):
    """The projection of u belongs to an update; the moments are those of the run."""
    task, options = adding(), {"batch": 5, "clip_norm": 1.0, **QUIET}
    net = net_for(task)
    ir.fit(net, task, optimizer, iterations=3, **options)
    before, moments = net.state_dict(), optimizer.state_dict()
    found = updates(net, task.batch(3, 5), optimizer, task.loss, clip_norm=1.0)
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())
    assert all(np.array_equal(moments[name], value) for name, value in optimizer.state_dict().items())
    ir.fit(net, task, optimizer, iterations=1, **options)
    made = [np.linalg.norm(net.params[name].astype(float) - before[name]) for name in found.names]
    np.testing.assert_allclose(found.updates, made, rtol=1e-12)
    assert net.iteration == 4 and min(made) > 0


def test_a_network_of_zeros_has_no_ratio():
    net, batch = linear(1.0)
    net.flat[...] = 0
    found = updates(net, batch, ir.SGD(0.1))
    assert np.isnan(found.ratios).all() and found.words().startswith("all parameters are zero; ")
    assert found.table()["update / norm"] is not None and len(found.table()["parameter"]) == 2


def test_the_command_draws_the_film_of_a_training(tmp_path, capsys, figure):
    arguments = [*STUDY, "--train", "4", "--frames", "3", "--out", str(tmp_path)]
    assert cli.main(["study", "updates", *arguments]) == 0
    assert "before training: |update| / |parameter| is between" in capsys.readouterr().out
    found = read_npz(tmp_path / "updates-indrnn.npz")
    assert found["iterations"].tolist() == [0, 2, 4] and found["counts"].shape == (3, 8, 80)
    assert (found["distances"][0] == 0).all() and (found["distances"][2] > 0).all()
    left, middle, right, _ = figure[0].axes
    assert left.get_title("left") == "IndRNN: |update| / |parameter|" and right.images
    assert middle.get_title("left") == "distance from the start" and middle.get_xlabel() == "iteration"
    np.testing.assert_array_equal(middle.lines[0].get_ydata()[1:], found["distances"][1:, 0])


def test_the_command_needs_a_training(tmp_path, capsys):
    assert cli.main(["study", "updates", *STUDY, "--train", "0", "--out", str(tmp_path)]) == 2
    assert "study updates: train is 0, expected a number of at least 1" in capsys.readouterr().err


def test_one_update_is_drawn(tmp_path, figure):
    net, batch = linear(1.0)
    found = updates(net, batch, ir.SGD(0.1), title="a")
    found.plot(path=tmp_path / "updates.png")
    left, right = figure[0].axes
    assert left.get_ylabel() == "|update| / |parameter|" and left.get_title("left") == "a"
    assert right.get_title("left") == "33.3 % of the gradient's entries are zero"
    assert left.patches[0].get_height() == pytest.approx(0.4)
