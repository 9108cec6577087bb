"""The copying memory problem: what a batch holds, and that it depends on nothing but seed, split and iteration."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indrnn_np import backend, tasks
from indrnn_np.commands.cli import main
from indrnn_np.training import metrics


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 2**40), st.integers(0, 2**32))
def test_ten_symbols_a_pause_a_marker_and_the_symbols_again(delay, B, iteration, seed):
    batch = tasks.get("copying", delay=delay, seed=seed).batch(iteration, B)
    assert batch.x.shape == (delay + 20, B, 10) and batch.x.flags.c_contiguous and batch.x.dtype == np.float32
    assert ((batch.x == 0) | (batch.x == 1)).all() and (batch.x.sum(axis=2) == 1).all()
    read = batch.x.argmax(axis=2)
    symbols, pause, marker, rest = np.split(read, [10, 9 + delay, 10 + delay])
    assert symbols.max() < 8 and (pause == 8).all() and (marker == 9).all() and (rest == 8).all()
    assert len(pause) == delay - 1 and marker.shape == (1, B) and len(rest) == 10
    assert batch.target.shape == (delay + 20, B) and (batch.target[:-10] == 8).all()
    np.testing.assert_array_equal(batch.target[-10:], symbols)
    np.testing.assert_array_equal(batch.recalled, batch.target < 8)


def test_every_symbol_is_equally_likely_at_every_place():
    symbols = tasks.get("copying", delay=1).batch(0, 8000).target[-10:]
    for row in symbols:
        assert np.bincount(row, minlength=8) == pytest.approx([1000] * 8, rel=0.15)
    assert abs(np.corrcoef(symbols[0], symbols[1])[0, 1]) < 0.05


def test_batches_are_functions_of_seed_split_and_iteration():
    task, same = tasks.get("copying", delay=5, seed=3), tasks.get("copying", delay=5, seed=3)
    task.batch(7, 4)
    np.testing.assert_array_equal(task.batch(5, 4).x, same.batch(5, 4).x)
    others = [task.batch(6, 4), tasks.get("copying", delay=5, seed=4).batch(5, 4)]
    others += [next(task.evaluation(split, 4, 5)) for split in ("train", "validation", "test")]
    assert all((task.batch(5, 4).target != other.target).any() for other in others)
    stream = task.evaluation("train", 3)
    assert (next(stream).x != next(stream).x).any()


@given(st.integers(1, 60))
def test_an_evaluation_is_the_same_in_batches_of_any_size(size):
    task = tasks.get("copying", delay=3, seed=1, evaluation_size=50)
    whole, parts = next(task.evaluation("test", 50, 300)), list(task.evaluation("test", size, 300))
    np.testing.assert_array_equal(whole.x, np.concatenate([part.x for part in parts], axis=1))
    np.testing.assert_array_equal(whole.target, np.concatenate([part.target for part in parts], axis=1))
    assert all(part.x.shape[1] <= size for part in parts)
    assert (next(task.evaluation("test", 50, 400)).x != whole.x).any()


class Answers:
    """A network with the scores that it is told, for metrics.evaluate."""

    def __init__(self, scores):
        self.scores, self.ops = scores, backend.get("reference")
        self.device = self.ops.device

    def infer(self, x, state, lengths):
        return self.scores(x), state


def test_the_baseline_is_what_the_one_without_memory_scores():
    task = tasks.get("copying", delay=7, dtype="float64")

    def scores(x):
        y = np.full((*x.shape[:2], 9), -1000.0)
        y[:-10, :, 8] = 0
        y[-10:, :, :8] = 0
        return y

    means = metrics.evaluate(Answers(scores), task.evaluation("test", 300), task.loss)
    assert means["softmax_cross_entropy"] == pytest.approx(task.baseline) == 10 * math.log(8) / 27
    assert means["recall"] == pytest.approx(1 / 8, abs=0.02)
    assert means["accuracy"] == pytest.approx((17 + 10 * means["recall"]) / 27)
    assert task.describe()["baseline"] == task.baseline and task.epoch_length(50) is None


def test_recall_is_all_there_for_the_one_who_remembers():
    task = tasks.get("copying", delay=4, evaluation_size=30)

    def scores(x):
        y = np.zeros((*x.shape[:2], 9), np.float32)
        y[:-10, :, 8] = 50
        y[-10:] = 50 * x[:10, :, :9]
        return y

    means = metrics.evaluate(Answers(scores), task.evaluation("validation", 7), task.loss)
    assert means["recall"] == means["accuracy"] == 1 and means["softmax_cross_entropy"] < 1e-6


def test_float64_and_sizes():
    task = tasks.get("copying", delay=1, dtype="float64")
    assert task.batch(0, 3).x.dtype == np.float64
    assert (task.steps, task.input_size, task.output_size, task.output) == (21, 10, 9, "every")


def test_errors():
    with pytest.raises(ValueError, match=r"tasks.Copying: delay is 0, expected a number of at least 1"):
        tasks.get("copying", delay=0)
    with pytest.raises(ValueError, match=r"tasks.Copying: evaluation_size is 0"):
        tasks.get("copying", evaluation_size=0)
    with pytest.raises(ValueError, match=r"split is 'tset', expected one of 'train', 'validation', 'test'"):
        next(tasks.get("copying").evaluation("tset", 10))


def test_the_command_trains_tells_recall_and_evaluates_other_sequences(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = (
        "--delay 3 --backend reference --hidden 4 --batch 5 --iterations 2 --quiet --json --out run".split()
    )
    assert main(["train", "copying", *options]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (
        summary["baseline"] == pytest.approx(10 * math.log(8) / 23)
        and 0 <= summary["final"]["test"]["recall"] <= 1
    )
    assert main(["eval", "run", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert {name: again[name] for name in summary["final"]["test"]} == summary["final"]["test"]
    assert main(["eval", "run", "--json", "--seed", "9"]) == 0
    assert json.loads(capsys.readouterr().out)["softmax_cross_entropy"] != again["softmax_cross_entropy"]
