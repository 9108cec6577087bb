"""The time series of a UEA, UCR or regression problem: NAME_TRAIN.ts and NAME_TEST.ts (ts.py).

    x_t = (channel_1, ..., channel_D) at step t, each standardised
    target: the class, or a standardised number, at the last time step

Series of different lengths are padded with zeros. `lengths` holds their lengths; padding is
ignored.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from .. import _check, _files
from .._types import Array, DType, Json
from . import _lines, ts
from ._random import hold_out
from .arrays import Arrays
from .standardise import scaling, unscaled

WHERE = "tasks.Uea"


class Uea(Arrays):
    """Time series of a problem of the archive.

    Classes are numbered in the order of @classLabel, or in sorted order without it.

    Parameters
    ----------
    data : path
        Folder with the two files, or with subfolders that contain them.
    name : str, optional
        NAME. None: the only problem in the folder.
    held_out : float
        Share of the training series held out for validation.
    standardise : bool
        Subtract each channel's mean and divide by its standard deviation, both over all values of
        the training series. A constant channel is not divided. Real targets are standardised by
        those of the training series.
    missing : {"refuse", "linear", "zero"}
        Treatment of missing values (ts.py). "zero" is the mean of a standardised channel.
    seed : int
        Seed of the held-out series and of the order in each epoch.
    dtype : str
        "float32" or "float64".
    """

    name, where = "uea", WHERE

    def __init__(
        self, data: str | Path | None = None, name: str | None = None, held_out: float = 0.0,
        standardise: bool = True, missing: str = ts.REFUSE, seed: int = 0, dtype: str = "float32",
    ):  # fmt: skip
        _check.between(WHERE, "held_out", held_out, 0.0, 1.0)
        _check.boolean(WHERE, "standardise", standardise)
        self.problem, files = _find(data, name)
        train, test = (ts.read(path, missing) for path in files)
        D, test_D = (series.samples[0].shape[1] for series in (train, test))
        if test_D != D:
            _check.fail(WHERE, f"{test.path} has {test_D} channels", f"{D}", f"to match {train.path}")
        if train.real != test.real:
            kinds = [f"@targetLabel {str(series.real).lower()}" for series in (test, train)]
            _check.fail(WHERE, f"{test.path} has {kinds[0]}", kinds[1], f"to match {train.path}")
        self.classes = () if train.real else _classes(train, test)
        trained = hold_out(seed, held_out, np.arange(len(train.samples)))[0]
        _check.at_least(WHERE, "series left to train on", len(trained), 1)
        self._scale, self._targets_scale = unscaled(D), unscaled(1) if train.real else None
        if standardise:
            self._scale = scaling(WHERE, np.concatenate([train.samples[i] for i in trained]).T)
        if standardise and train.real:
            self._targets_scale = scaling(WHERE, [np.array([float(train.labels[i]) for i in trained])])
        number = _check.dtype(WHERE, dtype)
        splits = [self._arrays(series, number) for series in (train, test)]
        K, validation = len(self.classes) or None, held_out or None
        super().__init__(*splits[0], validation=validation, test=splits[1], classes=K, seed=seed)

    def _arrays(self, series: ts.Series, dtype: DType) -> tuple[Array, Array, Array]:
        """Return x (T, N, D), padded with zeros, labels and lengths."""
        lengths = np.array([len(sample) for sample in series.samples])
        shape = int(lengths.max()), len(lengths), len(self._scale.mean)
        array = f"{series.path}, padded to {shape[0]} steps of {shape[1]} series,"
        _check.fits_memory(WHERE, array, math.prod(shape) * dtype.itemsize)
        x = np.zeros(shape, dtype)
        with np.errstate(over="ignore"):  # values that dtype cannot hold are refused below
            for n, sample in enumerate(series.samples):
                x[: len(sample), n] = np.where(np.isnan(sample), 0.0, self._scale.apply(sample))
                for t, d in np.argwhere(~np.isfinite(x[: len(sample), n])):
                    _refuse(series, n, f"{sample[t, d]} as value {t + 1} of channel {d + 1}", dtype)
        return x, self._targets_of(series, dtype), lengths

    def _targets_of(self, series: ts.Series, dtype: DType) -> Array:
        """Return labels (N,), or real targets (N, 1)."""
        if self._targets_scale is None:
            return np.array([self.classes.index(label) for label in series.labels])
        with np.errstate(over="ignore"):
            targets = self._targets_scale.apply(np.array(series.labels, np.float64)[:, None]).astype(dtype)
        for n in np.flatnonzero(~np.isfinite(targets)).tolist():
            _refuse(series, n, f"the target {series.labels[n]}", dtype)
        return targets

    def describe(self) -> Json:
        """Return the problem's name, classes, sizes, hashes, and the mean and deviation of each channel."""
        ranges = {split: [int(data.lengths.min()), int(data.lengths.max())]
                  for split, data in self._data.items() if data.lengths is not None}  # fmt: skip
        return super().describe() | {
            "problem": self.problem, "steps": self.steps, "lengths": ranges, **self._scale.describe(),
            **({"classes": list(self.classes)} if self.classes else {}),
            **({"targets": self._targets_scale.describe()} if self._targets_scale else {}),
        }  # fmt: skip


def _find(data: str | Path | None, problem: str | None) -> tuple[str, list[Path]]:
    """Return the problem's name and its two files, in the folder or in a subfolder."""
    expected = "a folder with NAME_TRAIN.ts and NAME_TEST.ts (--data)"
    folder = None if data is None else _files.user_path(WHERE, "data", data)
    if folder is None or not folder.is_dir():
        shown = None if data is None else str(data)
        _check.fail(WHERE, f"data is {shown!r}", expected, error=FileNotFoundError)
    ending = "_TRAIN.ts"
    inside = ("", "[!.]*/")  # without the ._ files of macOS
    levels = [sorted(folder.glob(f"{level}[!.]*{ending}")) for level in inside]
    matches: list[Path] = []
    for level in levels:
        matches = matches or [path for path in level if problem is None or path.name == problem + ending]
    names = [path.name.removesuffix(ending) for path in levels[0] or levels[1]]
    known = f"because {folder} holds {len(names)} files NAME_TRAIN.ts: " + _listed(names)
    if len(matches) != 1 and problem is None:
        _check.fail(WHERE, "name is None", "the NAME of a problem (--name)", known)
    if not matches:
        _check.fail(WHERE, f"{folder} has no {problem}{ending}", expected, known, error=FileNotFoundError)
    if len(matches) > 1:
        places = _listed([str(path.parent) for path in matches])
        _check.fail(WHERE, f"{folder} has {problem}{ending} in {places}", "it once")
    test = matches[0].with_name(matches[0].name.removesuffix(ending) + "_TEST.ts")
    if not test.is_file():
        _check.fail(WHERE, f"{test.parent} has no {test.name}", expected, error=FileNotFoundError)
    return matches[0].name.removesuffix(ending), [matches[0], test]


def _listed(names: list[str]) -> str:
    """Return names for an error message, shortened to the first 50."""
    return ", ".join([*names[:50], *(["..."] if len(names) > 50 else [])]) or "none"


def _classes(train: ts.Series, test: ts.Series) -> tuple[str, ...]:
    """Return the classes in order, after checking that both files have the same classes."""
    if train.classes is not None and test.classes is not None and set(train.classes) != set(test.classes):
        problem = f"{test.path} lists the classes {', '.join(test.classes)}"
        _check.fail(WHERE, problem, ", ".join(train.classes), f"to match {train.path}")
    classes = train.classes or test.classes or tuple(sorted(set(train.labels)))
    for series in (train, test):
        for line, label in zip(series.lines, series.labels, strict=True):
            if label not in classes:
                problem = f"{_lines.at(series.path, line)} has the label {label!r}"
                _check.fail(WHERE, problem, "one of " + ", ".join(classes))
    return classes


def _refuse(series: ts.Series, sample: int, value: str, dtype: DType) -> None:
    """Raise an error that names the line of a value that becomes infinite in a dtype."""
    place = _lines.at(series.path, series.lines[sample])
    _check.fail(WHERE, f"{place} has {value}", f"a number that {dtype} can hold")
