"""Read untrusted files in the idx format of MNIST.

Big-endian: a uint32 magic number (0x0000 08 nn: unsigned bytes, nn axes), a uint32 for the length
of each axis, then the bytes. Files may be gzipped. Source: the description of the format at
http://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from .. import _check
from .._files import forms
from .._files.archive import EXPANSION
from .._types import Array


def read(path: str | Path, ndim: int) -> Array:
    """Return the unsigned bytes of an idx file with `ndim` axes.

    The header is compared with the file size and with the free memory before the data is read.

    Raises
    ------
    ValueError
        If the file is damaged; the message names the file and the fault.
    """
    path = Path(path)
    forms.file("idx.read", path, "an idx file")
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if not zipped:
                return _contents(path, file, ndim, path.stat().st_size)
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _contents(path, cast(BinaryIO, unpacked), ndim, path.stat().st_size * EXPANSION)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        problem = f"{path} is a damaged gzip file ({error})"
        raise ValueError(f"idx.read: {problem}, expected a file that unpacks") from error


def _contents(path: Path, file: BinaryIO, ndim: int, most: int) -> Array:
    """Return the array of an unpacked file, which has at most `most` bytes."""
    size = 4 + 4 * ndim
    header = file.read(size)
    if len(header) < 4:
        _check.fail("idx.read", f"{path} has {len(header)} bytes", "at least 4 for the magic number")
    (magic,) = struct.unpack(">I", header[:4])
    if magic != 0x800 + ndim:
        because = f"for unsigned bytes with {ndim} axes"
        _check.fail("idx.read", f"{path} has magic number {magic}", f"{0x800 + ndim}", because)
    if len(header) < size:
        _check.fail("idx.read", f"{path} has {len(header)} bytes", f"at least {size} for its header")
    shape = struct.unpack(f">{ndim}I", header[4:])
    count = math.prod(shape)
    length, data = most - size, b""
    if count <= length:
        _check.fits_memory("idx.read", f"{path} unpacked", count)
        data = file.read(count + 1)  # one more byte, to detect trailing data; at its end gzip checks the CRC
        length = len(data)
    if length != count:
        because = f"for the shape {shape} in its header"
        _check.fail("idx.read", f"{path} has {length} bytes of data", f"{count}", because)
    return np.frombuffer(data, np.uint8).reshape(shape)
