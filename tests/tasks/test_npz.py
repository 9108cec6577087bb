"""Sequences out of npz files, and every way in which such files can be wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indrnn_np import tasks
from indrnn_np.commands.cli import main
from indrnn_np.tasks import npz

T, N, D = 5, 12, 3


def arrays(N=N, T=T, seed=0, **more):
    rng = np.random.default_rng(seed)
    return {"x": rng.standard_normal((T, N, D)), "y": np.arange(N) % 4, **more}


def write(path, **contents):
    np.savez(path, **contents)
    return path


def other(split, **options):
    return {f"{key}_{split}": value for key, value in arrays(**options).items()}


@given(
    st.integers(1, 6), st.integers(1, 9), st.sampled_from(["labels", "values"]), st.booleans(), st.booleans()
)
def test_a_file_gives_what_the_arrays_give(tmp_path_factory, T, N, kind, every, with_lengths):
    rng = np.random.default_rng(T + 7 * N)
    shape = (T, N) if every else (N,)
    y = rng.integers(0, 3, shape) if kind == "labels" else rng.standard_normal((*shape, 2))
    contents = {"x": rng.standard_normal((T, N, D)), "y": y}
    if with_lengths:
        contents["lengths"] = rng.integers(1, T + 1, N)
    path = write(tmp_path_factory.mktemp("npz") / "a.npz", **contents)
    task = tasks.get("sequences", data=path, dtype="float64", seed=3)
    batch = task.batch(1, N)
    assert task.epoch_length(N) == 1 and task.splits == ()
    key = [tuple(row) for row in contents["x"][0]]
    at = [key.index(tuple(row)) for row in batch.x[0]]
    np.testing.assert_array_equal(batch.x, contents["x"][:, at])
    np.testing.assert_array_equal(batch.target, y[:, at] if every else y[at])
    assert task.output == ("every" if every else "last")
    assert (task.loss, task.metric) == (
        ("softmax_cross_entropy", "accuracy") if kind == "labels" else ("mse", "mse")
    )
    if with_lengths:
        np.testing.assert_array_equal(batch.lengths, contents["lengths"][at])


def test_splits_of_their_own(tmp_path):
    more = other("validation", N=3, seed=1) | other("test", N=4, T=8, seed=2, lengths=np.array([8, 1, 2, 3]))
    path = write(tmp_path / "a.npz", **arrays(), **more)
    task = tasks.get("sequences", data=path)
    assert task.splits == ("validation", "test") and task.steps == 8 and task.output_size == 4
    test = next(task.evaluation("test", 10))
    np.testing.assert_array_equal(test.x, more["x_test"].astype(np.float32))
    assert test.lengths.tolist() == [8, 1, 2, 3] and next(task.evaluation("validation", 10)).lengths is None
    assert task.describe()["samples"] == {"train": N, "validation": 3, "test": 4}
    assert task.describe()["task"] == "sequences" and task.describe()["steps"] == 8


def test_a_share_can_be_held_out(tmp_path):
    task = tasks.get("sequences", data=write(tmp_path / "a.npz", **arrays()), held_out=0.25, seed=1)
    assert task.splits == ("validation",) and task.describe()["samples"] == {"train": 9, "validation": 3}


WRONG = [
    ({"y": np.zeros(3, int)}, r"a.npz: x is missing"),
    ({"x": arrays()["x"]}, r"a.npz: y is missing, expected y together with x"),
    (arrays() | {"x_test": arrays()["x"]}, r"a.npz: y_test is missing, expected y_test together with x_test"),
    (
        arrays() | {"lengths_validation": np.ones(3, int)},
        "x_validation is missing, expected x_validation together with lengths_valid",
    ),
    (
        arrays() | {"x_tset": arrays()["x"]},
        r"a.npz: a key is 'x_tset', expected one of 'x', 'y', 'lengths', 'groups', 'x_val",
    ),
    (
        arrays() | {"x": arrays()["x"].transpose(1, 0, 2)},
        r"a.npz: x has shape \(12, 5, 3\) and y \(12,\), which looks",
    ),
    (
        arrays() | {"x": arrays()["x"].transpose(1, 0, 2)},
        r"numpy.ascontiguousarray\(x.transpose\(1, 0, 2\)\) is",
    ),
    (arrays() | {"x": np.full((T, N, D), np.nan)}, r"a.npz: x\[0, 0, 0\] is nan, expected finite numbers"),
    (
        arrays() | {"x": np.full((T, N, D), 1e300)},
        r"a.npz: x\[0, 0, 0\] is 1e\+300, expected at most 3.4e\+38",
    ),
    (arrays() | {"x": np.ones((T, N, D), complex)}, r"a.npz: x has dtype complex128, expected float32"),
    (arrays() | {"lengths": np.full(N, T + 1)}, r"a.npz: lengths\[0\] is 6, expected 0 to 5"),
    (arrays() | other("test", lengths=np.full(N, 9)), r"a.npz: lengths_test\[0\] is 9, expected 0 to 5"),
    (
        arrays() | {"x_test": np.ones((T, 2, D + 1)), "y_test": np.zeros(2, int)},
        r"a.npz: x_test, y_test have shapes",
    ),
    (arrays() | {"x_test": np.ones((T, 2, D)), "y_test": np.zeros((2, 1))}, r"x_test, y_test have shapes"),
    (
        arrays() | {"x_test": np.ones((T, 2, D)), "y_test": np.array([0, -1])},
        r"a.npz: y_test\[1\] is -1, expected",
    ),
]


@pytest.mark.parametrize(("contents", "words"), WRONG)
def test_files_are_not_trusted(tmp_path, contents, words):
    path = write(tmp_path / "a.npz", **contents)
    with pytest.raises(ValueError, match=words) as error:
        tasks.get("sequences", data=path)
    assert str(error.value).startswith(f"tasks.Sequences: {path}: ")


def test_nothing_is_unpickled(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{}, None], object), y=np.zeros(2, int))
    with pytest.raises(ValueError, match=r"a.npz: x can't be read \(Object arrays cannot be loaded"):
        tasks.get("sequences", data=tmp_path / "a.npz")


def test_files_that_are_no_archive_or_cut_off_or_damaged(tmp_path):
    path = write(tmp_path / "a.npz", **arrays())
    whole = path.read_bytes()
    for end in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match=r"tasks.Sequences: .*a.npz"):
            tasks.get("sequences", data=path)
    for place in (200, len(whole) // 2):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        with pytest.raises(ValueError, match=r"a.npz: [xy] is damaged \(Bad CRC-32"):
            tasks.get("sequences", data=path)
    np.save(tmp_path / "b.npy", np.ones(3))
    with pytest.raises(ValueError, match=r"b.npy is not a zip archive, expected a whole npz file"):
        tasks.get("sequences", data=tmp_path / "b.npy")


def test_members_that_are_no_arrays(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x", "some text")
    with pytest.raises(ValueError, match=r"a.npz: x is not an array, expected a whole npz file of arrays"):
        npz.read("here", tmp_path / "a.npz", ("x",))


def test_missing_files_and_shares(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"tasks.Sequences: data is None, expected an npz file \(--data\)"
    ):
        tasks.get("sequences")
    with pytest.raises(FileNotFoundError, match=r"nowhere.npz is not a file, expected an npz file"):
        tasks.get("sequences", data=tmp_path / "nowhere.npz")
    path = write(tmp_path / "a.npz", **arrays(), **other("validation"))
    with pytest.raises(ValueError, match=r"held_out is 0.1, expected 0 because the file has x_validation"):
        tasks.get("sequences", data=path, held_out=0.1)


def test_the_command_trains_on_a_file(tmp_path, capsys):
    path = write(tmp_path / "a.npz", **arrays(), **other("test"))
    options = "--backend reference --hidden 4 --batch 5 --iterations 3 --quiet --held-out 0.2".split()
    out = str(tmp_path / "run")
    assert main(["train", "sequences", "--data", str(path), *options, "--out", out]) == 0
    printed = capsys.readouterr().out
    assert (
        "finished after 3 iterations" in printed
        and "validation: softmax" in printed
        and "test: softmax" in printed
    )
    assert main(["train", "sequences", "--data", str(tmp_path / "b.npz"), "--quiet"]) == 2
    assert "b.npz is not a file" in capsys.readouterr().err
