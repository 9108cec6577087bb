"""Write safetensors files, and read untrusted ones: named arrays, and metadata of names and texts.

The library checks that the arrays fill the file. The metadata hold a digest of the arrays and of
the other metadata, so a changed byte is found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .. import _check
from . import replace

SUFFIX = ".safetensors"
DIGEST = "sha256"


def write(where: str, path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write a file atomically, with the digest in its metadata."""
    _check.optional(where, "safetensors", "export")
    from safetensors.numpy import save

    content = save(dict(arrays), {**metadata, DIGEST: digest(arrays, metadata)})
    replace(where, path, lambda file: file.write(content))


def read(where: str, path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the arrays and the metadata of a file that `write` wrote.

    Raises
    ------
    ModuleNotFoundError
        If safetensors is not installed.
    ValueError
        If the file is damaged, or was written by another program.
    """
    library = _check.optional(where, "safetensors", "export")
    _check.fits_memory(where, f"{path}", path.stat().st_size)
    try:
        with library.safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            stored = metadata.pop(DIGEST, None)
            arrays = {} if stored is None else {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (
        library.SafetensorError,
        TypeError,
        AttributeError,
    ) as error:  # the last two: a dtype that NumPy lacks
        raise ValueError(f"{where}: {path} is damaged ({error}), expected a safetensors file") from error
    if stored is None:
        _check.fail(where, f"{path} has no {DIGEST!r} in its metadata", "a file made by indrnn_np")
    if stored != digest(arrays, metadata):
        _check.fail(where, f"{path} is damaged (its {DIGEST} differs)", "a safetensors file")
    return arrays, metadata


def digest(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> str:
    """Return the SHA-256 digest of names, dtypes, shapes, values and metadata."""
    content = hashlib.sha256(json.dumps(sorted(metadata.items())).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        content.update(json.dumps([name, array.dtype.name, array.shape]).encode())
        content.update(array.tobytes())
    return content.hexdigest()
