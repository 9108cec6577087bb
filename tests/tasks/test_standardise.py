"""Standardised inputs, and groups of samples that are held out together."""

import numpy as np
import pytest
import small_mnist
from hypothesis import given
from hypothesis import strategies as st

from indrnn_np import tasks
from indrnn_np.tasks.arrays import Arrays
from indrnn_np.tasks.standardise import scaling


def padded(rng, T, N, D, fill):
    """Return x with NaN or large numbers beyond the lengths, and the lengths."""
    lengths = rng.integers(1, T + 1, N)
    x = rng.normal(7.0, 3.0, (T, N, D))
    x[np.arange(T)[:, None] >= lengths] = fill
    return x, lengths


@given(
    st.integers(1, 6),
    st.integers(2, 8),
    st.integers(1, 3),
    st.sampled_from([np.nan, 1e300]),
    st.integers(0, 99),
)
def test_each_channel_has_mean_0_and_deviation_1_over_valid_steps(T, N, D, fill, seed):
    x, lengths = padded(np.random.default_rng(seed), T, N, D, fill)
    task = Arrays(x, np.arange(N) % 2, lengths)
    task.standardise()
    batch = task.batch(0, N)
    valid = np.arange(T)[:, None] < batch.lengths
    values = batch.x[valid]
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-9)
    constant = np.ptp(values, axis=0) < 1e-9
    np.testing.assert_allclose(values.std(axis=0)[~constant], 1)
    order = np.arange(T)[:, None] < lengths
    np.testing.assert_allclose(task.describe()["mean"], x[order].mean(axis=0))


def test_held_out_and_test_samples_have_no_part_in_the_scaling():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 20, 2)), np.arange(20) % 2
    task = Arrays(x, y, validation=0.25, test=(x * 100, y), seed=3)
    task.standardise()
    trained = task._data["train"].samples
    np.testing.assert_allclose(task.describe()["mean"], x[:, trained].mean(axis=(0, 1)))
    test = next(task.evaluation("test", 20))
    mean, deviation = (np.array(task.describe()[name]) for name in ("mean", "deviation"))
    np.testing.assert_allclose(test.x, (100 * x - mean) / deviation)


def test_large_numbers_and_a_constant_channel():
    one = scaling("x", [np.array([1e308, -1e308, 1e308, -1e308]), np.full(4, 3.0)])
    assert one.mean.tolist() == [0.0, 3.0] and one.deviation.tolist() == [1e308, 1.0]
    with pytest.raises(ValueError, match="x: channel 1 has no value in the training series"):
        scaling("x", [np.full(3, np.nan)])


def write(path, **more):
    rng = np.random.default_rng(1)
    arrays = {
        "x": rng.normal(size=(5, 24, 2)),
        "y": np.arange(24) % 3,
        "groups": np.repeat(list("abcdef"), 4),
    }
    np.savez(path, **arrays | more)
    return path


def test_a_group_is_held_out_as_a_whole(tmp_path):
    task = tasks.get("sequences", data=write(tmp_path / "a.npz"), held_out=0.3, seed=2)
    groups = np.repeat(list("abcdef"), 4)
    rest, held = (set(groups[task._data[split].samples]) for split in ("train", "validation"))
    assert len(held) == 2 and not rest & held and rest | held == set("abcdef")


@pytest.mark.parametrize(
    "more, held_out, words",
    [
        ({}, 0.0, "groups is set and held_out 0, expected a share of the groups"),
        ({"groups": np.arange(3)}, 0.2, r"groups has shape \(3,\), expected \(24,\)"),
        ({"groups": np.linspace(0, 1, 24)}, 0.2, "groups has dtype float64, expected integers or strings"),
        ({"groups": np.zeros(24, int)}, 0.2, "groups has one group, expected at least two"),
    ],
)
def test_wrong_groups_are_refused(tmp_path, more, held_out, words):
    with pytest.raises(ValueError, match=words):
        tasks.get("sequences", data=write(tmp_path / "a.npz", **more), held_out=held_out)


def recordings(path, **more):
    rng = np.random.default_rng(2)
    lengths = rng.integers(2, 9, 12)
    arrays = {
        "frames": rng.normal(5, 2, (lengths.sum(), 3)), "lengths": lengths, "labels": np.arange(12) % 3,
        "test": np.arange(12) > 8,
    }  # fmt: skip
    np.savez(path, **arrays | more)
    return arrays


def test_recordings_with_validation_samples_of_their_own(tmp_path):
    path = tmp_path / "a.npz"
    validation = np.arange(12) < 3
    arrays = recordings(path, validation=validation)
    task = tasks.get("skeleton", data=path, steps=4, standardise=True, dtype="float64")
    assert task.describe()["samples"] == {"train": 6, "validation": 3, "test": 3}
    trained = np.repeat(~validation & ~arrays["test"], arrays["lengths"])
    np.testing.assert_allclose(task.describe()["mean"], arrays["frames"][trained].mean(axis=0))
    mean, deviation = (np.array(task.describe()[name]) for name in ("mean", "deviation"))
    raw = tasks.get("skeleton", data=path, steps=4, dtype="float64").batch(2, 4)
    np.testing.assert_allclose(task.batch(2, 4).x, (raw.x - mean) / deviation)
    with pytest.raises(
        ValueError, match=r"held_out is 0\.1, expected None because the file has the key validation"
    ):
        tasks.get("skeleton", data=path, held_out=0.1)


def test_groups_of_recordings(tmp_path):
    path = tmp_path / "a.npz"
    recordings(path, groups=np.arange(12) // 3)
    task = tasks.get("skeleton", data=path, steps=4, held_out=0.4)
    assert task.describe()["samples"] == {"train": 6, "validation": 3, "test": 3}
    assert len(set((task._index["validation"] // 3).tolist())) == 1


def test_a_sample_of_validation_and_test_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    recordings(path, validation=np.arange(12) > 7)
    with pytest.raises(ValueError, match="test and validation have sample 9, expected each sample in one"):
        tasks.get("skeleton", data=path)


def test_mnist_is_standardised_by_its_training_images(tmp_path):
    folder = small_mnist.write(tmp_path)
    plain, scaled = (
        tasks.get("mnist", data=folder, held_out=10, standardise=on, dtype="float64") for on in (False, True)
    )
    x = np.concatenate(
        [batch.x for _, batch in zip(range(1), plain.evaluation("train", 1000), strict=False)], axis=1
    )
    y = next(scaled.evaluation("train", 1000)).x
    described = scaled.describe()
    np.testing.assert_allclose(described["mean"], [x.mean()], rtol=1e-12)
    np.testing.assert_allclose(y, (x - x.mean()) / x.std(), atol=1e-12)
    assert "mean" not in plain.describe()
