"""The adding problem: what a batch holds, and that it depends on nothing but seed, split and iteration."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import GPUS

from indrnn_np import tasks
from indrnn_np.backend import get


@given(st.integers(2, 60), st.integers(1, 20), st.integers(0, 2**40), st.integers(0, 2**32))
def test_one_marker_in_each_half_and_their_sum(T, B, iteration, seed):
    batch = tasks.get("adding", steps=T, seed=seed, backend="reference").batch(iteration, B)
    values, markers = batch.x[:, :, 0], batch.x[:, :, 1]
    assert batch.x.shape == (T, B, 2) and batch.x.flags.c_contiguous and batch.x.dtype == np.float32
    assert ((values >= 0) & (values < 1)).all() and np.isin(markers, [0, 1]).all()
    assert (markers[: T // 2].sum(axis=0) == 1).all() and (markers[T // 2 :].sum(axis=0) == 1).all()
    np.testing.assert_array_equal(batch.target[:, 0], (values * markers).sum(axis=0, dtype=np.float32))
    assert batch.steps == T * B


def test_batches_are_functions_of_seed_split_and_iteration():
    task, same = (
        tasks.get("adding", steps=20, seed=3),
        tasks.get("adding", steps=20, seed=3, backend="reference"),
    )
    task.batch(7, 4)
    np.testing.assert_array_equal(task.batch(5, 4).x, same.batch(5, 4).x)
    others = [task.batch(6, 4).x, tasks.get("adding", steps=20, seed=4).batch(5, 4).x]
    others += [next(task.evaluation(split, 4, 5)).x for split in ("train", "validation", "test")]
    assert all((task.batch(5, 4).x != other).any() for other in others)


def test_an_evaluation_is_the_same_in_batches_of_any_size():
    task = tasks.get("adding", steps=10, seed=1, evaluation_size=50)
    whole, parts = list(task.evaluation("test", 50, 300)), list(task.evaluation("test", 16, 300))
    assert [len(part.target) for part in parts] == [16, 16, 16, 2]
    np.testing.assert_array_equal(whole[0].x, np.concatenate([part.x for part in parts], axis=1))
    assert (next(task.evaluation("test", 50, 400)).x != whole[0].x).any()


@pytest.mark.parametrize("backend", GPUS)
def test_a_batch_is_drawn_in_the_memory_of_its_backend(backend):
    there, here = (
        tasks.get("adding", steps=9, seed=2, backend=name, evaluation_size=7)
        for name in (backend, "reference")
    )
    pairs = [(there.batch(3, 4), here.batch(3, 4))]
    pairs += zip(there.evaluation("test", 3), here.evaluation("test", 3), strict=True)
    for drawn, expected in pairs:
        assert isinstance(drawn.x, get(backend).device.arrays) and drawn.steps == expected.steps
        np.testing.assert_array_equal(drawn.x.to_host(), expected.x)
        np.testing.assert_array_equal(drawn.target.to_host(), expected.target)


def test_training_data_for_statistics_never_repeats():
    stream = tasks.get("adding", steps=5).evaluation("train", 3, 0)
    assert (next(stream).x != next(stream).x).any()


def test_the_baseline_is_what_always_answering_one_scores():
    task = tasks.get("adding", steps=2, evaluation_size=200_000, backend="reference")
    batch = next(task.evaluation("test", 200_000))
    assert np.mean((batch.target - 1.0) ** 2) == pytest.approx(task.baseline, rel=0.02)
    assert task.epoch_length(50) is None
    assert task.describe()["baseline"] == task.baseline


def test_every_step_can_be_marked():
    x = tasks.get("adding", steps=7, backend="reference").batch(0, 2000).x
    counts = x[:, :, 1].sum(axis=1)
    assert counts[:3] == pytest.approx([2000 / 3] * 3, rel=0.15)
    assert counts[3:] == pytest.approx([500] * 4, rel=0.2)


def test_float64():
    batch = tasks.get("adding", steps=5, dtype="float64").batch(0, 3)
    assert batch.x.dtype == batch.target.dtype == np.float64


def test_errors():
    with pytest.raises(ValueError, match=r"tasks.Adding: steps is 1, expected a number of at least 2"):
        tasks.get("adding", steps=1)
    with pytest.raises(ValueError, match=r"tasks.get: name is 'coping', expected one of 'adding', 'mnist'"):
        tasks.get("coping")
    with pytest.raises(ValueError, match=r"split is 'tset', expected one of 'train', 'validation', 'test'"):
        next(tasks.get("adding").evaluation("tset", 10))
