"""Classification of the time series of a UEA or UCR problem: NAME_TRAIN.ts and NAME_TEST.ts (ts.py).

    x_t = (channel_1, ..., channel_D) at step t, each standardised        target: the class, read after the last step

Series of different lengths are padded with zeros; `lengths` says where they end, and padding reaches nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .. import _check
from . import ts
from ._random import hold_out
from .arrays import Arrays

WHERE = "tasks.Uea"


class Uea(Arrays):
    """One problem of the archive.

    data: folder with the two files, or with a folder NAME that has them. name: NAME, None where the folder holds only
    one problem. held_out: share of the training series kept for validation, 0 for none. standardise:
    subtract each channel's mean and divide by its standard deviation, both over all steps of the series that are
    trained on; a channel that is constant there is divided by nothing. Classes are numbered as @classLabel lists them,
    or in sorted order.
    """

    name, where = "uea", WHERE

    def __init__(
        self, data: str | Path | None = None, name: str | None = None, held_out: float = 0.0,
        standardise: bool = True, seed: int = 0, dtype: str = "float32",
    ):  # fmt: skip
        _check.between(WHERE, "held_out", held_out, 0.0, 1.0)
        self.problem, files = _find(data, name)
        train, test = (ts.read(path) for path in files)
        D = train.samples[0].shape[1]
        if test.samples[0].shape[1] != D:
            _check.fail(WHERE, f"{test.path} has {test.samples[0].shape[1]} channels", f"{D}",
                        f"to match {train.path}")  # fmt: skip
        self.classes = _classes(train, test)
        trained = hold_out(seed, held_out, np.arange(len(train.samples)))[0]
        _check.at_least(WHERE, "series left to train on", len(trained), 1)
        self.mean, self.deviation = _moments([train.samples[i] for i in trained], D, standardise)
        splits = [self._arrays(series, np.dtype(dtype)) for series in (train, test)]
        super().__init__(
            *splits[0], validation=held_out or None, test=splits[1], classes=len(self.classes), seed=seed
        )

    def _arrays(self, series: ts.Series, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return x (T, N, D), padded with zeros, labels and lengths."""
        lengths = np.array([len(sample) for sample in series.samples])
        x = np.zeros((lengths.max(), len(lengths), len(self.mean)), dtype)
        with np.errstate(over="ignore"):  # what float32 cannot hold is found, and named, as infinite
            for n, sample in enumerate(series.samples):
                x[: len(sample), n] = (sample - self.mean) / self.deviation
        return x, np.array([self.classes.index(label) for label in series.labels]), lengths

    def describe(self) -> dict[str, Any]:
        """Return the problem's name, classes, sizes, hashes, and what the channels were shifted and divided by."""
        ranges = {split: [int(data.lengths.min()), int(data.lengths.max())]
                  for split, data in self._data.items() if data.lengths is not None}  # fmt: skip
        return super().describe() | {
            "problem": self.problem, "steps": self.steps, "classes": list(self.classes), "lengths": ranges,
            "mean": self.mean.tolist(), "deviation": self.deviation.tolist(),
        }  # fmt: skip


def _find(data: str | Path | None, problem: str | None) -> tuple[str, list[Path]]:
    """Return the problem's name and its two files."""
    wanted = "a folder with NAME_TRAIN.ts and NAME_TEST.ts (--data)"
    if data is None or not Path(data).is_dir():
        _check.fail(
            WHERE, f"data is {None if data is None else str(data)!r}", wanted, error=FileNotFoundError
        )
    folder = Path(data)
    if problem is None:
        found = sorted(path.name.removesuffix("_TRAIN.ts") for path in folder.glob("*_TRAIN.ts"))
        if len(found) != 1:
            known = "; it has " + (", ".join(found) or "none")
            _check.fail(WHERE, "name is None", "the NAME of one (--name)",
                        f"because {folder} holds {len(found)} files NAME_TRAIN.ts{known}")  # fmt: skip
        problem = found[0]
    if not (folder / f"{problem}_TRAIN.ts").is_file() and (folder / problem).is_dir():
        folder = folder / problem  # as the archive is packed
    files = [folder / f"{problem}_{split}.ts" for split in ("TRAIN", "TEST")]
    for path in files:
        if not path.is_file():
            _check.fail(WHERE, f"{folder} has no {path.name}", wanted, error=FileNotFoundError)
    return problem, files


def _classes(train: ts.Series, test: ts.Series) -> tuple[str, ...]:
    """Return the classes in their order, and check that both files mean the same."""
    if train.classes is not None and test.classes is not None and set(train.classes) != set(test.classes):
        _check.fail(WHERE, f"{test.path} lists the classes {', '.join(test.classes)}", ", ".join(train.classes),
                    f"to match {train.path}")  # fmt: skip
    classes = train.classes or test.classes or tuple(sorted(set(train.labels)))
    for series in (train, test):
        for line, label in zip(series.lines, series.labels, strict=True):
            if label not in classes:
                _check.fail(WHERE, f"{series.path}, line {line}, has the label {label!r}",
                            "one of " + ", ".join(classes))  # fmt: skip
    return classes


def _moments(samples: list[np.ndarray], D: int, standardise: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return what each channel is shifted and divided by."""
    if not standardise:
        return np.zeros(D), np.ones(D)
    channels = np.concatenate(samples).T.copy()  # (D, steps): sums along a row are pairwise
    deviation = channels.std(axis=1)
    return channels.mean(axis=1), np.where(deviation > 0, deviation, 1.0)
