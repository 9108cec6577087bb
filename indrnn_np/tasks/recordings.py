"""Recordings of different lengths, each with a label: out of a folder of NTU RGB+D 60 (ntu.py), or one npz file.

    frames (ΣF, D)     all recordings, one behind the other      names (N,)    names of NTU, which tell label and split,
    lengths (N,)       the frames of each                        or else       labels (N,) integers, test (N,) bool

The archive that `cache` makes of a folder is such a file too (and tells in `files` which files it was made from).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import _check
from . import npz, ntu

WHERE = ntu.WHERE
KEYS = ("frames", "lengths", "names", "labels", "test", "files")


class Recordings(NamedTuple):
    """frames (ΣF, D), lengths, labels, and which samples to train on and to test on (N,), and the number of classes."""

    frames: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    test: np.ndarray
    classes: int


def load(
    data: str | Path | None, protocol: str, exclude: str | Path | None, cache: str | Path | None
) -> Recordings:
    """Return the recordings of a folder or an npz file; `exclude` and `cache` as in `Skeleton`."""
    path = None if data is None else Path(data)
    if path is None or not path.exists():
        _check.fail(WHERE, f"data is {None if path is None else str(path)!r}",
                    "a folder of .skeleton files or an npz file (--data)", error=FileNotFoundError)  # fmt: skip
    leave_out = ntu.excluded(exclude)
    if path.is_dir():
        frames, lengths, names = ntu.read_folder(path, leave_out, None if cache is None else Path(cache))
        frames, lengths = _check_frames(f"{WHERE}: {path}", frames, lengths)
        return _of_names(frames, lengths, names, protocol, leave_out)
    if cache is not None:
        _check.fail(WHERE, f"cache is {str(cache)!r}", "None", "because data is a file already")
    where, arrays = f"{WHERE}: {path}", npz.read(WHERE, path, KEYS)
    required = ("frames", "lengths") + (() if "names" in arrays else ("labels", "test"))
    for key in required:
        if key not in arrays:
            _check.fail(where, f"{key} is missing", "frames, lengths, and names or labels and test")
    frames, lengths = _check_frames(where, arrays["frames"], arrays["lengths"])
    if "names" in arrays:
        _check.shape(where, "names", arrays["names"], lengths.shape, "one for each of lengths")
        return _of_names(frames, lengths, [str(name) for name in arrays["names"]], protocol, leave_out)
    if leave_out:
        _check.fail(where, f"exclude is {str(exclude)!r}", "None", "because the samples have no names")
    return _of_labels(where, frames, lengths, arrays["labels"], arrays["test"])


def _check_frames(where: str, frames: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    layout = "(ΣF, D), the frames of all samples one behind the other"
    _check.array(where, "frames", frames, 2, layout)
    _check.floats(where, frames=frames)
    _check.array(where, "lengths", lengths, 1, "(N,)")
    _check.lengths(where, lengths, len(frames), len(lengths))
    if frames.shape[1] == 0 or not len(lengths) or lengths.min() == 0:
        _check.fail(where, f"frames has shape {frames.shape} and the least of lengths is {min(lengths, default=None)}",
                    "at least one input, and one frame of each sample")  # fmt: skip
    lengths = lengths.astype(np.int64)
    if lengths.sum() != len(frames):
        _check.fail(where, f"lengths sum to {lengths.sum()}", f"{len(frames)}", f"to match {layout}")
    _check.finite(where, "frames", frames)
    return frames, lengths


def _of_names(
    frames: np.ndarray, lengths: np.ndarray, names: list[str], protocol: str, leave_out: set[str]
) -> Recordings:
    labels, test = ntu.classify(names, protocol)
    kept = np.array([name not in leave_out for name in names])
    return Recordings(frames, lengths, labels, kept & ~test, kept & test, ntu.ACTIONS)


def _of_labels(
    where: str, frames: np.ndarray, lengths: np.ndarray, labels: np.ndarray, test: np.ndarray
) -> Recordings:
    for name, array, kinds in (("labels", labels, "iu"), ("test", test, "b")):
        _check.shape(where, name, array, lengths.shape, "one for each of lengths")
        if array.dtype.kind not in kinds:
            _check.fail(where, f"{name} has dtype {array.dtype}", "integers" if kinds == "iu" else "bool")
    if labels.min() < 0:
        at = int(np.argmin(labels))
        _check.fail(where, f"labels[{at}] is {labels[at]}", "numbers from 0 on")
    labels = labels.astype(np.int64)
    return Recordings(frames, lengths, labels, ~test, test, int(labels.max()) + 1)
