"""Sweeps of u, ρ, γ, T and depth beside their closed forms."""

import csv
import math

import numpy as np
import pytest
from tolerances import TOLERANCE

from indrnn_np.commands.cli import main
from indrnn_np.study import explosion, sweeps

SMALL = {"steps": (2, 20), "hidden": 6, "depths": (1, 3), "gammas": (1, 50.0), "points": 3}


@pytest.fixture(scope="module")
def found():
    return explosion(**SMALL, backend="reference")


def test_single_neurons_with_open_gates_give_powers_of_u(found):
    for k, T in enumerate(found.steps):
        np.testing.assert_allclose(found.growth[0, k], found.weights[k] ** (T - 1), rtol=TOLERANCE["float64"])
        np.testing.assert_allclose(found.weights[k, 3], 1, rtol=0)
        np.testing.assert_allclose(found.weights[k, [0, -1]] ** (T - 1), [1e-9, 1e9], rtol=1e-9)


def test_where_theory_is_exact_the_crossings_are_its_own(found):
    np.testing.assert_allclose(found.crossings()[0], found.theory(), rtol=1e-10)
    expected = [[1e-6, 1e6], [10 ** (-6 / 19), 10 ** (6 / 19)]]
    np.testing.assert_allclose(found.theory(), expected, rtol=1e-12)


def test_tanh_is_below_the_line_and_never_explodes(found):
    assert (found.growth[1] <= found.growth[0] * (1 + 1e-12)).all()
    assert np.isnan(found.crossings()[1, :, 1]).all()


def test_layers_multiply_the_ways(found):
    T = found.depth_steps
    assert T == 20
    np.testing.assert_allclose(found.deep[0], found.deep_weights ** (T - 1), rtol=1e-12)
    np.testing.assert_allclose(found.deep[1], math.comb(T + 1, 2) * found.deep_weights ** (T - 1), rtol=1e-12)
    np.testing.assert_allclose(found.deep, found.deep_theory, rtol=1e-12)


def test_no_neuron_within_the_bound_grows_by_more_than_gamma(found):
    for k, T in enumerate(found.steps):
        limit = found.gammas ** ((T - 1) / T)
        assert (found.grown[k] <= limit * (1 + 1e-12)).all() and (found.grown[k] >= limit**0.5).all()


def test_a_matrix_that_is_a_number_is_a_power_too():
    """One unit: the dense RNN is a single neuron, whatever U was drawn."""
    weights = np.array([0.5, 1.0, 1.5])
    for series in sweeps.SERIES[2:4]:
        growth = sweeps.of_weights(series, 7, weights, 1, "reference", 0)
        np.testing.assert_allclose(growth, weights**6, rtol=1e-12)


@pytest.mark.parametrize("spread", ["gaussian", "triangular"])
def test_matrices_have_a_largest_eigenvalue_of_1(spread):
    U = sweeps.matrix(spread, 9, np.random.default_rng(3))
    assert np.abs(np.linalg.eigvals(U)).max() == pytest.approx(1, rel=1e-9)
    assert (spread == "triangular") == np.array_equal(U, np.triu(U))


def test_a_dense_gradient_is_a_product_of_matrices():
    series, H, T = sweeps.SERIES[3], 4, 6
    rng = np.random.default_rng(5)
    U = 0.8 * sweeps.matrix(series.spread, H, rng)
    rng.random((T, sweeps.SAMPLES, 1))
    dy = rng.standard_normal((sweeps.SAMPLES, H))
    expected = np.linalg.norm(dy @ np.linalg.matrix_power(U, T - 1)) / np.linalg.norm(dy)
    growth = sweeps.of_weights(series, T, np.array([0.8]), H, "reference", 5)
    np.testing.assert_allclose(growth, [expected], rtol=1e-12)


def test_backends_agree(found):
    other = explosion(**SMALL, backend="cpu")
    for name in ("growth", "deep", "grown"):
        np.testing.assert_allclose(getattr(other, name), getattr(found, name), rtol=1e-9)


def test_progress_is_told_part_by_part():
    told = []
    explosion((2, 3), hidden=2, depths=(1,), gammas=(2,), points=1, backend="reference",
              progress=lambda *now: told.append(now))  # fmt: skip
    assert told[0] == ("IndRNN, relu, open, T = 2", 0, 12) and told[-1] == ("γ", 11, 12)
    assert [done for _, done, _ in told] == list(range(12))


def test_one_length_and_limits_of_ones_own():
    one = explosion((3,), (1e-2, 1e3), 2, (2,), (2,), 2, "reference")
    assert one.growth.shape == (5, 1, 5) and one.depth_steps == 3
    np.testing.assert_allclose(one.crossings()[0], [[0.1, 10**1.5]], rtol=1e-10)


def test_words_and_table(found):
    assert found.words().endswith("for |u| from 0.483293 to 2.06914 (theory: 0.483293 to 2.06914)")
    table = found.table()
    assert {len(column) for column in table.values()} == {10} and table["T"][:2].tolist() == [2, 20]
    np.testing.assert_allclose(table["growth at weight 1"][:2], 1, rtol=1e-12)


def test_refusals():
    for wrong, said in (
        ({"steps": (1,)}, "a T of steps is 1, expected a number of at least 2"),
        ({"steps": ()}, "the number of steps is 0, expected a number of at least 1"),
        ({"limits": (2.0, 3.0)}, r"limits\[0\] is 2.0, expected a number from"),
        ({"limits": (0.5, 1.0)}, r"limits\[1\] is 1.0, expected a number above 1"),
        ({"points": 0}, "points is 0, expected a number of at least 1"),
        ({"gammas": (0.5,)}, "a γ of gammas is 0.5, expected a number of at least 1"),
    ):
        with pytest.raises(ValueError, match=rf"study.explosion: {said}"):
            explosion(**wrong)


def test_the_picture_has_four_panels(found):
    pytest.importorskip("matplotlib")
    figure = found.plot()
    single, dense, bounded, deep = figure.axes
    assert single.get_xlabel().startswith("$|u|$") and dense.get_xlabel().startswith("spectral radius")
    assert bounded.get_xlabel().startswith(r"$\gamma$") and deep.get_xlabel() == "$|u|$ of all layers"
    (label,) = {axes.get_ylabel() for axes in figure.axes}
    assert label.count(r"\partial L/\partial h_") == 2
    assert {axes.get_yscale() for axes in figure.axes} == {"log"}
    told = [text.get_text() for text in dense.get_legend().get_texts()]
    assert told == [r"$T = 2$: $\rho^{T-1}$", r"$T = 20$: $\rho^{T-1}$", "linear, Gaussian U", "linear, triangular U",
                    "tanh, Gaussian U"]  # fmt: skip
    assert len(found.plot(found).axes) == 8


def test_the_command(tmp_path, capsys):
    small = [
        "--steps",
        "2",
        "5",
        "--hidden",
        "3",
        "--depths",
        "1",
        "2",
        "--points",
        "2",
        "--backend",
        "reference",
    ]
    assert main(["study", "explosion", *small, "--out", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "at T = 5 the gradient of IndRNN, relu, open stays within" in said.out
    with (tmp_path / "explosion.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 10
    assert (tmp_path / "explosion.npz").is_file() and (tmp_path / "explosion.json").is_file()
    assert main(["study", "explosion", *small, "--quiet", "--limits", "2", "3", "--out", str(tmp_path)]) != 0
    assert "limits[0] is 2.0" in capsys.readouterr().err
