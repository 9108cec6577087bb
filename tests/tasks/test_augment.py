"""Random changes of training samples: noise, and windows of whole sequences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_runs import adding

from indrnn_np import tasks
from indrnn_np.commands.cli import main
from indrnn_np.settings import build, settings
from indrnn_np.tasks.arrays import Arrays
from indrnn_np.tasks.augment import Augmented, normal


def counting(T, N, lengths=None, every=False):
    """Each value of x names its sample and its time step, so that windows can be recognised."""
    x = 100.0 * np.arange(N) + np.arange(T)[:, None]
    y = np.arange(N) % 3
    return Arrays(x[:, :, None], np.floor(x).astype(int) % 7 if every else y, lengths, validation=(x[:, :, None], y)
                  if not every else None, seed=3)  # fmt: skip


@given(
    st.integers(1, 9),
    st.integers(1, 6),
    st.floats(0.01, 1.0),
    st.booleans(),
    st.booleans(),
    st.integers(0, 99),
)
def test_a_crop_is_a_window_of_each_sample(T, N, share, with_lengths, every, iteration):
    lengths = np.random.default_rng(T).integers(1, T + 1, N) if with_lengths else None
    whole = counting(T, N, lengths, every)
    batch = Augmented(whole, crop=share, seed=5).batch(iteration, N)
    before = whole.batch(iteration, N)
    ends = np.full(N, T) if before.lengths is None else before.lengths
    kept = np.full(N, len(batch.x)) if batch.lengths is None else batch.lengths
    for n in range(N):
        values = batch.x[: kept[n], n, 0]
        (start,) = np.flatnonzero(before.x[: ends[n], n, 0] == values[0])
        assert kept[n] == max(1, np.ceil(share * ends[n] - 1e-9)) and start + kept[n] <= ends[n]
        np.testing.assert_array_equal(values, before.x[start : start + kept[n], n, 0])
        if every:
            np.testing.assert_array_equal(
                batch.target[: kept[n], n], before.target[start : start + kept[n], n]
            )
    if not every:
        np.testing.assert_array_equal(batch.target, before.target)


def test_windows_are_everywhere_and_differ_between_samples_and_iterations():
    task = Augmented(counting(10, 40), crop=0.5)
    starts = np.concatenate([task.batch(i, 40).x[0, :, 0] % 100 for i in range(5)])
    assert set(starts) == set(range(6))
    assert np.array_equal(task.batch(3, 40).x, task.batch(3, 40).x)
    assert not np.array_equal(task.batch(0, 40).x[0] % 100, task.batch(1, 40).x[0] % 100)


def test_jitter_is_normal_noise_of_its_deviation():
    clean = Arrays(np.full((50, 40, 2), 3.0), np.zeros(40, int))
    noise = Augmented(clean, jitter=0.2, seed=1).batch(0, 40).x - 3.0
    assert noise.std() == pytest.approx(0.2, rel=0.05) and abs(noise.mean()) < 0.01
    assert np.mean(np.abs(noise) < 0.2) == pytest.approx(0.683, abs=0.03)
    assert np.unique(noise).size > 0.99 * noise.size and np.isfinite(noise).all()
    other = Augmented(clean, jitter=0.2, seed=2).batch(0, 40).x - 3.0
    assert not np.array_equal(noise, other)


def test_evaluations_are_unchanged():
    whole = counting(10, 6)
    task = Augmented(whole, jitter=1.0, crop=0.5)
    for split in ("validation", "train"):
        one, other = (next(each.evaluation(split, 6)) for each in (task, whole))
        np.testing.assert_array_equal(one.x, other.x)
    assert task.epoch_length(2) == whole.epoch_length(2) and task.describe() == whole.describe()


def test_bad_arguments_and_tasks_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"tasks.Augmented: crop is 1.5, expected a share of the time steps"):
        Augmented(counting(3, 3), crop=1.5)
    with pytest.raises(ValueError, match="crop is 0"):
        Augmented(counting(3, 3), crop=0.0)
    with pytest.raises(ValueError, match="jitter is -1"):
        Augmented(counting(3, 3), jitter=-1.0)
    with pytest.raises(
        ValueError, match=r"jitter is 1e\+38, expected a deviation of at most 1e\+37 because noise"
    ):
        Augmented(counting(3, 3), jitter=1e38)
    assert np.isfinite(Augmented(counting(3, 3), jitter=1e37).batch(0, 2).x).all()
    (tmp_path / "text.txt").write_text("to be or not to be " * 40, encoding="utf-8")
    text = tasks.get("chars", data=tmp_path / "text.txt", steps=5)
    with pytest.raises(ValueError, match="the inputs are symbols, expected whole sequences of real inputs"):
        Augmented(text, jitter=0.1).batch(0, 2)


def test_the_command_trains_on_changed_samples(tmp_path):
    rng = np.random.default_rng(0)
    file = tmp_path / "data.npz"
    np.savez(file, x=rng.standard_normal((6, 20, 1)), y=rng.integers(0, 2, 20))
    losses = {}
    for name, more in {"plain": [], "changed": ["--jitter", "0.5", "--crop", "0.5"]}.items():
        command = ["train", "sequences", "--data", str(file), "--iterations", "4", "--hidden", "4", "--quiet",
                   "--log-every", "1", "--backend", "reference", "--out", str(tmp_path / name), *more]  # fmt: skip
        assert main(command) == 0
        losses[name] = (tmp_path / name / "metrics.jsonl").read_text(encoding="utf-8")
    assert "steps_per_second" in losses["changed"] and losses["changed"] != losses["plain"]
    used = settings.read(tmp_path / "changed" / "config.toml")
    assert used["jitter"] == 0.5 and used["crop"] == 0.5
    assert isinstance(build._augmented(adding(), {"seed": 1, "jitter": 0.1}), Augmented)


def test_the_noise_is_finite_for_every_uniform_number():
    u = np.array([0.0, 2.0**-24, 0.5 - 2.0**-24, 0.5, 1 - 2.0**-24], np.float32)
    noise = normal(u)
    assert np.isfinite(noise).all() and (np.diff(noise) > 0).all()
    assert noise[0] == pytest.approx(-noise[-1]) and -5.6 < noise[0] < -5.3  # ndtri(2^-25)


def test_crop_is_refused_where_time_steps_would_have_no_statistics():
    norm = {"batchnorm": True, "layernorm": False, "per_step": True, "bn_batch": 0}
    used = {"seed": 1, "crop": 0.5, "update_every": 0, **norm}
    with pytest.raises(
        ValueError, match=r"settings: crop is 0\.5 with per_step, expected crop 1, or bn_batch above 0"
    ):
        build._augmented(adding(), used)
    assert build._augmented(adding(), used | {"bn_batch": 50}).crop == 0.5
    assert build._augmented(adding(), used | {"layernorm": True}).crop == 0.5
    with pytest.raises(ValueError, match=r"crop is 0\.5 with update_every=2, expected crop 1"):
        build._augmented(adding(), used | {"update_every": 2})
    with pytest.raises(TypeError, match="task is a tuple, expected a task, such as"):
        Augmented((np.zeros((3, 2, 1)), np.zeros(2, int)), jitter=0.1)
