"""Read the file of a checkpoint, and check its header; checkpoint.py builds the network."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import _check, _files
from .._files import archive, forms, tensors
from .._types import Array, Json

LOAD = "checkpoint.load"
FORMAT, VERSION = "indrnn_np checkpoint", 1
HEADER: dict[str, forms.Form] = {
    "version": forms.POSITIVE,
    "network": {"layers": forms.LIST, "steps": forms.Maybe(forms.POSITIVE), "seed": forms.SEED},
    "dtype": forms.TEXT, "backend": forms.TEXT, "seed": forms.SEED, "iteration": forms.COUNT,
    "optimizer": forms.Maybe({"spec": {"type": forms.TEXT}, "state": {"t": forms.COUNT}}), "meta": forms.OBJECT,
}  # fmt: skip
CALLER = "arrays/"  # prefix of the names of the caller's arrays


@dataclass(frozen=True)
class Contents:
    """Content of a checkpoint file: the arrays by name, and the header from "meta"."""

    path: Path
    arrays: dict[str, Array]
    header: Json

    @property
    def caller_arrays(self) -> dict[str, Array]:
        """Arrays of the caller by name."""
        return {name[len(CALLER) :]: array for name, array in self.arrays.items() if name.startswith(CALLER)}


def read(path: str | Path) -> Contents:
    """Read a file, and check that it is a complete checkpoint of a supported version.

    Files that end in .safetensors are those of `export.to_safetensors`.
    """
    path = _files.user_path(LOAD, "path", path)
    forms.file(LOAD, path, "a checkpoint")
    arrays, meta = _of_safetensors(path) if path.suffix == tensors.SUFFIX else _of_npz(path)
    return Contents(path, arrays, _header(path, meta))


def _of_npz(path: Path) -> tuple[dict[str, Array], bytes]:
    """Return the arrays and the header of a checkpoint."""
    if not zipfile.is_zipfile(path):
        because = "(it is cut off, or another kind of file)"
        _check.fail(LOAD, f"{path} does not end as an npz archive does", "a checkpoint", because)
    try:
        arrays = archive.read(LOAD, path)
    except archive.Damaged as error:
        raise ValueError(f"{LOAD}: {path} is damaged ({error}), expected a whole checkpoint") from error
    meta = arrays.pop("meta", np.empty(0))
    return arrays, meta.tobytes() if meta.dtype == np.uint8 else b""


def _of_safetensors(path: Path) -> tuple[dict[str, Array], bytes]:
    """Return the arrays, named as in a checkpoint, and the header of an exported network."""
    arrays, texts = tensors.read(LOAD, path)
    buffers = texts.get("buffers", "").split()
    named = {("buffers/" if name in buffers else "params/") + name: array for name, array in arrays.items()}
    return named, texts.get("meta", "").encode()


def _header(path: Path, meta: bytes) -> Json:
    foreign = f"a file made by {FORMAT.split()[0]}"
    if not meta:
        _check.fail(LOAD, f"{path} has no 'meta'", foreign)
    place = f"{path}: 'meta'"
    header = forms.json_object(LOAD, place, meta, {})
    if header.get("format") != FORMAT:
        _check.fail(LOAD, f"{path} has another format in its 'meta'", foreign)
    version = header.get("version")
    if not isinstance(version, int) or version > VERSION:
        because = "because this release of indrnn_np knows no newer one"
        _check.fail(LOAD, f"{path} has format version {version}", f"at most {VERSION}", because)
    if absent := set(HEADER) - set(header):
        _check.fail(LOAD, f"{path} has no {sorted(absent)} in its 'meta'", foreign)
    forms.check(LOAD, place, header, HEADER)
    return header
