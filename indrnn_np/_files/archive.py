"""Read untrusted npz archives.

`numpy.load` reads the arrays that the directory of an archive lists, so a damaged directory can
hide arrays without an error. `read` accepts an archive only if the directory and the members agree:

    member, member, ..., member, directory, end record          no gaps, no bytes before or after

Each member's header must repeat its directory entry, its data must match the CRC, and the header of
its array must declare the number of bytes that follow. Layout and sizes are checked before memory
is allocated for an array.
"""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .. import _check

END = struct.Struct("<4s4H2LH")
END_64 = struct.Struct("<4sQ2H2L4Q20s")  # with the locator that follows it
LOCAL = struct.Struct("<4s5H3L2H")
STREAMED = 0x8  # flag of a member whose CRC and sizes follow its data
UTF_8 = 0x800  # flag of a member whose name is UTF-8
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
EXPANSION = 1032  # maximum ratio of deflate
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
FOREIGN = (  # errors of zipfile and numpy for damaged members and headers
    zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError, EOFError, ValueError, TypeError, LookupError,
    SyntaxError, AttributeError, ArithmeticError, RuntimeError,
)  # fmt: skip


class Damaged(ValueError):
    """Fault of an archive; the message omits the path: `lengths is damaged (Bad CRC-32 ...)`."""


def read(where: str, path: Path, known: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of an npz file by name.

    Parameters
    ----------
    where : str
        Name of the caller in error messages.
    path : Path
        A file that `zipfile.is_zipfile` accepts.
    known : collection of str, optional
        Allowed names of arrays. None allows any name.

    Raises
    ------
    Damaged
        If the directory and the members disagree.
    """
    with path.open("rb") as file:
        try:
            start, count, size = _directory(file, path.stat().st_size)
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
                _check_layout(file, members, start, count, size)
                names = _names(where, path, members, known)
                _check.fits_memory(where, f"{path} unpacked", sum(info.file_size for info in members))
                return {name: _array(archive, info) for name, info in zip(names, members, strict=True)}
        except Damaged:
            raise
        except FOREIGN as error:
            if str(error).startswith(where):
                raise
            raise Damaged(f"the archive is damaged ({error})") from error


def _directory(file: BinaryIO, size: int) -> tuple[int, int, int]:
    """Return the offset of the directory, its number of members and its size in bytes."""
    file.seek(max(0, size - END.size - END_64.size))
    tail = file.read()
    signature, _, _, _, count, length, start, comment = END.unpack(tail[-END.size :])
    end_size = END.size
    if signature != b"PK\5\6" or comment:
        raise Damaged("bytes follow its end")
    if tail[-42:-38] == b"PK\6\7":  # an archive of more than 4 GiB or 65535 members
        *_, count, length, start, _ = END_64.unpack(tail[: END_64.size])
        end_size += END_64.size
    if start + length + end_size != size:
        raise Damaged(f"its directory has {size - start - end_size} bytes, {length} in its end record")
    return start, count, length


def _check_layout(
    file: BinaryIO, members: list[zipfile.ZipInfo], start: int, count: int, length: int
) -> None:
    """Check that the listed members fill the file up to the directory."""
    listed = sum(46 + len(_raw(info)) + len(info.extra) + len(info.comment) for info in members)
    if (len(members), listed) != (count, length):
        raise Damaged(f"its directory lists {len(members)} members, {count} in its end record")
    end = 0
    for info in sorted(members, key=lambda info: info.header_offset):
        if info.header_offset != end:
            raise Damaged(f"its directory does not list the data at byte {end}")
        end = _end(file, info)
    if end != start:
        raise Damaged(f"its directory does not list the data at byte {end}")


def _raw(info: zipfile.ZipInfo) -> bytes:
    """Return the bytes of a member's name."""
    return info.orig_filename.encode("utf-8" if info.flag_bits & UTF_8 else "cp437")


def _end(file: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Return the offset of a member's end, after checking its header against the directory."""
    file.seek(info.header_offset)
    _, _, flags, method, _, _, crc, packed, unpacked, name, extra = LOCAL.unpack(file.read(LOCAL.size))
    header_name, extra_field = file.read(name), file.read(extra)
    if 0xFFFFFFFF in (packed, unpacked):
        unpacked, packed = _long_sizes(extra_field)
    values = (info.CRC, info.compress_size, info.file_size)
    same = (header_name, flags, method) == (_raw(info), info.flag_bits, info.compress_type)
    if not same or (not flags & STREAMED and (crc, packed, unpacked) != values):
        raise Damaged(f"{info.filename} and the directory do not agree")
    if method not in METHODS:
        raise Damaged(f"{info.filename} is packed by method {method}")
    most = info.compress_size * (EXPANSION if method else 1)
    if info.file_size > most:
        raise Damaged(f"{info.filename} declares {info.file_size} bytes, more than its {most} can hold")
    end = info.header_offset + LOCAL.size + name + extra + info.compress_size
    return end + (_descriptor(file, end, values) if flags & STREAMED else 0)


def _long_sizes(extra: bytes) -> tuple[int, int]:
    """Return a member's unpacked and packed sizes from the ZIP64 extra field."""
    while extra[:2] != b"\1\0":
        extra = extra[4 + int.from_bytes(extra[2:4], "little") :]
        if not extra:
            raise Damaged("a member has no sizes")
    unpacked, packed = struct.unpack("<2Q", extra[4:20])
    return unpacked, packed


def _descriptor(file: BinaryIO, end: int, values: tuple[int, int, int]) -> int:
    """Return the size of the data descriptor (CRC and sizes) after a streamed member's data."""
    file.seek(end)
    descriptor = file.read(24)
    for layout in ("<4s3L", "<4sL2Q"):
        size = struct.calcsize(layout)
        if struct.unpack(layout, descriptor[:size]) == (b"PK\7\x08", *values):
            return size
    raise Damaged("a member and the directory do not agree")


def _names(
    where: str, path: Path, members: list[zipfile.ZipInfo], known: Collection[str] | None
) -> list[str]:
    """Return the names of the arrays in the order of the directory."""
    names = [info.filename.removesuffix(".npy") for info in members]
    for name, info in zip(names, members, strict=True):
        if known is not None:
            _check.choice(f"{where}: {path}", "a key", name, known)
        if name == info.filename:
            raise Damaged(f"{name} is not an array")
    if len(set(names)) < len(names):
        raise Damaged(f"{next(name for name, n in Counter(names).items() if n > 1)} occurs twice")
    return names


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    """Return an array, after checking that its header matches the size of its data."""
    name = info.filename.removesuffix(".npy")
    try:
        with archive.open(info) as member:
            read_header = HEADERS[np.lib.format.read_magic(member)]
            shape, _, dtype = read_header(member)
            stored, declared = info.file_size - member.tell(), math.prod(shape) * dtype.itemsize
        if not dtype.hasobject and (declared != stored or min(shape, default=0) < 0):
            raise Damaged(f"{name} has {stored} bytes, {declared} in its header")
        with archive.open(info) as member:  # reopen: seeking back would disable the CRC check
            return np.lib.format.read_array(member, allow_pickle=False)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise Damaged(f"{name} is damaged ({error})") from error
    except Damaged:
        raise
    except FOREIGN as error:
        raise Damaged(f"{name} can't be read ({error})") from error
