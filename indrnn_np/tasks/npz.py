"""Sequences in an npz file with the argument names of `Arrays` (arrays.py); pickles are refused.

    x (T, N, D), y, lengths (N,)                        training; lengths is optional
    x_validation, y_validation, lengths_validation      optional; alternatively a share of x is held out
    x_test, y_test, lengths_test                        optional
    groups (N,)                                         optional: samples of a group are held out together

y holds labels or real values, at the last time step or at every time step. `numpy.savez(path, x=x,
y=y)` writes a file in this format.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from .. import _check, _files
from .._files import archive, forms
from .._types import Array, Json
from .arrays import Arrays

WHERE = "tasks.Sequences"
PARTS, OTHERS = ("x", "y", "lengths"), ("validation", "test")
KEYS = (*PARTS, "groups", *(f"{part}_{split}" for split in OTHERS for part in PARTS))


class Sequences(Arrays):
    """The arrays of an npz file.

    Parameters
    ----------
    data : path
        The npz file.
    held_out : float
        Share of x held out for validation, or of the groups; must be 0 if the file has x_validation.
    standardise : bool
        Standardise each channel by the training samples (standardise.py).
    seed : int
        Seed of the held-out samples and of the order in each epoch.
    dtype : str
        "float32" or "float64"; real numbers are converted to it.
    """

    name = "sequences"

    def __init__(
        self, data: str | Path | None = None, held_out: float = 0.0, standardise: bool = False, seed: int = 0,
        dtype: str = "float32",
    ):  # fmt: skip
        _check.between(WHERE, "held_out", held_out, 0.0, 1.0)
        if data is None:
            _check.fail(WHERE, "data is None", "an npz file (--data)", error=FileNotFoundError)
        path = _files.user_path(WHERE, "data", data)
        self.where = f"{WHERE}: {path}"
        arrays = read(WHERE, path, KEYS)
        train, validation, test = (_split(self.where, arrays, end) for end in ("", *OTHERS))
        if train is None:
            _check.fail(self.where, "x is missing", "x (T, N, D) and y")
        if validation is not None and held_out:
            _check.fail(self.where, f"held_out is {held_out}", "0", "because the file has x_validation")
        groups = _groups(self.where, arrays.get("groups"), train[0], held_out)
        super().__init__(
            *train, validation=validation or held_out or None, test=test, seed=seed, dtype=dtype, groups=groups,
        )  # fmt: skip
        if standardise:
            self.standardise()

    def _names(self, split: str) -> tuple[str, str, str]:
        """Return the keys of a split in the file, which errors show."""
        x, y, lengths = _keys("" if split == "train" else split)
        return x, y, lengths

    def describe(self) -> Json:
        """Return the shapes, the seed, the length of the longest sequence and a hash of the data."""
        return super().describe() | {"steps": self.steps}


def read(where: str, path: Path, known: tuple[str, ...]) -> dict[str, Array]:
    """Return the arrays of an npz file, converted to native byte order and C order.

    Raises
    ------
    ValueError
        If the file is not an npz file, is damaged, or has a key that is not in `known`.
    """
    forms.file(where, path, "an npz file")
    if not zipfile.is_zipfile(path):
        _check.fail(where, f"{path} is not a zip archive", "a whole npz file, as numpy.savez writes it")
    try:
        arrays = archive.read(where, path, known)
    except archive.Damaged as error:
        raise ValueError(f"{where}: {path}: {error}, expected a whole npz file of arrays") from error
    return {name: np.asarray(a, a.dtype.newbyteorder("="), order="C") for name, a in arrays.items()}


def _groups(where: str, groups: Array | None, x: Array | None, held_out: float) -> Array | None:
    """Return the groups of the samples after checking them."""
    if groups is not None and x is not None and x.ndim > 1:
        check_groups(where, groups, x.shape[1])
        if not held_out:
            _check.fail(where, "groups is set and held_out 0", "a share of the groups (--held-out 0.2)")
    return groups


def check_groups(where: str, groups: Array, count: int) -> None:
    """Check the group of each of `count` samples: integers or strings, of at least two groups."""
    _check.shape(where, "groups", groups, (count,), "with an entry for each sample")
    if groups.dtype.kind not in "iuUS":
        _check.fail(where, f"groups has dtype {groups.dtype}", "integers or strings")
    if len(np.unique(groups)) < 2:
        _check.fail(where, "groups has one group", "at least two, so that one can be held out")


def _keys(end: str) -> tuple[str, ...]:
    return tuple(f"{part}_{end}" if end else part for part in PARTS)


def _split(where: str, arrays: dict[str, Array], end: str) -> tuple[Array | None, ...] | None:
    """Return (x, y, lengths) of a split, or None if the file has none of them."""
    x, y, lengths = _keys(end)
    if not {x, y, lengths} & set(arrays):
        return None
    present = [name for name in (x, y, lengths) if name in arrays]
    for name in (x, y):
        if name not in arrays:
            _check.fail(where, f"{name} is missing", f"{name} together with {present[0]}")
    return arrays[x], arrays[y], arrays.get(lengths)
