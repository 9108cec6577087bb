"""The kernel cache on disk: no damage or failure stops a kernel, and none answers in another's place."""

import errno
import itertools
import os
import time
import warnings
from pathlib import Path

import numba
import pytest

from indrnn_np import _files
from indrnn_np._cpu import jit, kernel_files
from indrnn_np._cpu.kernel_files import Entry, usage, writable

compiles = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")


@pytest.fixture(autouse=True)
def no_folder_warned(monkeypatch):
    monkeypatch.setattr(kernel_files, "_warned", set())


def truncated(path, other):
    path.write_bytes(path.read_bytes()[:-1])


def emptied(path, other):
    path.write_bytes(b"")


def flipped(path, other):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def swapped(path, other):
    path.write_bytes(other.read_bytes())


def a_folder(path, other):
    path.unlink()
    path.mkdir()


DAMAGES = [truncated, emptied, flipped, swapped, a_folder]
each_damage = pytest.mark.parametrize("damage", DAMAGES)


def entries(folder):
    """Two entries with content."""
    found = Entry(folder, "one", b"key"), Entry(folder, "two", b"other key")
    for entry in found:
        entry.write(entry.key * 20)
    return found


def test_an_entry_comes_back(tmp_path):
    one, two = entries(tmp_path / "new" / "folder")
    assert one.read() == b"key" * 20 and two.read() == b"other key" * 20
    assert Entry(one.folder, "one", b"third").read() is None
    assert usage(tmp_path) == (2, sum(path.stat().st_size for path in one.folder.iterdir()))


@each_damage
def test_damage_is_found_said_once_and_repaired(damage, tmp_path):
    one, two = entries(tmp_path)
    damage(one.path, two.path)
    with pytest.warns(
        RuntimeWarning, match=r"kernel cache in .*: one-\w+.nbc .*; the kernel is compiled again"
    ) as told:
        assert one.read() is None and one.read() is None
        one.write(b"new")
    assert len(told) == 1 and str(tmp_path) in str(told[0].message)
    assert two.read() == b"other key" * 20
    if damage is not a_folder:  # nothing removes a folder that somebody made
        assert one.read() == b"new"
    assert {path.suffix for path in tmp_path.iterdir()} == {".nbc"}


def test_every_prefix_and_every_flipped_byte_is_found(tmp_path):
    one, _ = entries(tmp_path)
    whole = one.path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for cut in range(len(whole)):
            one.path.write_bytes(whole[:cut])
            assert one.read() is None
            one.path.write_bytes(whole[:cut] + bytes([whole[cut] ^ 255]) + whole[cut + 1 :])
            assert one.read() is None


def test_key_and_content_are_not_run_together(tmp_path):
    one = Entry(tmp_path, "x", b"ab")
    one.write(b"c")
    with pytest.warns(RuntimeWarning, match="is damaged"):
        longer = Entry(tmp_path, "x", b"a")
        longer.path.write_bytes(one.path.read_bytes()[:32] + b"bc")
        assert longer.read() is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT])
def test_a_file_that_cannot_be_written_is_said_once(number, tmp_path, monkeypatch):
    def replace(source, target):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(_files.os, "replace", replace)
    with pytest.warns(RuntimeWarning, match=f"can't be written .*{os.strerror(number)}") as told:
        entries(tmp_path)
    assert len(told) == 1 and list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read_is_said_once(tmp_path, monkeypatch):
    one, _ = entries(tmp_path)

    def read_bytes(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    with pytest.warns(RuntimeWarning, match=r"can't be read \(Permission denied\)"):
        assert one.read() is None


def test_what_a_killed_process_left_is_removed_and_what_another_writes_is_not(tmp_path):
    one, two = (Entry(tmp_path, "x", key) for key in (b"1", b"2"))
    old, new, others = (
        tmp_path / f".{entry.path.name}.{number}.tmp" for entry, number in ((one, 1), (one, 2), (two, 3))
    )
    for path in (old, new, others):
        path.write_bytes(b"half")
    for path in (old, others):
        os.utime(path, 2 * (time.time() - 2 * kernel_files.STALE,))
    one.write(b"content")
    assert not old.exists() and new.exists() and others.exists()


def test_writable(tmp_path):
    (tmp_path / "file").write_text("")
    assert writable(tmp_path) and writable(tmp_path / "a" / "b")
    assert not writable(tmp_path / "file") and not writable(tmp_path / "file" / "a")
    assert usage(tmp_path / "nowhere") == (0, 0)


@pytest.fixture
def kernels(tmp_path, monkeypatch):
    """A function that returns, at each call, fresh kernels of the same code, as another process has them."""
    monkeypatch.setattr(jit, "cache_directory", lambda: str(tmp_path))

    def fresh():
        def more(x):
            return x + 1

        def less(x):
            return x - 1

        return jit.njit(more), jit.njit(less)

    return fresh


def hits(kernel):
    return sum(kernel.stats.cache_hits.values())


@compiles
def test_kernels_outlive_damage(kernels, tmp_path):
    assert [kernel(5) for kernel in kernels()] == [6, 4]
    more, less = sorted(tmp_path.iterdir(), key=lambda path: "less" in path.name)
    for damage in (truncated, swapped, a_folder):
        damage(more, less)
        kernel_files._warned.clear()
        again = kernels()
        with pytest.warns(RuntimeWarning, match="the kernel is compiled again"):
            assert [kernel(5) for kernel in again] == [6, 4]
        assert [hits(kernel) for kernel in again] == [0, 1]
        if damage is not a_folder:
            repaired = kernels()
            assert [kernel(5) for kernel in repaired] == [6, 4]
            assert [hits(kernel) for kernel in repaired] == [1, 1]


@compiles
def test_a_sound_file_that_no_library_can_read_is_replaced(kernels, tmp_path, monkeypatch):
    pack = jit.dumps
    monkeypatch.setattr(jit, "dumps", lambda reduced: b"no pickle")
    assert [kernel(5) for kernel in kernels()] == [6, 4]
    monkeypatch.setattr(jit, "dumps", pack)
    for expected in ([0, 0], [1, 1]):
        again = kernels()
        with warnings.catch_warnings():
            warnings.simplefilter("error" if any(expected) else "ignore")
            assert [kernel(5) for kernel in again] == [6, 4]
        assert [hits(kernel) for kernel in again] == expected


@compiles
def test_a_kernel_of_a_users_file_is_compiled_anew_after_an_edit(kernels):
    """Name and line stay: they were all that told kernels outside the package apart."""
    found = []
    for number, rounding in itertools.product((1, 2), ("FASTMATH", "AS_WRITTEN")):
        space = {"njit": jit.njit, "rounding": getattr(jit, rounding)}
        exec(f"@njit(rounding=rounding)\ndef kernel(x):\n    return x + {number}\n", space)
        found.append((space["kernel"](0), hits(space["kernel"])))
    assert found == [(1, 0), (1, 0), (2, 0), (2, 0)]


@compiles
def test_without_a_folder_nothing_is_kept(kernels, tmp_path, monkeypatch):
    monkeypatch.setattr(jit, "cache_directory", lambda: "")
    assert [kernel(5) for kernel in kernels()] == [6, 4]
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []
