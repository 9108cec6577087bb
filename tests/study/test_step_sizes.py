"""The error of numerical derivatives against functions whose derivatives are known, a kink, and networks."""

import numpy as np
import pytest
from saved_arrays import read_npz
from small_runs import STUDY

import indrnn_np as ir
from indrnn_np.commands import cli
from indrnn_np.study.step_sizes import (
    CENTRAL,
    COMPLEX,
    EPS,
    GRADCHECK,
    SINGLE,
    at_a_kink,
    step_sizes,
    step_sizes_of,
)

STEPS = np.logspace(-12, -1, 12)


def test_a_parabola_has_no_truncation_error():
    """f = p²: only rounding is left; the complex step is exact."""
    found = step_sizes_of(lambda p: (p * p).sum(), np.array([6.0]), np.array([3.0]), np.ones((1, 1)), STEPS)
    assert found.methods == (CENTRAL, SINGLE, COMPLEX)
    assert found.errors[2].max() < 4 * EPS[CENTRAL]
    assert (found.errors[0] < 4 * EPS[CENTRAL] / STEPS * 9 / 6).all() and found.truncation.max() < 1e-12
    np.testing.assert_allclose(found.rounding[0], EPS[CENTRAL] * 9 / STEPS / 6, rtol=1e-12)
    np.testing.assert_allclose(found.rounding[1] / found.rounding[0], EPS[SINGLE] / EPS[CENTRAL], rtol=1e-12)
    assert found.errors[1, 0] == 1 and found.errors[1, -1] < 1e-5  # 3 + 1e-12 is 3 in float32


def test_the_arms_of_the_v():
    """f = exp: f' = f''' = f, so the truncation is s²/6 of central differences, and as much of complex steps."""
    steps = np.array([1e-3, 1e-2, 1e-1])
    point = np.array([0.3])
    found = step_sizes_of(lambda p: np.exp(p).sum(), np.exp(point), point, np.ones((1, 1)), steps)
    np.testing.assert_allclose(found.errors[0], np.sinh(steps) / steps - 1, rtol=1e-4)
    np.testing.assert_allclose(found.errors[2], 1 - np.sin(steps) / steps, rtol=1e-4)
    np.testing.assert_allclose(found.truncation, steps**2 / 6, rtol=1e-3)
    found = step_sizes_of(lambda p: np.exp(p).sum(), np.exp(point), point, np.ones((1, 1)))
    assert found.steps[0] == 1e-16 and found.steps[-1] == 1
    assert 1e-7 < found.best(CENTRAL)[0] < 1e-3 and found.best(CENTRAL)[1] < 1e-9  # around eps^(1/3)
    assert 1e-4 < found.best(SINGLE)[0] < 1e-1 and found.best(SINGLE)[1] > 1e-8
    assert found.best(COMPLEX)[1] < 1e-15 and found.standard == GRADCHECK


def test_a_kink_within_reach():
    """Beyond the distance the lower end sees f(0): (f(2 δ) - f(δ - s)) / 2s with f constant below 0."""
    distance = 1e-3
    found = at_a_kink(distance)
    far = found.steps > distance * 1.01
    near = (found.steps > 1e-8) & (found.steps < distance * 0.99)
    assert (found.kinks == (found.steps > distance * (1 - 1e-12))).mean() > 0.98 and found.errors[
        0, near
    ].max() < 1e-6
    numeric = (np.sin(1 + distance + found.steps[far]) - np.sin(1)) / (2 * found.steps[far])
    np.testing.assert_allclose(found.errors[0, far], np.abs(numeric / np.cos(1 + distance) - 1), rtol=1e-6)
    assert np.isnan(found.truncation).all()  # a third derivative across a kink says nothing
    assert found.methods == (CENTRAL, SINGLE) and "0.001 from its kink" in found.title


def smooth(H=4):
    return [ir.IndRNN(2, H, "tanh", input_init=0.5), ir.LSTM(H, H), ir.LastStep(), ir.Linear(H, 1)]


NETS = {
    "smooth": smooth,
    "relu": lambda H=4: [ir.IndRNN(2, H, input_init=0.5), ir.LastStep(), ir.Linear(H, 1)],
    "norm": lambda H=4: [ir.RNN(2, H), ir.BatchNorm(H), ir.Dropout(0.4), ir.LastStep(), ir.Linear(H, 1)],
    "residual": lambda H=4: [ir.Linear(2, H), ir.Residual([ir.IndRNN(H, H, "tanh", "uniform", 0.5)]), ir.LastStep(),
                             ir.Linear(H, 1)],
}  # fmt: skip


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("lengths", [None, [5, 2, 4]])
def test_networks(kind, lengths, backend):
    """At gradcheck's step the backward and central differences agree; the network stays as it is."""
    net = ir.Sequential(NETS[kind](), steps=5, backend=backend, seed=2)
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(5, 3, 2)).astype("f"), rng.normal(size=(3, 1)).astype("f")
    before = net.state_dict()
    lengths = None if lengths is None else np.array(lengths)
    found = step_sizes(
        net, x, target, lengths=lengths, steps=[1e-14, GRADCHECK, 1e-3], directions=3, title=kind
    )
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())
    assert found.methods == ((CENTRAL, SINGLE) if kind == "relu" else (CENTRAL, SINGLE, COMPLEX))
    assert found.errors[0, 1] < 1e-7 < found.errors[0, 0] and found.errors[1, 1] > 1e-6
    if kind != "relu":
        assert found.errors[2, 0] < 1e-9 and found.kinks.max() == 0
    assert found.words().startswith("smallest error of central, float64") and found.title == kind


def test_losses_and_a_target_at_each_step():
    net = ir.Sequential([ir.RNN(2, 4), ir.Linear(4, 3)], steps=4, dtype="float64")
    x = np.random.default_rng(0).normal(size=(4, 2, 2))
    labels = np.array([[0, 1], [2, 0], [1, 1], [0, 2]])
    for target, lengths in ((labels, None), (labels, np.array([4, 2])), (None, None)):
        found = step_sizes(net, x, target, lengths=lengths, steps=[GRADCHECK], directions=1)
        assert found.errors[0, 0] < 1e-7 and len(found.table()["s"]) == 1


def test_more_kinks_come_within_reach_of_longer_steps():
    net = ir.Sequential(NETS["relu"](16), steps=20, dtype="float64", seed=1)
    x = np.random.default_rng(3).normal(size=(20, 8, 2))
    found = step_sizes(net, x, steps=[1e-9, 1e-1, 1.0], directions=1)
    assert found.kinks[0] == 0 < found.kinks[1] < found.kinks[2] and "kinks within reach" not in found.words()


def test_what_makes_no_sense_is_refused():
    one = np.ones(1)
    with pytest.raises(ValueError, match="the derivative along a direction is 0, expected a direction"):
        step_sizes_of(lambda p: p.sum(), one, one, np.zeros((1, 1)))
    with pytest.raises(ValueError, match=r"the smallest step is np.float64\(0.0\), expected a number above"):
        step_sizes_of(lambda p: p.sum(), one, one, one[None], [0.0, 1.0])
    with pytest.raises(ValueError, match="method is 'forward', expected one of 'central, float64'"):
        step_sizes_of(lambda p: p.sum(), one, one, one[None], methods=("forward",))
    with pytest.raises(ValueError, match=r"gradient has shape \(2,\), expected \(1,\) as the point has"):
        step_sizes_of(lambda p: p.sum(), np.ones(2), one, one[None])
    net = ir.Sequential(smooth(), steps=5)
    with pytest.raises(ValueError, match="loss is 'hinge', expected one of 'mse'"):
        step_sizes(net, np.zeros((5, 2, 2), "f"), loss="hinge")


def test_the_command(tmp_path, capsys, figure):
    given = [*STUDY, "--out", str(tmp_path)]
    assert cli.main(["study", "step-sizes", "--directions", "1", *given]) == 0
    told = capsys.readouterr().out
    assert "RNN-tanh: smallest error of central, float64" in told and "from its kink: smallest" in told
    names = {path.name for path in tmp_path.iterdir()}
    assert {"step-sizes-indrnn.npz", "step-sizes-rnn-tanh.csv", "step-sizes.json", "step-sizes.png"} <= names
    found = read_npz(tmp_path / "step-sizes-rnn-tanh.npz")
    assert found["methods"].tolist() == [CENTRAL, SINGLE, COMPLEX] and found["errors"].shape == (3, 65)
    first, _, kink = figure[0].axes
    assert first.get_ylabel() == "relative error of the derivative" and "units" in kink.get_xlabel()
    assert first.get_xscale() == first.get_yscale() == "log" and kink.patches and not first.patches
    legend = [text.get_text() for text in figure[0].legends[0].get_texts()]
    assert legend[:3] == [CENTRAL, SINGLE, COMPLEX] and "kinks within reach" in legend
