"""Skeleton recordings: the files, who stands where, protocols, archives, random frames, and what can be wrong."""

import json
import os

import numpy as np
import pytest
import small_skeletons as small
from hypothesis import given
from hypothesis import strategies as st
from small_skeletons import body, name

import indrnn_np as ir
from indrnn_np import _machine, tasks
from indrnn_np.commands.cli import main
from indrnn_np.tasks import ntu, recordings, skeleton_file
from indrnn_np.training import metrics


def parse(tmp_path, frames):
    path = tmp_path / "a.skeleton"
    path.write_text(small.text(frames), encoding="utf-8")
    return skeleton_file.read(path).reshape(len(frames), 2, 25, 3)


def test_coordinates_of_two_bodies_and_zeros_for_who_is_absent(tmp_path):
    x = parse(tmp_path, [[("1", body(0)), ("2", body(10))], [("2", body(11))], [], [("1", body(3))]])
    np.testing.assert_array_equal(x[0], [body(0), body(10)])
    assert (x[1, 0] == 0).all() and (x[2] == 0).all() and (x[3, 1] == 0).all()
    np.testing.assert_array_equal(x[1, 1], body(11))
    np.testing.assert_array_equal(x[3, 0], body(3))
    assert x.dtype == np.float32


def test_a_body_keeps_its_place_whatever_the_order_in_a_frame(tmp_path):
    x = parse(tmp_path, [[("1", body(0)), ("2", body(10))], [("2", body(11)), ("1", body(1))]])
    np.testing.assert_array_equal(x, [[body(0), body(10)], [body(1), body(11)]])


def test_who_is_seen_longest_comes_first_and_a_third_is_dropped(tmp_path):
    third = [("3", body(20)), ("1", body(0)), ("2", body(10))]
    x = parse(tmp_path, [third, [("2", body(11)), ("1", body(1))], [("2", body(12))]])
    np.testing.assert_array_equal(
        x, [[body(10), body(0)], [body(11), body(1)], [body(12), np.zeros((25, 3))]]
    )


def test_who_is_lost_and_found_under_another_name_comes_back_to_the_same_place(tmp_path):
    x = parse(tmp_path, [[("1", body(f)), ("2" if f < 3 else "3", body(10 + f))] for f in range(5)])
    np.testing.assert_array_equal(x, [[body(f), body(10 + f)] for f in range(5)])
    alone = parse(tmp_path, [[("1" if f < 2 else "9", body(f))] for f in range(5)])
    np.testing.assert_array_equal(alone[:, 0], [body(f) for f in range(5)])
    assert (alone[:, 1] == 0).all()


GOOD = small.text([[("1", body(0))], [("1", body(1)), ("2", body(2))]]).replace("\r\n", "\n")
LINES = GOOD.split("\n")  # 1: frames; 2, 30: bodies; 3, 31, 58: a body; 4: joints; 5 to 29: joints


def changed(line, text):
    return "\n".join([*LINES[: line - 1], *([] if text is None else [text]), *LINES[line:]])


X = small.JOINT
WRONG = [
    ("", r"line 1, has 0 values, expected 1 for the number of frames"),
    (changed(1, "two"), r"line 1, has 'two' for the number of frames, expected a whole number"),
    (changed(1, "-2"), r"line 1, has '-2' for the number of frames"),
    (changed(1, "1"), r"line 30, has 1 values, expected 0 for the file to end"),
    (changed(1, "3"), r"line 85, has 0 values, expected 1 for the number of bodies"),
    (changed(1, "0"), r"line 2, has 1 values, expected 0 for the file to end"),
    (
        "0\n",
        r"has 0 frames and no body, expected at least one body ; the list .* excludes it \(--exclude\)",
    ),
    ("2\n0\n0\n", r"has 2 frames and no body, expected at least one body"),
    (changed(2, "1.0"), r"line 2, has '1.0' for the number of bodies"),
    (changed(3, "1 2 3"), r"line 3, has 3 values, expected 10 for a body"),
    (changed(4, "24"), r"line 4, has 24 joints, expected 25"),
    (changed(5, "1 2 3"), r"line 5, has 3 values, expected 12 for a joint"),
    (changed(5, "1 nan 3" + X), r"line 5, has x y z 1 nan 3, expected three finite numbers"),
    (
        changed(5, "1 4e38 3" + X),
        r"line 5, has x y z 1 4e38 3, expected three finite numbers that float32 can hold",
    ),
    (changed(6, "1 2 -inf" + X), r"line 6, has x y z 1 2 -inf, expected three finite numbers"),
    (changed(29, "1 2 3e" + X), r"line 29, has x y z 1 2 3e"),
    (changed(29, None), r"line 29, has 1 values, expected 12 for a joint"),
    (changed(58, LINES[30]), r"line 58, repeats body 1, expected each body once per frame"),
    (GOOD + "1 2\n", r"line 85, has 2 values, expected 0 for the file to end"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_files_are_not_trusted(tmp_path, text, words):
    path = tmp_path / "bad.skeleton"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=words) as error:
        skeleton_file.read(path)
    assert str(error.value).startswith(f"skeleton_file.read: {path}")


def test_a_file_cut_off_anywhere_is_refused(tmp_path):
    path = tmp_path / "cut.skeleton"
    for end in range(0, len(GOOD) - 3, 61):  # behind the last joint's x y z stands nothing that is read
        path.write_text(GOOD[:end], encoding="utf-8")
        with pytest.raises(ValueError, match=r"cut.skeleton.* expected"):
            skeleton_file.read(path)
    path.write_text("\n".join(LINES[:40]), encoding="utf-8")
    with pytest.raises(ValueError, match=r"ends after line 40, expected a joint ; .* if it is incomplete"):
        skeleton_file.read(path)
    path.write_bytes(GOOD.encode("utf-16"))
    with pytest.raises(ValueError, match=r"line 1, holds the byte 0xff, expected text in UTF-8"):
        skeleton_file.read(path)


def test_a_first_line_that_promises_too_much_is_found_before_memory_is_asked_for(folder):
    (folder / f"{name()}.skeleton").write_text("999999999999\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"has 13 bytes, expected more for 999999999999 frames"):
        get(folder)


def test_files_that_are_no_recordings(folder, tmp_path, monkeypatch):
    """What macOS writes beside each file, and a name that is not UTF-8."""
    before = get(folder).describe()
    (folder / f"._{name()}.skeleton").write_bytes(b"\0\5\x16\7")
    assert get(folder, cache=tmp_path / "cache.npz").describe() == before
    with pytest.raises(
        MemoryError, match=r"270 frames of .* needs 0.000151 GiB, expected at most .* of a limit"
    ):
        monkeypatch.setattr(_machine, "available_memory", lambda: (50_000, "a limit"))
        get(folder)
    (folder / os.fsdecode(b"\xff.skeleton")).write_text("1")
    with pytest.raises(ValueError, match=r"a sample is named '\\udcff', expected SsssCccc"):
        get(folder)


def test_protocols():
    names = [name(camera=c, performer=p, action=60) for c in (1, 2, 3) for p in (1, 3, 38, 40)]
    labels, test = ntu.classify(names, "cs")
    assert (labels == 59).all() and test.tolist() == [False, True, False, True] * 3
    assert ntu.classify(names, "cv")[1].tolist() == [True] * 4 + [False] * 8
    assert len(set(ntu.TRAINING["cs"][1])) == 20
    for wrong in (name(action=61), name(action=0), "S001C001P001R001", name() + "x"):
        with pytest.raises(ValueError, match=f"a sample is named '{wrong}', expected SsssCcccPpppRrrrAaaa"):
            ntu.classify([wrong], "cs")
    with pytest.raises(ValueError, match=r"protocol is 'xs', expected one of 'cs', 'cv'"):
        ntu.classify(names, "xs")


SAMPLES = {
    name(performer=p, camera=c, action=a): 3 + 5 * a + p for p in (1, 2, 3) for c in (1, 2) for a in (1, 2, 3)
}
SIZES = list(SAMPLES.values())


@pytest.fixture
def folder(tmp_path):
    return small.write(tmp_path / "skeletons", SAMPLES)


def get(data, **options):
    return tasks.get("skeleton", data=data, **{"steps": 4, "samplings": 3, "dtype": "float64"} | options)


def frames_of(x):
    """(sample number, frame) of each step, read off what small.write wrote."""
    return np.divmod(np.round(x[:, :, 0]).astype(int), 100)


def test_every_segment_gives_one_frame_and_frames_change_with_the_iteration(folder):
    task, t = get(folder), np.arange(4)[:, None]
    seen = {}
    for split, count in (("validation", 1), ("test", 6)):
        for iteration in range(40):
            batch = next(task.evaluation(split, 99, iteration))
            number, frame = frames_of(batch.x)
            F = np.array(SIZES)[number]
            assert (
                (number == number[0]).all()
                and (frame >= t * F // 4).all()
                and (frame < (t + 1) * F / 4).all()
            )
            np.testing.assert_array_equal(number[0], np.repeat(number[0, :: batch.repeats], batch.repeats))
            np.testing.assert_array_equal(number[0, :: batch.repeats] % 3, batch.target)
            assert len(batch.target) == count
            for n, f in zip(number.ravel(), frame.ravel(), strict=True):
                seen.setdefault(n, set()).add(f)
    assert all(seen[n] == set(range(SIZES[n])) for n in range(12, 18))


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 2**32))
def test_frames_are_in_order_and_inside_the_recording(tmp_path_factory, steps, F, seed):
    frames = np.arange(3 * F, dtype=np.float32)[:, None]
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    np.savez(
        path, frames=frames, lengths=np.array([F, F, F]), labels=np.array([0, 1, 2]), test=np.zeros(3, bool)
    )
    task = get(path, steps=steps, seed=seed, held_out=0.0)
    batch = task.batch(5, 3)
    frame = batch.x[:, :, 0] - F * batch.target
    assert batch.x.shape == (steps, 3, 1) and (np.diff(frame, axis=0) >= 0).all()
    t = np.arange(steps)[:, None]
    assert (frame >= t * F // steps).all() and (frame <= np.ceil((t + 1) * F / steps) - 1).all()
    np.testing.assert_array_equal(batch.x, get(path, steps=steps, seed=seed, held_out=0.0).batch(5, 3).x)


def test_batches_are_functions_of_seed_split_iteration_and_sample(folder):
    task = get(folder)
    first = task.batch(7, 5)
    task.batch(1, 5)
    np.testing.assert_array_equal(task.batch(7, 5).x, first.x)
    assert (get(folder, seed=1).batch(7, 5).x != first.x).any()
    whole = next(task.evaluation("test", 10_000, 4))
    for size in (1, 3, 7, 12):
        parts = list(task.evaluation("test", size, 4))
        np.testing.assert_array_equal(np.concatenate([part.x for part in parts], axis=1), whole.x)
        np.testing.assert_array_equal(np.concatenate([part.target for part in parts]), whole.target)
        assert all(part.x.shape[1] == 3 * len(part.target) <= max(3, size) for part in parts)
    assert (next(task.evaluation("test", 10_000, 5)).x != whole.x).any()
    drawn = frames_of(whole.x)[1].T.reshape(6, 3, 4)
    assert any((drawn[n, 0] != drawn[n, 1]).any() for n in range(6))  # the drawings of a sample differ
    stream = task.evaluation("train", 4)
    assert (next(stream).x != next(stream).x).any()


def test_the_splits_and_an_epoch_cover_the_training_samples(folder):
    task = get(folder, held_out=0.25)
    assert task.describe()["samples"] == {"train": 9, "validation": 3, "test": 6}
    assert task.splits == ("validation", "test") and task.epoch_length(4) == 2 and task.output_size == 60
    held = set(frames_of(next(task.evaluation("validation", 9)).x)[0][0])
    trained = set(np.concatenate([frames_of(task.batch(i, 9).x)[0][0] for i in range(2)]))
    tested = set(frames_of(next(task.evaluation("test", 99)).x)[0][0])
    assert held | trained == set(range(12)) and not held & trained and tested == set(range(12, 18))
    view = get(folder, protocol="cv", held_out=0.0)
    assert view.splits == ("test",) and view.describe()["samples"] == {"train": 9, "validation": 0, "test": 9}


def test_what_is_excluded_is_not_even_read(folder, tmp_path):
    missing = name(performer=2, camera=2, action=3)
    (folder / f"{missing}.skeleton").write_text("1\n0\n", encoding="utf-8")
    with pytest.raises(ValueError, match=f"{missing}.skeleton has 1 frames and no body, .* \\(--exclude\\)"):
        get(folder)
    listed = tmp_path / "missing.txt"
    listed.write_text(
        f"Samples with missing skeletons.\n\n{missing}\n{name(performer=9)}\n", encoding="utf-8"
    )
    assert sum(get(folder, exclude=listed).describe()["samples"].values()) == 17
    for text, words in [
        ("S001C02\n", "line 1, is 'S001C02', expected a name"),
        ("none\n", "names no sample"),
    ]:
        listed.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=words):
            get(folder, exclude=listed)


def test_the_cache_is_made_once_and_knows_its_files(folder, tmp_path, monkeypatch):
    cache, plain = tmp_path / "cache.npz", get(folder)
    get(folder, cache=cache)
    monkeypatch.setattr(skeleton_file, "read", None)  # from here on no file may be read
    again, archive = get(folder, cache=cache), get(cache)
    for task in (again, archive):
        np.testing.assert_array_equal(task.batch(3, 5).x, plain.batch(3, 5).x)
        assert task.describe() == plain.describe()
    listed = tmp_path / "missing.txt"
    listed.write_text(name(performer=2), encoding="utf-8")
    fewer = get(cache, exclude=listed)
    assert sum(fewer.describe()["samples"].values()) == 17
    with pytest.raises(
        ValueError, match=r"cache.npz was made from other files, expected those of .* ; delete it"
    ):
        get(folder, cache=cache, exclude=listed)
    with pytest.raises(
        ValueError, match=r"cache is '.*cache.npz', expected None because data is a file, not a folder"
    ):
        get(cache, cache=cache)
    (folder / f"{name()}.skeleton").write_text("1\n", encoding="utf-8")
    with pytest.raises(ValueError, match="was made from other files"):
        get(folder, cache=cache)


def archive(**changes):
    contents = {
        "frames": np.arange(20, dtype=np.float64).reshape(10, 2), "lengths": np.array([3, 1, 2, 4]),
        "labels": np.array([0, 1, 1, 0]), "test": np.array([False, False, True, False]),
    }  # fmt: skip
    return {key: value for key, value in (contents | changes).items() if value is not None}


WRONG_ARCHIVES = [
    ({"frames": None}, "frames is missing, expected frames, lengths, and names or labels and test"),
    ({"test": None}, "test is missing"),
    ({"frames": np.ones(10)}, r"frames has shape \(10,\), expected \(ΣF, D\)"),
    ({"frames": np.ones((10, 2), int)}, "frames has dtype int64"),
    ({"frames": np.full((10, 2), np.inf)}, r"frames\[0, 0\] is inf"),
    (
        {"frames": np.full((10, 2), 1e300), "dtype": "float32"},
        r"frames\[0, 0\] is inf, expected finite numbers",
    ),
    (
        {"protocol": "cs"},
        "protocol is 'cs', expected None because the array `test` in the file defines the test samples",
    ),
    ({"frames": np.ones((11, 2))}, "lengths sum to 10, expected 11 to match"),
    ({"lengths": np.array([3.0, 1, 2, 4])}, "lengths has dtype float64"),
    (
        {"lengths": np.array([3, 0, 3, 4])},
        r"min\(lengths\) 0, expected at least one input and one frame",
    ),
    ({"lengths": np.array([3, -1, 4, 4])}, r"lengths\[1\] is -1"),
    ({"lengths": np.array([[10]])}, r"lengths has shape \(1, 1\)"),
    (
        {"labels": np.array([0, 1, 1])},
        r"labels has shape \(3,\), expected \(4,\) with an entry for each of lengths",
    ),
    ({"labels": np.array([0, 1, -1, 1])}, r"labels\[2\] is -1, expected 0 to 2147483647"),
    (
        {"labels": np.array([0, 1, 2**63 + 1, 1], np.uint64)},
        r"labels\[2\] is 9223372036854775809, expected 0 to",
    ),
    ({"labels": np.ones(4)}, "labels has dtype float64, expected integers"),
    ({"test": np.zeros(4, int)}, "test has dtype int64, expected bool"),
    ({"test": np.ones(4, bool)}, "samples to train on is 0"),
    ({"names": np.array(["S1"])}, r"names has shape \(1,\), expected \(4,\)"),
    ({"names": np.array(["S1"] * 4)}, "a sample is named 'S1'"),
    ({"extra": np.ones(1)}, "a key is 'extra', expected one of 'frames'"),
]


@pytest.mark.parametrize(("changes", "words"), WRONG_ARCHIVES)
def test_archives_are_not_trusted(tmp_path, changes, words):
    options = {key: changes[key] for key in ("dtype", "protocol") if key in changes}
    np.savez(tmp_path / "a.npz", **archive(**{key: changes[key] for key in changes if key not in options}))
    with pytest.raises(ValueError, match=words):
        get(tmp_path / "a.npz", **options)


def test_frames_are_held_in_the_smaller_dtype(tmp_path):
    np.savez(tmp_path / "a.npz", **archive())
    for dtype in ("float32", "float64"):
        found = recordings.load(tmp_path / "a.npz", None, None, None, np.dtype(dtype))
        assert found.frames.dtype == dtype and found.protocol is None
        assert get(tmp_path / "a.npz", dtype=dtype).batch(0, 2).x.dtype == dtype


@pytest.mark.parametrize("order", ["<", ">", "F"])
def test_an_archive_of_ones_own(tmp_path, order):
    """Arrays of any byte order and layout."""
    contents = {
        key: np.asfortranarray(a) if order == "F" else a.astype(a.dtype.newbyteorder(order))
        for key, a in archive().items()
    }
    np.savez(tmp_path / "a.npz", **contents)
    task = get(tmp_path / "a.npz", held_out=0.0)
    assert (task.input_size, task.output_size, task.splits) == (2, 2, ("test",))
    np.testing.assert_array_equal(
        next(task.evaluation("test", 3)).x[:, :, 0], [[8] * 3, [8] * 3, [10] * 3, [10] * 3]
    )
    (tmp_path / "list.txt").write_text(name(), encoding="utf-8")
    with pytest.raises(ValueError, match="expected None because the samples have no names"):
        get(tmp_path / "a.npz", exclude=tmp_path / "list.txt")


def test_missing_data_and_options(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"tasks.Skeleton: data is None, expected a folder of .skeleton files"
    ):
        get(None)
    with pytest.raises(FileNotFoundError, match=r"has no .skeleton file"):
        get(tmp_path)
    for option, words in [
        ({"steps": 0}, "steps is 0"),
        ({"samplings": 0}, "samplings"),
        ({"held_out": 1}, "held_out"),
    ]:
        with pytest.raises(ValueError, match=f"tasks.Skeleton: {words}"):
            get(tmp_path, **option)


def last_step_as_scores():
    """A network whose scores are its input at the last step."""
    net = ir.Sequential([ir.LastStep(), ir.Linear(3, 3)], backend="reference", dtype="float64")
    net.load_state_dict({"1.W": np.eye(3), "1.b": np.zeros(3)})
    return net


def test_scores_of_repeats_are_added_up_before_they_are_judged():
    y = np.array([[3.0, 0, 1], [0, 1, 0], [0, 2, 0], [0, 0, 1]])  # sums: [3, 1, 1] and [0, 2, 1]
    x = np.stack([np.full_like(y, 9.0), y])
    batch = tasks.Batch(x, np.array([0, 2]), repeats=2)
    means = metrics.evaluate(last_step_as_scores(), [batch], "softmax_cross_entropy")
    mean = np.array([[1.5, 0.5, 0.5], [0, 1.0, 0.5]])
    expected = np.log(np.exp(mean).sum(axis=1)) - mean[[0, 1], [0, 2]]
    assert means["accuracy"] == 0.5 and means["softmax_cross_entropy"] == pytest.approx(
        expected.mean(), rel=1e-14
    )
    alone = tasks.Batch(x, np.array([0, 1, 1, 2]))
    assert metrics.evaluate(last_step_as_scores(), [alone], "softmax_cross_entropy")["accuracy"] == 1.0


def test_repeats_need_scores_that_can_be_grouped():
    y = np.zeros((3, 3))
    with pytest.raises(
        ValueError, match=r"metrics.evaluate: y has shape \(3, 3\), expected \(B \* 2, K\) because"
    ):
        metrics.summed(y, 2)
    with pytest.raises(ValueError, match=r"y has shape \(5, 4, 3\)"):
        metrics.summed(np.zeros((5, 4, 3)), 2)
    assert metrics.summed(y, 1) is y


def test_the_command_trains_and_evaluates(folder, tmp_path, capsys):
    options = (
        "--backend reference --layers 2 --hidden 4 --batch 4 --iterations 3 --quiet --steps 5 --samplings 2"
    )
    more = [
        "--cache",
        str(tmp_path / "cache.npz"),
        "--out",
        str(tmp_path / "run"),
        "--json",
        "--bn-batch",
        "6",
    ]
    assert main(["train", "skeleton", "--data", str(folder), *options.split(), *more]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert set(summary["final"]) == {"validation", "test"} and summary["task"]["samplings"] == 2
    assert main(["eval", str(tmp_path / "run"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == summary["final"]["test"]["accuracy"]


def test_recordings_are_what_the_files_hold(folder):
    found = recordings.load(folder, "cs", None, None, np.dtype("float32"))
    written = sorted((sample, n, F) for n, (sample, F) in enumerate(SAMPLES.items()))
    assert found.frames.shape == (sum(SIZES), 150) and found.classes == 60
    np.testing.assert_array_equal(found.lengths, [F for _, _, F in written])
    np.testing.assert_array_equal(found.frames[:, 0], [100 * n + f for _, n, F in written for f in range(F)])
    assert (found.frames[:, 75:] == 0).all()
