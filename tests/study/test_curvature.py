"""Eigenvalues of the Hessian: a linear network and a saddle in closed form, Lanczos against all eigenvalues."""

import importlib
import json

import numpy as np
import pytest
from saved_arrays import read_npz
from small_networks import problem
from small_runs import STUDY

import indrnn_np as ir
from indrnn_np.commands import cli
from indrnn_np.study.curvature import curvature
from indrnn_np.tasks import Batch

instrument = importlib.import_module("indrnn_np.study.curvature")  # the function has the same name


def test_a_linear_network_with_mse_has_the_moments_of_its_input():
    """y = W x + b, so H = G = 2/n Σ (x, 1)(x, 1)ᵀ, for all parameters."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5, 4, 3))
    net = ir.Sequential([ir.Linear(3, 1)], dtype="float64")
    found = curvature(net, Batch(x, rng.standard_normal((5, 4, 1))), eigenvalues=None)
    rows = np.concatenate([x.reshape(20, 3), np.ones((20, 1))], axis=1)
    expected = np.linalg.eigvalsh(2 / 20 * rows.T @ rows)[::-1]
    for values in (found.hessian, found.gauss_newton):
        np.testing.assert_allclose(values, expected, rtol=1e-12)
    np.testing.assert_allclose(found.traces, expected.sum(), rtol=1e-12)
    assert found.lowest == found.hessian[-1] and (found.errors == 0).all() and found.parameters == 4


def test_a_saddle_in_closed_form():
    """y = a (w x + v) + c at zero: H has 2 along c and ±2 |t| √(x² + 1), and G only sees c."""
    x, t = 0.5, 3.0
    net = ir.Sequential([ir.Linear(1, 1), ir.Linear(1, 1)], dtype="float64")
    net.flat[...] = 0
    found = curvature(net, Batch(np.full((1, 1, 1), x), np.full((1, 1, 1), t)), eigenvalues=None)
    size = 2 * t * np.sqrt(x**2 + 1)
    np.testing.assert_allclose(found.hessian, [size, 2, 0, -size], atol=1e-12)
    np.testing.assert_allclose(found.gauss_newton, [2, 0, 0, 0], atol=1e-12)
    assert found.lowest == pytest.approx(-size) and found.loss == t**2
    np.testing.assert_allclose(found.traces, 2, rtol=1e-12)
    assert found.words().startswith("the eigenvalues of the Hessian reach from -6.71 to 6.71, those of")


def test_lanczos_finds_the_ends_of_the_spectrum_and_changes_nothing():
    net, x, target = problem("last step")
    batch, before = Batch(x, target, np.array([6, 0, 3, 5])), net.state_dict()
    some, whole = curvature(net, batch, eigenvalues=2, probes=200), curvature(net, batch, eigenvalues=None)
    limit = instrument.TOLERANCE * whole.hessian[0] * 2
    np.testing.assert_allclose(some.hessian, whole.hessian[:2], atol=limit)
    np.testing.assert_allclose(some.gauss_newton, whole.gauss_newton[:2], atol=limit)
    assert some.lowest == pytest.approx(whole.lowest, abs=limit) and some.lowest < -10 * limit
    assert (np.abs(some.traces - whole.traces) < 5 * some.errors).all() and (some.errors > 0).all()
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())


def test_the_table_names_each_number():
    net, x, target = problem("relu")
    found = curvature(net, Batch(x, target), eigenvalues=1, probes=2)
    table = found.table()
    assert table["number"] == ["eigenvalue 1", "smallest eigenvalue", "trace", "standard error of the trace"]
    assert table["Hessian"] == [found.hessian[0], found.lowest, found.traces[0], found.errors[0]]
    assert np.isnan(table["Gauss-Newton"][1]) and table["Gauss-Newton"][2] == found.traces[1]


def test_what_has_no_eigenvalues_is_refused(monkeypatch):
    net, x, target = problem("batch norm")
    with pytest.raises(ValueError, match="BatchNorm has none, expected layers without gates and batch norm"):
        curvature(net, Batch(x, target))
    net, x, target = problem("relu")
    with pytest.raises(ValueError, match=r"study\.curvature: eigenvalues is 0, expected a number from 1"):
        curvature(net, Batch(x, target), eigenvalues=0)
    monkeypatch.setattr(instrument, "LARGEST", 10)
    with pytest.raises(ValueError, match=r"eigenvalues is None for a network of \d+ parameters"):
        curvature(net, Batch(x, target), eigenvalues=None)


def test_the_command_draws_a_film(tmp_path, capsys, figure):
    arguments = [*STUDY, "--train", "2", "--frames", "3", "--probes", "2", "--out", str(tmp_path)]
    assert cli.main(["study", "curvature", *arguments]) == 0
    said = capsys.readouterr().out
    assert (
        "before training: the eigenvalues of the Hessian reach from" in said and "after 2 iterations" in said
    )
    found = read_npz(tmp_path / "curvature-indrnn.npz")
    assert found["hessian"].shape == (3, 3) and found["lowest"].shape == found["iterations"].shape == (3,)
    left, middle, right = figure[0].axes
    assert [axes.get_title("left") for axes in (left, middle, right)] == ["IndRNN", "eigenvalues", "traces"]
    np.testing.assert_array_equal(middle.lines[0].get_ydata(), found["hessian"][:, 0])
    np.testing.assert_array_equal(right.lines[1].get_ydata(), found["traces"][:, 1])


def test_the_command_measures_all_eigenvalues_of_a_network_as_it_is(tmp_path, capsys, figure):
    arguments = [*STUDY, "--train", "0", "--eigenvalues", "0", "--json", "--out", str(tmp_path)]
    assert cli.main(["study", "curvature", *arguments]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    parameters = read_npz(tmp_path / "curvature-indrnn.npz")["parameters"]
    assert found["kind"] == "curvature" and len(found["table"]["number"]) == parameters + 3
    (axes,) = figure[0].axes
    assert (
        axes.get_xlabel() == "rank" and axes.get_yscale() == "symlog" and axes.get_title("left") == "IndRNN"
    )
