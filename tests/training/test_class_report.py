"""The confusion matrix, precision and recall of a split, and the lines of the file of predictions."""

import csv
import io

import numpy as np
import pytest
from scipy.special import softmax

import indrnn_np as ir
from indrnn_np.tasks import Batch
from indrnn_np.training import metrics
from indrnn_np.training.class_report import ClassReport, class_names, class_report
from indrnn_np.training.prediction_file import PredictionFile

LABELS = "softmax_cross_entropy"


def same_scores(K, last=False):
    """A network whose scores are its inputs."""
    layers = [ir.LastStep()] if last else []
    net = ir.Sequential([*layers, ir.Linear(K, K)], dtype="float64", backend="reference")
    name = f"{len(layers)}."
    net.params[name + "W"][:], net.params[name + "b"][:] = np.eye(K), 0
    return net


def random_batch(rng, samples, K=3, steps=4):
    return Batch(rng.standard_normal((steps, samples, K)), rng.integers(0, K, samples))


def test_counts_are_those_of_a_loop_over_the_samples():
    rng = np.random.default_rng(0)
    batches = [random_batch(rng, 5), random_batch(rng, 3)]
    expected = np.zeros((3, 3), int)
    for batch in batches:
        for scores, target in zip(batch.x[-1], batch.target, strict=True):
            expected[target, scores.argmax()] += 1
    report = class_report(same_scores(3, last=True), batches, ["a", "b", "c"])
    assert report.confusion.tolist() == expected.tolist() and expected.sum() == 8
    assert report.names == ("a", "b", "c")


def test_masked_steps_padding_and_labels_beyond_it_are_not_counted():
    x = np.zeros((3, 2, 2))
    x[..., 1] = 1.0  # every prediction is class 1
    target = np.array([[0, 1], [1, 1], [77, 0]])
    mask = np.array([[True, True], [False, True], [True, True]])
    report = class_report(same_scores(2), [Batch(x, target, np.array([2, 3]), mask)])
    assert report.confusion.tolist() == [[0, 2], [0, 2]]


def test_scores_of_repeats_are_averaged_before_the_prediction():
    x = np.array([[[3.0, 0.0], [0.0, 1.0]]])  # two drawings of one sample: the mean prefers class 0
    report = class_report(same_scores(2, last=True), [Batch(x, np.array([0]), repeats=2)])
    assert report.confusion.tolist() == [[1, 0], [0, 0]]


def test_json_has_null_for_a_class_without_targets_or_predictions():
    found = ClassReport(("x", "y"), np.array([[2, 0], [0, 0]])).to_json()
    assert found["classes"][0] == {"name": "x", "samples": 2, "precision": 1.0, "recall": 1.0}
    assert found["classes"][1] == {"name": "y", "samples": 0, "precision": None, "recall": None}
    assert found["confusion"] == [[2, 0], [0, 0]]


def test_wrong_names():
    with pytest.raises(ValueError, match="class_report: names has 3 entries, expected 2, the outputs"):
        class_report(same_scores(2), [], ["a", "b", "c"])


@pytest.mark.parametrize(
    ("described", "names"),
    [
        ({"classes": ["up", "down"]}, ("up", "down")),
        ({"classes": 2}, ("0", "1")),
        ({"vocabulary": ["a", "b"]}, ("a", "b")),
        ({"labels": [1, 2]}, ("1", "2")),
        ({}, ("0", "1")),
    ],
)
def test_names_come_from_the_description_of_the_task(described, names):
    assert class_names(described, 2) == names


def lines(net, batches, loss, names):
    file = io.BytesIO()
    metrics.evaluate(net, batches, loss, observers=[PredictionFile(file, loss, names)])
    return list(csv.reader(io.StringIO(file.getvalue().decode())))


def test_a_line_for_each_sample_with_the_probabilities():
    rng = np.random.default_rng(1)
    batches = [random_batch(rng, 3), random_batch(rng, 2)]
    head, *rows = lines(same_scores(3, last=True), batches, LABELS, ["a", "b,c", "d"])
    assert head == ["sample", "target", "prediction", "a", "b,c", "d"]
    scores = np.concatenate([batch.x[-1] for batch in batches])
    targets = np.concatenate([batch.target for batch in batches])
    names = np.array(["a", "b,c", "d"])
    assert [row[0] for row in rows] == ["0", "1", "2", "3", "4"]
    assert [row[1] for row in rows] == names[targets].tolist()
    assert [row[2] for row in rows] == names[scores.argmax(axis=1)].tolist()
    assert np.array([row[3:] for row in rows], float) == pytest.approx(softmax(scores, axis=1))


def test_a_line_for_each_counted_step_of_streams():
    x, target = np.zeros((2, 2, 2)), np.array([[0, 1], [1, 0]])
    mask = np.array([[True, True], [True, False]])
    batches = [Batch(x, target), Batch(x, target, mask=mask, carry=True), Batch(x, target)]
    _, *rows = lines(same_scores(2), batches, LABELS, ["0", "1"])
    places = [(int(row[0]), int(row[1])) for row in rows]
    first, second = [(0, 0), (0, 1), (1, 0), (1, 1)], [(0, 2), (0, 3), (1, 2)]
    assert places == [*first, *second, (2, 0), (2, 1), (3, 0), (3, 1)]
    assert [row[2] for row in rows[:4]] == ["0", "1", "1", "0"]


@pytest.mark.parametrize(("loss", "kind"), [("mse", "output"), ("binary_cross_entropy", "probability")])
def test_lines_of_real_targets(loss, kind):
    x = np.array([[[0.0, 2.0], [1.0, -1.0]]])
    target = np.array([[0.0, 1.0], [0.5, 0.25]])
    head, *rows = lines(same_scores(2, last=True), [Batch(x, target)], loss, ["0", "1"])
    assert head == ["sample", "target_0", "target_1", f"{kind}_0", f"{kind}_1"]
    values = x[0] if loss == "mse" else 1 / (1 + np.exp(-x[0]))
    assert np.array(rows, float)[:, 1:] == pytest.approx(np.concatenate([target, values], axis=1))
