"""Files are whole or absent, also after a power cut, and of two writers at once the last one wins."""

import os
import stat

import pytest

from indrnn_np import _files


def put(path, content, **options):
    _files.replace("test", path, lambda file: file.write(content), **options)


def test_a_file_is_synced_before_it_is_renamed_and_its_folder_after(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace

    def record_sync(descriptor):
        mode = os.fstat(descriptor).st_mode
        calls.append("sync folder" if stat.S_ISDIR(mode) else f"sync {os.fstat(descriptor).st_size} bytes")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(os, "replace", lambda *paths: (calls.append("rename"), replace(*paths)))
    put(tmp_path / "file", b"four")
    assert calls == ["sync 4 bytes", "rename", *["sync folder"] * (os.name == "posix")]
    calls.clear()
    put(tmp_path / "new" / "deep" / "file", b"four")  # each new folder is a name in the one above it
    folders = ["sync folder"] * (os.name == "posix")
    assert calls == [*folders * 2, "sync 4 bytes", "rename", *folders]


def test_two_writers_of_one_path_at_once(tmp_path):
    """The one that ends last wins, whole, and neither meets the other's temporary file."""
    path = tmp_path / "file"

    def write(file):
        file.write(b"the first, ")
        put(path, b"the second")
        assert path.read_bytes() == b"the second"
        file.write(b"which ends last")

    _files.replace("test", path, write)
    assert path.read_bytes() == b"the first, which ends last"
    assert os.listdir(tmp_path) == ["file"]


def test_a_name_as_long_as_the_system_allows(tmp_path):
    path = tmp_path / ("n" * 255)
    put(path, b"x")
    assert path.read_bytes() == b"x"


def test_permissions_are_those_of_any_new_file(tmp_path):
    put(tmp_path / "one", b"")
    (tmp_path / "other").write_bytes(b"")
    assert (tmp_path / "one").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_leftovers_are_told_apart_from_other_files(tmp_path):
    leftover = tmp_path / ".a.npz.123.0f.tmp"
    for path in (leftover, tmp_path / ".a.npz.txt", tmp_path / ".b.npz.123.0f.tmp", tmp_path / "a.npz"):
        path.write_bytes(b"")
    assert _files.leftovers(tmp_path / "a.npz") == [leftover]


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        _files.make_folder(tmp_path / "file" / "below")
    with pytest.raises(NotADirectoryError, match=r"test: .* can't be written"):
        put(tmp_path / "file" / "below", b"")
