"""Sequences out of one npz file, with the keys of `Arrays` (arrays.py) and no pickles.

    x (T, N, D), y, lengths (N,)                        to train on; lengths may be left out
    x_validation, y_validation, lengths_validation      if there are any, or a share of x is held out
    x_test, y_test, lengths_test                        if there are any

y says what is learned: labels or real values, after the last step or after each. `numpy.savez(path, x=x, y=y)` writes
such a file.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from .. import _check
from .arrays import Arrays

WHERE = "tasks.Sequences"
PARTS, OTHERS = ("x", "y", "lengths"), ("validation", "test")
KEYS = (*PARTS, *(f"{part}_{split}" for split in OTHERS for part in PARTS))


class Sequences(Arrays):
    """The arrays of a file. held_out: share of x kept for validation, where the file has no x_validation; 0 for none.

    Real numbers are taken as `dtype`.
    """

    name = "sequences"

    def __init__(
        self, data: str | Path | None = None, held_out: float = 0.0, seed: int = 0, dtype: str = "float32"
    ):
        _check.between(WHERE, "held_out", held_out, 0.0, 1.0)
        if data is None:
            _check.fail(WHERE, "data is None", "an npz file (--data)", error=FileNotFoundError)
        path = Path(data)
        self.where = f"{WHERE}: {path}"
        arrays = read(WHERE, path, KEYS)
        own, validation, test = (_split(self.where, arrays, end, dtype) for end in ("", *OTHERS))
        if own is None:
            _check.fail(self.where, "x is missing", "x (T, N, D) and y")
        if validation is not None and held_out:
            _check.fail(self.where, f"held_out is {held_out}", "0", "because there is x_validation")
        super().__init__(*own, validation=validation or held_out or None, test=test, seed=seed)

    def _names(self, split: str) -> tuple[str, str, str]:
        """The keys of a split."""
        x, y, lengths = _keys("" if split == "train" else split)
        return x, y, lengths

    def describe(self) -> dict[str, Any]:
        """Return shapes, the seed, the longest sequence, and a hash of the data."""
        return super().describe() | {"steps": self.steps}


def read(where: str, path: Path, known: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the arrays of an npz file; ValueError for one that is no such file, damaged, or has other keys."""
    if not path.is_file():
        _check.fail(where, f"{path} is not there", "an npz file", error=FileNotFoundError)
    if not zipfile.is_zipfile(path):
        _check.fail(where, f"{path} is no zip archive", "a whole npz file, as numpy.savez writes it")
    arrays, name = {}, "the archive"
    try:
        with np.load(path, allow_pickle=False) as archive:
            for name in archive.files:
                _check.choice(f"{where}: {path}", "a key", name, known)
                arrays[name] = archive[name]
                if not isinstance(arrays[name], np.ndarray):  # a member that is no .npy comes as bytes
                    _check.fail(f"{where}: {path}", f"{name} is no array", "arrays alone")
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise ValueError(
            f"{where}: {path}: {name} is damaged ({error}), expected a whole npz file"
        ) from error
    except ValueError as error:
        if str(error).startswith(where):
            raise
        raise ValueError(
            f"{where}: {path}: {name} can't be read ({error}), expected an array of numbers"
        ) from error
    return arrays


def _keys(end: str) -> tuple[str, ...]:
    return tuple(f"{part}_{end}" if end else part for part in PARTS)


def _split(where: str, arrays: dict[str, np.ndarray], end: str, dtype: str) -> tuple[Any, ...] | None:
    """Return (x, y, lengths) of a split, None if the file has none of them."""
    x, y, lengths = _keys(end)
    if not {x, y, lengths} & set(arrays):
        return None
    for name in (x, y):
        if name not in arrays:
            _check.fail(
                where, f"{name} is missing", f"it beside {next(k for k in (x, y, lengths) if k in arrays)}"
            )
    return _real(arrays[x], dtype), _real(arrays[y], dtype), arrays.get(lengths)


def _real(array: np.ndarray, dtype: str) -> np.ndarray:
    """Return real numbers as `dtype`; what it cannot hold becomes infinite, which is found and named."""
    with np.errstate(over="ignore"):
        return array.astype(dtype, copy=False) if array.dtype.kind == "f" else array
