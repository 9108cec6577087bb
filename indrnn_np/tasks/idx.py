"""The idx format of the MNIST files, read without trusting them.

Big-endian: uint32 magic (0x0000 08 nn: unsigned bytes, nn axes), one uint32 for each axis, then the bytes. Files may be
gzipped. Source: the format's description at http://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from .. import _check


def read(path: str | Path, ndim: int) -> np.ndarray:
    """Return the unsigned bytes of an idx file with `ndim` axes; ValueError names the file and what is wrong."""
    path = Path(path)
    data = _bytes(path)
    if len(data) < 4:
        _check.fail("idx.read", f"{path} has {len(data)} bytes", "at least 4 for the magic number")
    (magic,) = struct.unpack(">I", data[:4])
    if magic != 0x800 + ndim:
        _check.fail(
            "idx.read",
            f"{path} has magic number {magic}",
            f"{0x800 + ndim}",
            f"for unsigned bytes with {ndim} axes",
        )
    header = 4 + 4 * ndim
    if len(data) < header:
        _check.fail("idx.read", f"{path} has {len(data)} bytes", f"at least {header} for its header")
    shape = struct.unpack(f">{ndim}I", data[4:header])
    count = int(np.prod(shape, dtype=np.float64))  # float64: a damaged header can name more than int64 holds
    if len(data) - header != count:
        _check.fail(
            "idx.read",
            f"{path} has {len(data) - header} bytes of data",
            f"{count}",
            f"for the shape {shape} in its header",
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"idx.read: {path} is a damaged gzip file ({error}), expected one that unpacks"
        ) from error
