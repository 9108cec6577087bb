"""The blind guess of each kind of data, and the advice of a run that is not clearly better."""

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np.tasks.arrays import Arrays
from indrnn_np.training import advice

X = np.zeros((4, 5, 2))


def test_the_guess_is_the_most_common_class_of_the_training_labels():
    task = Arrays(X, np.array([0, 2, 2, 2, 1]), test=(X, np.zeros(5, int)))
    assert task.baseline == 3 / 5


def test_held_out_samples_do_not_count():
    y = np.array([0, 0, 0, 1, 1])
    task = Arrays(X, y, validation=0.4)
    kept = y[task._data["train"].samples]
    assert len(kept) == 3 and task.baseline == np.bincount(kept).max() / 3


def test_labels_of_every_step_count_up_to_the_lengths():
    y = np.ones((4, 5), int)
    y[:2] = 0
    task = Arrays(X, y, np.array([2, 2, 2, 2, 4]))
    assert task.baseline == 10 / 12


@pytest.mark.parametrize("every", [False, True])
def test_the_guess_of_values_is_their_mean(every):
    y = np.random.default_rng(0).standard_normal((4, 5, 3) if every else (5, 3))
    task = Arrays(X, y)
    assert task.baseline == pytest.approx(np.mean((y - y.reshape(-1, 3).mean(axis=0)) ** 2), rel=1e-12)


@pytest.mark.parametrize(
    ("metric", "baseline", "worst"),
    [
        ("accuracy", 0.1, 0.12), ("accuracy", 0.9, 0.92), ("mse", 2.0, 1.8), ("bits", 2.0, 1.94),
        ("softmax_cross_entropy", 2.0, 1.94), ("perplexity", 100.0, 100**0.97),
    ],
)  # fmt: skip
def test_the_rule_of_each_metric(metric, baseline, worst):
    sign = 1 if metric == "accuracy" else -1
    assert advice.clearly_better(metric, worst + sign * 1e-6, baseline)
    assert not advice.clearly_better(metric, worst - sign * 1e-6, baseline)


def test_perfect_accuracy_is_always_good_enough():
    assert advice.clearly_better("accuracy", 1.0, 1.0)


@pytest.mark.parametrize(
    "change", [{"baseline": None}, {"final": {}}, {"final": {"test": {"accuracy": None}}}, {"baseline": 0.0}]
)
def test_no_advice_without_numbers_to_compare(change):
    summary = {"metric": "accuracy", "baseline": 0.5, "final": {"test": {"accuracy": 0.5}}}
    assert advice.of_run(summary) and not advice.of_run(summary | change)


def test_no_advice_about_the_accuracy_of_a_run_with_class_weights():
    summary = {"metric": "accuracy", "baseline": 0.9, "final": {"test": {"accuracy": 0.8}}}
    assert advice.of_run(summary | {"plan": {"label_smoothing": 0.1}})
    assert not advice.of_run(summary | {"plan": {"class_weights": [1.0, 9.0]}})


def fitted(y, out, loss=None):
    x = np.random.default_rng(0).standard_normal((4, 60, 2)).astype("float32")
    net = ir.plain(2, 8, 2, layers=1, steps=4, backend="reference")
    y = x.sum(axis=0) if loss else (x.sum(axis=(0, 2)) > 0).astype(int) if y is None else y
    options = {"epochs": 20, "batch": 15, "validation": 0.25, "progress": False, "out": out}
    return ir.fit(net, (x, y), ir.Adam(0.03), loss=loss, **options)


def test_a_run_that_learns_has_no_advice(tmp_path):
    result = fitted(None, tmp_path / "run")
    assert result.summary["baseline"] < 0.7 and not advice.of_run(result.summary)
    assert "blind guess" not in (tmp_path / "run" / "log.txt").read_text()


def test_a_run_that_cannot_learn_ends_with_advice(tmp_path):
    result = fitted(np.random.default_rng(1).integers(0, 2, 60), tmp_path / "run")
    text = advice.of_run(result.summary)
    assert (
        text.startswith("not clearly better than a blind guess (accuracy 0.")
        and "--schedule one-cycle" in text
    )
    assert text in (tmp_path / "run" / "log.txt").read_text()


def test_a_loss_of_the_user_has_no_baseline(tmp_path):
    def half_squared(y, target):
        return float(np.mean((y - target) ** 2) / 2), (y - target) / y.size

    assert fitted(None, tmp_path / "run", half_squared).summary["baseline"] is None


def test_a_curve_of_the_loss_does_not_show_the_accuracy_of_the_guess():
    pytest.importorskip("matplotlib")
    from indrnn_np.plots import curves

    summary = {
        "metric": "accuracy",
        "loss": "softmax_cross_entropy",
        "baseline": 0.5,
        "task": {"task": "arrays"},
    }
    lines = [{"kind": "train", "iteration": i, "softmax_cross_entropy": 1 / i} for i in (1, 2)]
    (axes,) = curves.figure(lines, summary).axes
    assert len(axes.lines) == 1
    (axes,) = curves.figure(lines, summary | {"metric": "softmax_cross_entropy"}).axes
    assert len(axes.lines) == 2
