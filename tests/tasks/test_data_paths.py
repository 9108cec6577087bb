"""Where data lie: below the home directory, under names that are not UTF-8, and where they may not be read."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import small_mnist
import small_skeletons
import small_texts

from indrnn_np import tasks
from indrnn_np.tasks import idx, npz, skeleton_file, ts


def problem(folder, name="P"):
    for split in ("TRAIN", "TEST"):
        (folder / f"{name}_{split}.ts").write_text("@data\n1,2:a\n3:b\n")
    return folder


def sequences(folder):
    np.savez(folder / "a.npz", x=np.ones((2, 3, 1)), y=np.array([0, 1, 1]))
    return folder / "a.npz"


def recordings(folder):
    return small_skeletons.write(folder / "s", {small_skeletons.name(performer=p): 3 for p in (1, 2, 3)})


WRITERS = {
    "uea": problem, "mnist": small_mnist.write, "sequences": sequences, "skeleton": recordings,
    "chars": small_texts.write, "words": small_texts.write,
}  # fmt: skip


@pytest.mark.parametrize("task", WRITERS)
@pytest.mark.parametrize("name", ["~", os.fsdecode(b"r\xfcn"), "with space"])
def test_data_lie_anywhere(task, name, tmp_path, monkeypatch):
    folder = tmp_path / ("home" if name == "~" else name)
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("the file system takes names in UTF-8 only")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    written = WRITERS[task](folder)
    data = "~" / written.relative_to(folder) if name == "~" else written
    options = (
        {"exclude": data.parent / "list.txt", "cache": data.parent / "c.npz"} if task == "skeleton" else {}
    )
    if options:
        (folder / "list.txt").write_text(small_skeletons.name(performer=9))
    for _ in range(1 + bool(options)):  # the second reads the cache
        assert next(tasks.get(task, data=data, **options).evaluation("train", 2)).x.size


def test_a_problem_whose_name_is_not_utf_8(tmp_path):
    name = os.fsdecode(b"\xff")
    try:
        problem(tmp_path, name)
    except OSError:
        pytest.skip("the file system takes names in UTF-8 only")
    assert tasks.get("uea", data=tmp_path).problem == name


def test_files_that_may_not_be_read(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_text("1")

    def locked(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", locked)
    for read, where in [
        (ts.read, "ts.read"), (lambda path: idx.read(path, 3), "idx.read"), (skeleton_file.read, "skeleton_file.read"),
        (skeleton_file.frame_count, "skeleton_file.read"), (lambda path: npz.read("here", path, ()), "here"),
        (lambda path: tasks.get("chars", data=path), "tasks.Chars"),
    ]:  # fmt: skip
        with pytest.raises(
            PermissionError, match=rf"{where}: .*a can't be read \(Permission denied\), expected a"
        ):
            read(path)
