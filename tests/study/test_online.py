"""Online rules against BPTT: one recurrent layer in closed form, stacks, the film, the figures, the command."""

import csv
import json

import numpy as np
import pytest
from small_runs import QUIET, STUDY, adding, net_for

import indrnn_np as ir
from indrnn_np import study
from indrnn_np.commands import cli, study_online
from indrnn_np.gradients.online import RULES


def cosine(a, b):
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def test_one_linear_layer_in_closed_form():
    """BPTT: du = Σ_t u^(T-t) h_{t-1}; depth-only keeps the term of the last step, h_{T-1}."""
    T, u = 12, np.array([0.9, -0.5, 1.0, 0.2])
    net = ir.Sequential([ir.IndRNN(1, 4, "identity"), ir.LastStep()], steps=T, dtype="float64", seed=2)
    net.params["0.u"][:], net.params["0.W"][:], net.params["0.b"][:] = u, 1.0, 0.0
    x = np.random.default_rng(0).random((T, 1, 1))
    h = np.zeros((T + 1, 4))
    for t in range(T):
        h[t + 1] = x[t, 0, 0] + u * h[t]
    target = h[-1:] - 2.0  # dy = 2 · 2 / 4 = 1
    found = study.online(net, x, target)
    assert found.rules == RULES and found.names == ("all", "0.W", "0.u", "0.b")
    powers = u ** np.arange(T - 1, -1, -1)[:, None]
    bptt = {"0.W": (powers * x[:, 0]).sum(0), "0.u": (powers * h[:-1]).sum(0), "0.b": powers.sum(0)}
    alone = {"0.W": np.full(4, x[-1, 0, 0]), "0.u": h[-2], "0.b": np.ones(4)}
    bptt["all"], alone["all"] = (np.concatenate(list(terms.values())) for terms in (bptt, alone))
    expected = [cosine(alone[name], bptt[name]) for name in found.names]
    off = [np.linalg.norm(alone[name] - bptt[name]) / np.linalg.norm(bptt[name]) for name in found.names]
    np.testing.assert_allclose(found.cosine[:2], 1, rtol=1e-12)
    np.testing.assert_allclose(found.cosine[2], expected, rtol=1e-12)
    np.testing.assert_allclose(found.error[2], off, rtol=1e-12)
    assert found.error[:2].max() < 1e-12 and found.cosine[2].max() < 0.999


def test_a_stack_with_lengths_a_mask_and_missing_gradients():
    rng, T, B = np.random.default_rng(0), 9, 4
    cells = [ir.IndRNN(3 if i == 0 else 5, 5, "tanh", input_init=0.5) for i in range(2)]
    net = ir.Sequential([*cells, ir.Linear(5, 2)], steps=T, seed=1)
    before = net.flat.copy()
    x, target = rng.standard_normal((T, B, 3)).astype("float32"), rng.integers(0, 2, (T, B))
    found = study.online(net, x, target, None, np.array([9, 4, 6, 2]), rng.random((T, B)) < 0.7)
    exact = dict(zip(found.names, found.cosine[0], strict=True))
    assert np.isnan(exact.pop("0.W")) and np.isnan(exact.pop("all"))  # three inputs
    np.testing.assert_allclose(list(exact.values()), 1, rtol=1e-12)
    traces = dict(zip(found.names, found.cosine[1], strict=True))
    np.testing.assert_allclose([traces[name] for name in ("1.W", "1.u", "1.b", "2.W")], 1, rtol=1e-12)
    assert (
        traces["0.u"] < 0.999
        and "traces 0.9" in found.words()
        and "exact undefined (lowest: 1.000 of" in found.words()
    )
    np.testing.assert_array_equal(net.flat, before)


def test_rules_of_networks_that_are_too_large_for_exact():
    net = ir.plain(2, 65, 1, 2, 6, input_init="kaiming")
    x, target = np.zeros((6, 2, 2), np.float32), np.ones((2, 1))
    assert study.online(net, x, target).rules == ("traces", "depth-only")
    with pytest.raises(ValueError, match="online: a layer has 65 units, expected at most 64"):
        study.online(net, x, target, rules=["exact"])
    with pytest.raises(ValueError, match=r"study.online: a rule is 'bptt', expected one of"):
        study.online(net, x, target, rules=["bptt"])
    with pytest.raises(ValueError, match="layer 1 is a BatchNorm"):
        study.online(ir.plain(2, 4, 1, 2, 6, batchnorm=True), x, target)
    assert study_online.RULES == RULES


def test_the_film_and_its_figure(tmp_path):
    pytest.importorskip("matplotlib")
    task = adding()
    batch = task.batch(0, 4)
    measure = lambda net: study.online(net, batch.x, batch.target)  # noqa: E731
    film = study.film(net_for(task), task, ir.Adam(0.01), 4, measure, 3, "IndRNN", batch=5, **QUIET)
    assert film.iterations.tolist() == [0, 2, 4] and film.arrays()["cosine"].shape == (3, 3, 9)
    figure = film.plot(path=tmp_path / "film.png")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["IndRNN, exact", "IndRNN, traces", "IndRNN, depth-only"]
    drawn = {line.get_label(): line.get_ydata() for line in figure.axes[1].lines}
    assert list(drawn) == ["0.W", "0.u", "0.b", "1.W", "1.u", "1.b"]
    np.testing.assert_array_equal(drawn["0.u"], [frame.cosine[1, 2] for frame in film.frames])
    single = film.frames[0].plot(film.frames[-1])
    assert len(single.axes) == 2 and len(single.axes[0].lines) == 3


def test_the_command(tmp_path, capsys):
    assert cli.main(["study", "online", *STUDY, "--train", "4", "--frames", "2", "--out", str(tmp_path)]) == 0
    assert "cosine with the gradient of BPTT: exact 1.000" in capsys.readouterr().out
    with open(tmp_path / "online-indrnn.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 3 * 9 and {row["iteration"] for row in rows} == {"0", "4"}
    about = json.loads((tmp_path / "online.json").read_text())
    assert about["study"] == "online" and len(about["findings"]) == 1
    run = str(tmp_path / "run")
    small = [
        "--steps",
        "8",
        "--hidden",
        "4",
        "--iterations",
        "2",
        "--batch",
        "3",
        "--quiet",
        "--threads",
        "1",
    ]
    assert cli.main(["train", "adding", *small, "--out", run]) == 0
    given = ["--rules", "traces", "--quiet", "--json", "--out", str(tmp_path / "b")]
    capsys.readouterr()
    assert cli.main(["study", "online", run, *given]) == 0
    table = json.loads(capsys.readouterr().out)[0]["table"]
    assert set(table["rule"]) == {"traces"} and "iteration" not in table
