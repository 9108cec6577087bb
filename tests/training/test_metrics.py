"""What an evaluation reports of several labels at once, and a run that learns them."""

import numpy as np
import pytest
from tolerances import TOLERANCE

import indrnn_np as ir
from indrnn_np.optim.losses import LOSSES
from indrnn_np.tasks import Batch
from indrnn_np.training import metrics

LOSS = "binary_cross_entropy"


class Positive:
    """Which of three inputs have a positive sum over time? The fourth label is never there."""

    name, loss, output, metric, splits, baseline = "positive", LOSS, "last", "accuracy", ("validation",), None
    input_size, output_size, steps = 3, 4, 5

    def describe(self):
        return {"task": self.name}

    def epoch_length(self, size):
        return None

    def batch(self, iteration, size):
        x = np.random.default_rng(iteration).standard_normal((5, size, 3)).astype("float32")
        return Batch(x, np.concatenate([x.sum(axis=0) > 0, np.zeros((size, 1))], axis=1, dtype="float32"))

    def evaluation(self, split, size, iteration=0):
        yield self.batch(10**6, 200)


def same_scores():
    """A network whose scores (T, B, 2) are its inputs."""
    net = ir.Sequential([ir.Linear(2, 2)], dtype="float64", backend="reference")
    net.params["0.W"][:], net.params["0.b"][:] = np.eye(2), 0
    return net


X = np.array([[[1, -1], [2, 3]], [[0, -2], [-1, 1]], [[5, 5], [7, -7]]], float)  # T = 3, B = 2, K = 2
TARGET = np.array([[[1, 0], [1, 0]], [[1, 0.5], [0.75, 1]], [[1, 1], [0, 1]]])
RIGHT = np.array([[2, 1], [1, 1], [2, 0]])  # of the two labels of each row; a score of 0 is no label


def evaluated(net, *batches):
    return metrics.evaluate(net, batches, LOSS)


def test_accuracy_is_the_share_of_right_elements(backend):
    net = same_scores().astype("float64", backend)
    found = evaluated(net, Batch(X, TARGET))
    assert list(found) == [LOSS, "accuracy"]
    assert found[LOSS] == pytest.approx(ir.binary_cross_entropy(X, TARGET)[0], rel=TOLERANCE["float64"])
    assert found["accuracy"] == RIGHT.sum() / RIGHT.size / 2
    halves = Batch(X[:2], TARGET[:2]), Batch(X[2:], TARGET[2:])
    assert evaluated(net, *halves) == pytest.approx(found, rel=TOLERANCE["float64"])


def test_rows_beyond_lengths_and_masks_do_not_count():
    lengths, mask = np.array([3, 1]), np.array([[True, True], [False, True], [True, True]])
    counted = np.array([[True, True], [False, False], [True, False]])
    spoilt = np.where(counted[..., None], TARGET, np.nan)
    found = evaluated(same_scores(), Batch(X, spoilt, lengths, mask))
    expected = evaluated(same_scores(), Batch(X, TARGET, mask=counted))
    assert found == expected and found["accuracy"] == RIGHT[counted].mean() / 2


def test_recall_is_the_accuracy_of_the_marked_rows():
    marked = np.array([[False, True], [True, False], [False, False]])
    assert evaluated(same_scores(), Batch(X, TARGET, recalled=marked))["recall"] == 0.5


def test_a_run_learns_several_labels():
    net = ir.plain(3, 8, 4, layers=1, steps=5, backend="reference", seed=1)
    result = ir.fit(net, Positive(), ir.Adam(0.02), iterations=150, validate_every=50, progress=False)
    accuracy = result.curve("accuracy", "validation")[1]
    assert accuracy[-1] > 0.9 and accuracy[-1] == result.summary["final"]["validation"]["accuracy"]
    assert result.summary["best"]["value"] == max(accuracy)  # a larger accuracy is better
    assert result.curve(LOSS)[1][-1] < np.log(2) / 2
    assert ir.Plan(1, loss=LOSS).complete(Positive(), 0.1).loss == LOSS


def test_a_wrong_target_ends_a_run():
    class Wrong(Positive):
        def batch(self, iteration, size):
            batch = super().batch(iteration, size)
            return Batch(batch.x, batch.target * 2)

    net = ir.plain(3, 2, 4, layers=1, steps=5, backend="reference")
    with pytest.raises(
        ValueError, match=r"binary_cross_entropy\.loss: target\[\d+, \d\] is 2\.0, expected 0 to 1"
    ):
        ir.fit(net, Wrong(), ir.Adam(), iterations=1, progress=False)


def test_every_loss_has_a_direction():
    assert set(LOSSES) < set(metrics.LARGER_IS_BETTER)
