"""npz archives: what NumPy writes is read, and every damaged or doctored one is refused, or gives the same arrays."""

import contextlib
import io
import struct
import zipfile

import numpy as np
import pytest

from indrnn_np import _machine, tasks
from indrnn_np._files import archive as _archive
from indrnn_np.training import checkpoint

ARRAYS = {
    "x": np.arange(6.0, dtype=np.float32).reshape(1, 3, 2), "y": np.array([0, 1, 1]), "lengths": np.array([1, 0, 1]),
    "x_test": np.ones((1, 1, 2), np.float32), "y_test": np.array([1]), "empty": np.zeros((0, 4)),
}  # fmt: skip


def written(save=np.savez, **arrays):
    file = io.BytesIO()
    save(file, **(arrays or ARRAYS))
    return file.getvalue()


def read(tmp_path, data, known=None):
    path = tmp_path / "a.npz"
    path.write_bytes(data)
    return _archive.read("here", path, known)


class Pipe(io.RawIOBase):
    """A file that can't seek, so that zipfile puts CRC and sizes behind the data."""

    def __init__(self):
        self.data = b""

    def writable(self):
        return True

    def write(self, data):
        self.data += bytes(data)
        return len(data)


def streamed():
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        for name, array in ARRAYS.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, array)
    return pipe.data


def same(found):
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


@pytest.mark.parametrize("data", [written(), written(np.savez_compressed), streamed()])
def test_what_numpy_writes_is_read(tmp_path, data):
    same(read(tmp_path, data))


def test_an_archive_of_more_than_4_gib_has_longer_records(tmp_path, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 300)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 3)
    data = written()
    assert b"PK\6\6" in data and b"PK\6\7" in data
    same(read(tmp_path, data))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_no_changed_byte_hides_or_changes_an_array(tmp_path, save):
    """Bits of each byte of the directory and of a member's header; numpy.load alone loses arrays here."""
    data = written(save)
    start = data.index(b"PK\1\2")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        first = archive.infolist()[1].header_offset
    for place in (*range(first), *range(start, len(data))):
        for bit in range(place % 5, 8, 5):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            with contextlib.suppress(_archive.Damaged):
                same(read(tmp_path, changed))  # a date has changed, say


def test_no_cut_moved_or_doubled_part_is_accepted(tmp_path):
    data = written()
    start = data.index(b"PK\1\2")
    for end in range(0, len(data), 23):
        with pytest.raises(_archive.Damaged):
            read(tmp_path, data[:end])
        with pytest.raises(_archive.Damaged):
            read(tmp_path, data[:end] + b"\0" + data[end:])
        with pytest.raises(_archive.Damaged):
            read(tmp_path, data[:end] + data[end + 1 :])
    for other in (data + b"\0", b"\0" + data, data + data, data[start:], data[:start] + data):
        with pytest.raises(_archive.Damaged):
            read(tmp_path, other)


def test_a_directory_that_hides_members(tmp_path):
    """The comment of the second entry swallows all later ones, and the end record counts two."""
    data = bytearray(written())
    entries = [i for i in range(len(data)) if data[i : i + 4] == b"PK\1\2"]
    end = data.index(b"PK\5\6")
    struct.pack_into("<H", data, entries[1] + 32, end - entries[2])
    with np.load(io.BytesIO(data)) as loaded:
        assert loaded.files == ["x", "y"]
    with pytest.raises(_archive.Damaged, match="its directory lists 2 members, 6 in its end record"):
        read(tmp_path, data)
    struct.pack_into("<2H", data, end + 8, 2, 2)
    with pytest.raises(_archive.Damaged, match="its directory does not list the data at byte"):
        read(tmp_path, data)
    with pytest.raises(
        ValueError, match=r"tasks.Sequences: .*a.npz: its directory does not list .*, expected a whole"
    ):
        tasks.get("sequences", data=tmp_path / "a.npz")
    with pytest.raises(
        ValueError, match=r"checkpoint.load: .*a.npz is damaged \(its directory does not list"
    ):
        checkpoint.read(tmp_path / "a.npz")


def doctored(name, content, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive, pytest.MonkeyPatch.context() as quiet:
        quiet.setattr(
            "warnings.warn", lambda *a, **k: None
        )  # of zipfile, about a name that stands there twice
        for one in [name] if isinstance(name, str) else name:
            archive.writestr(one, content)
    return file.getvalue()


def npy(shape, dtype="<f4", data=b""):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue() + data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (doctored(["x.npy", "x.npy"], npy((0,))), "x occurs twice"),
        (doctored(["x.npy", "x"], npy((0,))), "x is not an array"),
        (doctored("x", npy((0,))), "x is not an array"),
        (doctored("x.npy", b"text"), r"x can't be read \("),
        (doctored("x.npy", npy((2**60,))), f"x has 0 bytes, {2**62} in its header"),
        (doctored("x.npy", npy((2**40, 2**40))), "x has 0 bytes, .* in its header"),
        (doctored("x.npy", npy((-1, -2), data=b"12345678")), "x has 8 bytes, 8 in its header"),
        (doctored("x.npy", npy((1,), data=b"12345")), "x has 5 bytes, 4 in its header"),
        (doctored("x.npy", npy((1,), "|O", b"12345678")), r"x can't be read \(Object arrays cannot"),
        (doctored("x.npy", npy((1,), data=b"1234"), zipfile.ZIP_BZIP2), "x.npy is packed by method 12"),
        (doctored("x.npy", b"\x93NUMPY\1\0" + struct.pack("<H", 60) + b"(" * 60), r"x can't be read \("),
        (doctored("x.npy", b"\x93NUMPY\3\0" + b"\0" * 60), r"x can't be read \("),
    ],
)
def test_members_that_are_not_what_they_say(tmp_path, data, words):
    with pytest.raises(_archive.Damaged, match=words):
        read(tmp_path, data)


def test_names_that_nobody_asked_for(tmp_path):
    for name in ("sub/x", "../x", "z", ""):
        with pytest.raises(ValueError, match=f"here: .*a.npz: a key is '{name}', expected one of 'x', 'y'"):
            read(tmp_path, doctored(f"{name}.npy", npy((0,))), ("x", "y"))


def test_an_archive_that_unpacks_to_more_than_there_is_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(_machine, "available_memory", lambda: (10**6, "a limit"))
    data = written(np.savez_compressed, x=np.zeros(10**6))
    assert len(data) < 20_000
    with pytest.raises(
        MemoryError, match=r"a.npz unpacked needs 0.00745 GiB, expected at most .* of a limit"
    ):
        read(tmp_path, data)
