"""The gradient check itself: right gradients pass, wrong ones are named, kinks are told."""

import numpy as np
import pytest

from indrnn_np._gradcheck import Evaluation, GradientError, check_function, gradcheck

SMALL = {"T": 6, "B": 3, "D": 4, "H": 5, "K": 4}
OPS = ("recurrence", "indrnn", "rnn", "lstm", "gru", "affine", "batchnorm", "dropout", "softmax_cross_entropy", "mse",
       "binary_cross_entropy", "embedding", "layernorm")  # fmt: skip


def cubes(x, w):
    return float(np.sum(w * x**3))


def point():
    rng = np.random.default_rng(7)
    return {"x": rng.standard_normal((3, 4)), "w": rng.standard_normal((3, 4))}


def right(arrays):
    return {"x": 3 * arrays["w"] * arrays["x"] ** 2, "w": arrays["x"] ** 3}


# Functions


def test_right_gradients_pass_and_the_arrays_stay_as_they_are():
    arrays = point()
    before = {name: value.copy() for name, value in arrays.items()}
    report = check_function(cubes, right(arrays), arrays, directions=3)
    assert report and report.passed and report.error < 1e-8
    assert [row.name for row in report] == ["x"] * 3 + ["w"] * 3
    for name in arrays:
        assert np.array_equal(arrays[name], before[name])


def test_complex_steps_are_exact_to_rounding():
    arrays = point()
    report = check_function(
        lambda x, w: np.sum(w * np.sin(x)), {"x": arrays["w"] * np.cos(arrays["x"])}, arrays, method="complex"
    )
    assert report.passed and report.error < 1e-14


def test_a_failure_names_array_both_numbers_and_worst_element():
    arrays = point()
    gradients = right(arrays)
    truth = gradients["w"][2, 1]
    gradients["w"][2, 1] += 0.01
    report = check_function(cubes, gradients, arrays, raises=False)
    assert [row.name for row in report.failed] == ["w"]
    worst = report["w"].worst
    assert worst.name == "w" and worst.index == (2, 1)
    assert worst.analytic == pytest.approx(truth + 0.01) and worst.numeric == pytest.approx(truth, rel=1e-6)
    with pytest.raises(GradientError, match=r"wrong gradient of w\n") as caught:
        check_function(cubes, gradients, arrays)
    message = str(caught.value)
    assert f"{report['w'].analytic:.9g}" in message and f"{report['w'].numeric:.9g}" in message
    assert "w[2, 1]" in message and "x:" not in message


def test_the_worst_element_of_a_large_array_is_found_by_bisection():
    rng = np.random.default_rng(3)
    arrays = {"x": rng.standard_normal((70, 1000))}
    gradients = {"x": np.cos(arrays["x"])}
    gradients["x"][41, 617] += 5.0
    report = check_function(lambda x: np.sum(np.sin(x)), gradients, arrays, raises=False)
    assert report["x"].worst.index == (41, 617)
    assert report["x"].worst.searched < 100


def test_a_gradient_error_is_an_assertion_error():
    assert issubclass(GradientError, AssertionError)


def test_scalars_and_single_elements_are_arrays_too():
    arrays = {"x": np.array(0.7), "y": np.array([2.0])}
    gradients = {"x": np.array(2 * 0.7 * 2.0), "y": np.array([0.7**2])}
    assert check_function(lambda x, y: float(x**2 * y[0]), gradients, arrays)
    gradients["x"] = gradients["x"] + 1
    with pytest.raises(GradientError, match=r"worst element x: backward 3\.8"):
        check_function(lambda x, y: float(x**2 * y[0]), gradients, arrays)


def test_an_array_without_gradient_is_held_fixed_and_a_zero_gradient_is_compared_with_the_others():
    arrays = {"x": np.ones(4), "shift": np.zeros(4), "still": np.full(4, 9.0)}

    def f(x, shift, still):
        moved = x + np.mean(shift)
        return float(np.sum(still * (moved - moved.mean() + x) ** 2))

    gradients = {"x": 18 * np.ones(4), "shift": np.zeros(4)}
    report = check_function(f, gradients, arrays)
    assert report.passed and {row.name for row in report} == {"x", "shift"}


def test_steep_functions_are_tried_with_smaller_steps():
    arrays = {"x": np.array([1.0, 1.0])}
    report = check_function(lambda x: float(np.sum(x**40000)), {"x": np.full(2, 40000.0)}, arrays)
    assert report.passed and report["x"].step < 1e-6 and report["x"].kinks == 0


def test_a_small_error_is_not_hidden_by_the_tolerance():
    arrays = point()
    gradients = {name: g * (1 + 3e-6) for name, g in right(arrays).items()}
    assert len(check_function(cubes, gradients, arrays, raises=False).failed) == 2
    assert check_function(cubes, gradients, arrays, rtol=1e-5)


def test_what_rounding_drowns_is_undecided():
    arrays = {"x": np.array([1.0])}
    report = check_function(lambda x: 1e12 + float(x[0]), {"x": np.array([1.0])}, arrays)
    assert not report.passed and not report.failed and report.undecided


@pytest.mark.parametrize(("offset", "status"), [(1e3, "passed"), (1e6, "undecided")])
def test_two_zeros_agree_unless_rounding_errors_exceed_a_hundredth_of_the_size(offset, status):
    arrays = {"x": np.array([1.0]), "unused": np.array([1.0])}
    gradients = {"x": np.array([1.0]), "unused": np.array([0.0])}
    report = check_function(lambda x, unused: offset + float(x[0]), gradients, arrays)
    assert report["unused"].status == status and report["unused"].error == 0


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_fails(wrong):
    arrays = point()
    gradients = right(arrays)
    gradients["x"][1, 3] = wrong
    with pytest.raises(GradientError, match=r"wrong gradient of x\n.*x\[1, 3\]: backward (nan|inf)"):
        check_function(cubes, gradients, arrays)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gradients": {"v": np.zeros(2)}}, "the name of a gradient is 'v', expected one of 'x'"),
        (
            {"gradients": {"x": np.zeros(3)}},
            r"the gradient of x has shape \(3,\), expected \(2,\) to match x",
        ),
        (
            {"arrays": {"x": np.ones(2, np.float32)}},
            "x has dtype float32, expected float64 because float32 loses a difference",
        ),
        ({"gradients": {"x": 1.0}}, "the gradient of x has dtype float, expected float64"),
        ({"method": "forward"}, "method is 'forward', expected one of 'central', 'complex'"),
        ({"directions": 0}, "directions is 0, expected a number of at least 1"),
        ({"step": 0.0}, "step is 0.0, expected a number above 0"),
        (
            {"f": lambda x: float("nan")},
            "the loss of function is nan, expected a finite number to have a derivative",
        ),
    ],
)
def test_bad_input_is_named(change, words):
    call = {
        "f": lambda x: float(np.sum(x)),
        "gradients": {"x": np.ones(2)},
        "arrays": {"x": np.ones(2)},
    } | change
    with pytest.raises(ValueError, match=words):
        check_function(**call)


# Kinks


def rectified(x):
    return Evaluation(float(np.sum(np.maximum(x, 0))), (x > 0,))


def test_an_input_at_the_kink_is_reported_and_never_a_failure():
    arrays = {"x": np.array([1.0, 0.0, -2.0, 0.5])}
    report = check_function(rectified, {"x": np.array([1.0, 0.0, 0.0, 1.0])}, arrays)
    assert report["x"].status == "undecided" and report["x"].kinks == 1 and report["x"].kinks_left == 1
    assert not report.passed and not report.failed
    assert "1 kinks within reach" in repr(report) and "1 gates change within the first step" in str(report)


def test_a_kink_near_by_is_counted_and_a_smaller_step_decides():
    arrays = {"x": np.array([1.0, 1e-7, -2.0, 0.5])}
    report = check_function(rectified, {"x": np.array([1.0, 1.0, 0.0, 1.0])}, arrays)
    assert report["x"].status == "passed" and report["x"].kinks == 1 and report["x"].kinks_left == 0
    with pytest.raises(GradientError, match=r"wrong gradient of x\n.*x\[1\]: backward 0, numeric 1"):
        check_function(rectified, {"x": np.array([1.0, 0.0, 0.0, 1.0])}, arrays)


# Ops


@pytest.mark.parametrize("name", OPS)
def test_every_op_passes_on_every_backend(name, backend):
    report = gradcheck(name, backend=backend, directions=2, **SMALL)
    assert report.passed, report
    assert name in repr(report) and backend in repr(report)


def test_the_method_can_be_chosen():
    assert gradcheck("recurrence", activation="tanh", method="central", **SMALL).method == "central"
    assert gradcheck("recurrence", activation="tanh", **SMALL).method == "complex"
    assert gradcheck("recurrence", activation="relu", **SMALL).method == "central"
    with pytest.raises(
        ValueError,
        match="method is 'complex', expected 'central' because recurrence with relu is not analytic",
    ):
        gradcheck("recurrence", method="complex", **SMALL)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"target": "recurence"}, "op is 'recurence', expected one of 'affine', 'batchnorm'"),
        (
            {"target": "affine", "reverse": True},
            "option of affine is 'reverse', expected one of 'T', 'B', 'D', 'H', 'K'",
        ),
        ({"target": "affine", "T": 0}, "T is 0, expected a number of at least 1"),
        ({"target": "affine", "backend": "tpu"}, "name is 'tpu', expected one of 'cpu', 'cuda', 'reference'"),
        (
            {"target": "affine", "method": "backward"},
            "method is 'backward', expected one of 'auto', 'central', 'complex'",
        ),
    ],
)
def test_unknown_choices_list_the_known_ones(call, words):
    with pytest.raises(ValueError, match=words):
        gradcheck(**call)


def test_a_report_gives_a_row_by_name_and_says_which_there_are():
    arrays = point()
    report = check_function(cubes, right(arrays), arrays)
    assert report["w"].name == "w" and list(report) == list(report.rows)
    with pytest.raises(KeyError, match="no row for 'v'; there are w, x"):
        report["v"]
