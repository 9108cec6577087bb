"""The instrument that runs the scan over time inside a network: closed forms, errors, drawing, command."""

import json

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np.commands import cli
from indrnn_np.study import parallel

T, B = 40, 3


def net_of(*layers, **options):
    return ir.Sequential(list(layers), steps=T, **options)


def test_open_gates_remember_a_power_of_u():
    net = net_of(ir.IndRNN(1, 2, "identity", 0.5))
    found = parallel(net, np.ones((T, B, 1), "float32"), chunk=8)
    np.testing.assert_allclose(found.memory, np.repeat(0.5 ** found.spans[:, None], 2, axis=1))
    assert found.spans.tolist() == [1, 2, 4, 8, 16, 32] and found.chunk.tolist() == [8]
    assert not found.closed.any() and found.columns.tolist() == [2 * B]
    assert found.words().startswith(
        "a chunk of 8 steps multiplies a change of the state before it by at most 0.0039"
    )


def test_closed_gates_forget_and_the_map_is_a_clamp():
    net = net_of(ir.IndRNN(1, 1, recurrent_init=0.9, input_init=0.0))
    net.params["0.W"][...] = 1
    x = np.full((T, 1, 1), -1.0, "float32")
    x[5] = 2
    found = parallel(net, x)
    assert found.closed[0] == 1 - 2 / T  # open at steps 5 and 6
    np.testing.assert_allclose(found.memory[:2, 0], [0.9, 0])
    assert found.passes.tolist() == [1] and found.exact_columns.tolist() == [1]
    after = found.map_to[0, 0]  # after step 0
    np.testing.assert_allclose(after, np.maximum(np.float32(0.9) * found.map_from[0] - 1, 0), rtol=1e-6)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_errors_of_stacks_with_lengths_and_both_directions(activation):
    rng = np.random.default_rng(0)
    both = ir.Bidirectional(ir.IndRNN(2, 3, activation, 0.9, 0.5))
    net = net_of(both, ir.BatchNorm(6), ir.Recurrence(6, activation), ir.LastStep(), ir.Linear(6, 1))
    before = net.flat.copy()
    found = parallel(net, rng.standard_normal((T, B, 2), "float32"), np.array([T, 7, 1]), title="a")
    assert found.layers == ("0.forward", "0.reverse", "2") and found.sizes == (3, 3, 6)
    assert (found.scan_error <= 1.5 * found.serial_error + 2).all() and (found.serial_error < 8).all()
    assert len(found.table()["neuron"]) == 12
    np.testing.assert_array_equal(net.flat, before)


def test_wrong_choices_are_refused():
    x = np.zeros((T, B, 1), "float32")
    with pytest.raises(ValueError, match=r"study\.parallel: chunk is 6, expected a power of two"):
        parallel(net_of(ir.IndRNN(1, 1)), x, chunk=6)
    with pytest.raises(ValueError, match=r"study\.parallel: no layer has a recurrent weight u"):
        parallel(net_of(ir.LSTM(1, 1)), x)


def test_the_drawing(tmp_path, figure):
    rng = np.random.default_rng(0)
    net = net_of(ir.IndRNN(1, 4, input_init=0.5), ir.IndRNN(4, 4, "tanh", input_init=0.5))
    found = parallel(net, rng.standard_normal((T, B, 1), "float32"), title="a")
    found.plot(path=tmp_path / "parallel.png")
    panels = np.reshape(figure[0].axes, (2, 3))
    for k, (left, middle, right) in enumerate(panels):
        assert left.get_title(loc="left") == f"a, layer {k}: maps of neuron {found.map_neuron[k]}"
        np.testing.assert_array_equal(left.lines[2].get_ydata(), found.map_to[k, 2])
        assert middle.get_yscale() == "log" and len(right.lines[2].get_xdata()) == 4
        assert f"{found.exact_columns[k]} of 12 columns exact" in right.get_title(loc="left")


def test_the_command(tmp_path, capsys):
    sizes = ["--steps", "70", "--set", "hidden=3", "--batch", "2", "--train", "2", "--chunk", "16"]
    command = ["study", "parallel", *sizes, "--quiet", "--threads", "1", "--out", str(tmp_path), "--json"]
    assert cli.main(command) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["kind"] == "parallel" and found["table"]["steps of a chunk"] == [16] * 6
    with np.load(tmp_path / "parallel-indrnn.npz") as arrays:
        assert arrays["memory"].shape == (7, 6)
    assert (tmp_path / "parallel.png").stat().st_size > 10_000
