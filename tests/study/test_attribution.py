"""Terms of time steps and biases add up to the output of a piecewise linear network."""

import json

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np.commands import cli
from indrnn_np.study import attribution

T, B, D, H, K = 6, 4, 3, 5, 4
LENGTHS = np.array([6, 0, 3, 5])


def drawn(layers, dtype="float64"):
    net = ir.Sequential(layers, steps=T, dtype=dtype)
    net.flat[...] += (0.2 * np.random.default_rng(0).standard_normal(net.size)).astype(dtype)
    return net


def stacks():
    return {
        "plain": [ir.IndRNN(D, H, input_init=0.5, learn_h0=True), ir.IndRNN(H, H, "identity"), ir.Linear(H, K)],
        "last step": [ir.IndRNN(D, H, input_init=0.5), ir.Dropout(0.5), ir.LastStep(), ir.Linear(H, K)],
        "containers": [
            ir.Residual([ir.IndRNN(D, D, input_init=0.3)]), ir.Bidirectional(ir.RNN(D, H, "relu")),
            ir.Concat([ir.Recurrence(2 * H, "identity", reverse=True)]), ir.LastStep(), ir.Linear(4 * H, K),
        ],
        "symbols": [ir.Embedding(K, H, 0.5), ir.IndRNN(H, H, input_init=0.5), ir.Linear(H, K)],
    }  # fmt: skip


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "lengths"])
@pytest.mark.parametrize("name", stacks())
def test_the_terms_add_up(name, lengths):
    net, rng = drawn(stacks()[name]), np.random.default_rng(1)
    x = rng.integers(0, K, (T, B)) if net.symbols else rng.standard_normal((T, B, D))
    found = attribution(net, x, 2, lengths)
    y = net.infer(x, lengths=lengths)[0]
    last = np.maximum((np.full(B, T) if lengths is None else lengths) - 1, 0)
    np.testing.assert_allclose(found.output, y[:, 2] if y.ndim == 2 else y[last, np.arange(B), 2])
    sizes = np.abs(found.steps).sum(axis=0) + np.abs(found.biases).sum(axis=0)
    assert (np.abs(found.remainder()) <= 1e-12 * sizes).all()
    assert set(found.names) == {n for n in net.params if n.endswith((".b", ".h0"))}
    if lengths is not None:
        assert not found.steps[np.arange(T)[:, None] >= lengths].any()


def test_a_chosen_step_does_not_depend_on_later_ones():
    net = drawn(stacks()["plain"])
    found = attribution(net, np.random.default_rng(1).standard_normal((T, B, D)), step=2)
    assert not found.steps[3:].any() and found.steps[:3].any()
    assert np.abs(found.remainder()).max() < 1e-12


def test_an_identity_layer_gives_powers_of_u():
    net = ir.Sequential([ir.IndRNN(1, 1, "identity", 0.5), ir.LastStep()], steps=T, dtype="float64")
    net.params["0.W"][...] = 1
    found = attribution(net, np.ones((T, 1, 1)))
    np.testing.assert_allclose(found.steps[:, 0], 0.5 ** np.arange(T - 1, -1, -1.0))
    assert found.largest(2)[:, 0].tolist() == [T - 1, T - 2]
    assert found.words().startswith("t = 5 and t = 6 hold 76% of the terms of 6 time steps in output 0")
    assert "; 99% are in 6 steps;" in found.words()
    assert len(found.table()["step t"]) == T


def adder():
    """A network that adds the two marked values: relu(value + mark - 1), summed by u = 1."""
    layers = [
        ir.IndRNN(2, 1, recurrent_init=0.0),
        ir.IndRNN(1, 1, recurrent_init=1.0),
        ir.LastStep(),
        ir.Linear(1, 1),
    ]
    net = ir.Sequential(layers, steps=T, dtype="float64")
    for name in ("0.W", "1.W", "3.W"):
        net.params[name][...] = 1
    net.params["0.b"][...] = -1
    return net


def test_the_marked_steps_of_the_adding_problem_made_the_answer():
    values, marks = np.array([0.5, 0.25, 0.9, 0.75, 0.1, 0.3]), np.array([0, 1, 0, 1, 0, 0])
    found = attribution(adder(), np.stack([values, marks], axis=1)[:, None], marks=[2, 4])
    np.testing.assert_allclose(found.steps[:, 0], [0, 1.25, 0, 1.75, 0, 0])
    assert dict(zip(found.names, found.biases[:, 0], strict=True)) == {"0.b": -2, "1.b": 0, "3.b": 0}
    assert found.output[0] == 1
    assert found.words().startswith(
        "the marked steps t = 2 and t = 4 hold 100% of the terms of 6 time steps in output 0 of sample 0, y = 1; "
        "99% are in 2 steps; biases hold -2;"
    )


@pytest.mark.parametrize("name", ["plain", "last step"])
def test_without_a_choice_each_sample_has_its_largest_output(name):
    net, x = drawn(stacks()[name]), np.random.default_rng(1).standard_normal((T, B, D))
    found = attribution(net, x, None, LENGTHS)
    each = [attribution(net, x, k, LENGTHS) for k in range(K)]
    np.testing.assert_array_equal(found.outputs, np.argmax([one.output for one in each], axis=0))
    assert len(set(found.outputs)) > 1
    for b, k in enumerate(found.outputs):
        np.testing.assert_array_equal(found.steps[:, b], each[k].steps[:, b])


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([ir.IndRNN(2, 3, "tanh")], "layer 0 has activation 'tanh', expected 'relu' or 'identity' because"),
        ([ir.IndRNN(2, 3), ir.BatchNorm(3)], "layer 1 is a BatchNorm, expected piecewise linear layers"),
        ([ir.Residual([ir.LayerNorm(2)])], "layer 0.0 is a LayerNorm"),
        ([ir.LSTM(2, 3)], "layer 0 is a LSTM"),
    ],
)
def test_other_layers_are_refused_with_the_reason(layers, words):
    with pytest.raises(ValueError, match=f"study.attribution: {words}"):
        attribution(ir.Sequential(layers, steps=4), np.zeros((4, 1, 2), np.float32))


def test_wrong_choices_are_refused():
    net = drawn(stacks()["last step"])
    x = np.zeros((T, B, D))
    with pytest.raises(ValueError, match=r"study\.attribution: output is 4, expected"):
        attribution(net, x, 4)
    with pytest.raises(
        ValueError, match=r"study\.attribution: step is 1, expected None because the network has"
    ):
        attribution(net, x, step=1)
    with pytest.raises(TypeError, match=r"study\.attribution: net is 3"):
        attribution(3, x)


def test_the_drawing(tmp_path, figure):
    net, x = drawn(stacks()["last step"]), np.random.default_rng(1).standard_normal((T, B, D))
    marked, free = attribution(net, x, 1, marks=[2, 5], title="a"), attribution(net, x, 1)
    marked.plot(free, path=tmp_path / "attribution.png")
    for finding, (left, right) in zip((marked, free), np.reshape(figure[0].axes, (2, 2)), strict=True):
        steps = [2, 5] if finding is marked else list(finding.largest(2)[:, 0] + 1)
        assert [text.get_text() for text in left.texts] == [
            f"t = {t}: {finding.steps[t - 1, 0]:.2f}" for t in steps
        ]
        sizes = [patch.get_width() for patch in right.patches]
        np.testing.assert_allclose([sizes[0], sizes[-1]], [finding.steps[:, 0].sum(), finding.output[0]])
        assert sum(sizes[:-1]) == pytest.approx(sizes[-1])
        assert [label.get_text().split(":")[0] for label in right.get_yticklabels()] == [
            "time steps", "0.b", "3.b", "output y",
        ]  # fmt: skip


def test_many_biases_share_a_bar(tmp_path, figure):
    net = drawn([ir.Linear(D, D)] * 11)
    attribution(net, np.ones((T, 1, D))).plot(path=tmp_path / "attribution.png")
    _, right = figure[0].axes
    assert [label.get_text().split(":")[0] for label in right.get_yticklabels()][-2] == "3 others"
    sizes = [patch.get_width() for patch in right.patches]
    assert sum(sizes[:-1]) == pytest.approx(sizes[-1])


def test_the_command(tmp_path, capsys):
    sizes = ["--steps", "4", "--set", "hidden=3", "--batch", "5", "--sample", "2", "--train", "3"]
    assert (
        cli.main(["study", "attribution", *sizes, "--quiet", "--threads", "1", "--out", str(tmp_path)]) == 0
    )
    printed = capsys.readouterr().out.splitlines()
    assert (
        printed[0].startswith("IndRNN: the marked steps t = ")
        and "of the terms of 4 time steps" in printed[0]
    )
    with np.load(tmp_path / "attribution-indrnn.npz") as arrays:
        assert arrays["steps"].shape == (4, 1) and len(arrays["marks"]) == 2
    assert (tmp_path / "attribution.png").stat().st_size > 10_000


def test_the_command_refuses_a_network_before_its_training(capsys):
    assert (
        cli.main(["study", "attribution", "--steps", "4", "--cells", "indrnn", "gru", "--threads", "1"]) == 2
    )
    assert capsys.readouterr().err.startswith(
        "indrnn: study.attribution: layer 0 is a GRU, expected piecewise"
    )


def test_the_command_on_a_run(tmp_path, capsys):
    run = str(tmp_path / "run")
    train = ["train", "adding", "--steps", "4", "--hidden", "3", "--iterations", "2", "--out", run]
    assert cli.main([*train, "--threads", "1", "--validate-every", "0"]) == 0
    capsys.readouterr()
    study = ["study", "attribution", run, "--threads", "1", "--out", str(tmp_path / "out")]
    assert cli.main([*study, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["kind"] == "attribution" and found["table"]["step t"] == [1, 2, 3, 4]
    for option, words in (("--sample", "sample is 99, expected"), ("--output", "output is 99, expected")):
        assert cli.main([*study, option, "99"]) == 2
        assert f"study.attribution: {words}" in capsys.readouterr().err
