"""Labelled recordings of different lengths, from a folder of NTU RGB+D 60 (ntu.py) or an npz file.

    frames (ΣF, D)     the recordings, concatenated      names (N,)    NTU names, which encode label and split,
    lengths (N,)       frames of each recording          or            labels (N,) integers, test (N,) bool

Optional, beside labels: validation (N,) bool, or groups (N,), whose samples are held out together.

The cache file of a folder has this format too. Its entry `files` is a hash of the folder's files.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import _check, _files
from .._types import Array, DType
from . import npz, ntu

WHERE = ntu.WHERE
CLASSES = 2**31  # upper bound on the number of classes
KEYS = ("frames", "lengths", "names", "labels", "test", "validation", "groups", "files")


class Recordings(NamedTuple):
    """Recordings with labels and splits.

    Attributes
    ----------
    frames : array (ΣF, D)
        The frames of all recordings, concatenated.
    lengths, labels : int array (N,)
    train, test : bool array (N,)
        Masks of the training and test samples; excluded samples are in neither.
    classes : int
    protocol : str or None
        The protocol that defines the test samples. None: the file defines them.
    validation : bool array (N,) or None
        Mask of the validation samples, which are in neither `train` nor `test`.
    groups : array (N,) or None
    """

    frames: Array
    lengths: Array
    labels: Array
    train: Array
    test: Array
    classes: int
    protocol: str | None
    validation: Array | None = None
    groups: Array | None = None


def load(
    data: str | Path | None, protocol: str | None, exclude: str | Path | None, cache: str | Path | None,
    dtype: DType,
) -> Recordings:  # fmt: skip
    """Return the recordings of a folder or an npz file; `exclude` and `cache` as in `Skeleton`.

    Frames with more bits than `dtype` are converted here; others are converted in each batch.
    """
    path = None if data is None else _files.user_path(WHERE, "data", data)
    if path is None or not path.exists():
        shown = None if path is None else str(path)
        expected = "a folder of .skeleton files or an npz file (--data)"
        _check.fail(WHERE, f"data is {shown!r}", expected, error=FileNotFoundError)
    leave_out = ntu.excluded(exclude)
    if path.is_dir():
        cache_path = None if cache is None else _files.user_path(WHERE, "cache", cache)
        frames, lengths, names = ntu.read_folder(path, leave_out, cache_path)
        frames, lengths = _check_frames(f"{WHERE}: {path}", frames, lengths, dtype)
        return _from_names(frames, lengths, names, protocol, leave_out)
    if cache is not None:
        _check.fail(WHERE, f"cache is {str(cache)!r}", "None", "because data is a file, not a folder")
    where, arrays = f"{WHERE}: {path}", npz.read(WHERE, path, KEYS)
    required = ("frames", "lengths") + (() if "names" in arrays else ("labels", "test"))
    for key in required:
        if key not in arrays:
            _check.fail(where, f"{key} is missing", "frames, lengths, and names or labels and test")
    frames, lengths = _check_frames(where, arrays["frames"], arrays["lengths"], dtype)
    if "names" in arrays:
        _check.shape(where, "names", arrays["names"], lengths.shape, "with an entry for each of lengths")
        return _from_names(frames, lengths, [str(name) for name in arrays["names"]], protocol, leave_out)
    if leave_out:
        _check.fail(where, f"exclude is {str(exclude)!r}", "None", "because the samples have no names")
    if protocol is not None:
        because = "because the array `test` in the file defines the test samples"
        _check.fail(where, f"protocol is {protocol!r}", "None", because)
    return _from_labels(where, frames, lengths, arrays)


def _check_frames(where: str, frames: Array, lengths: Array, dtype: DType) -> tuple[Array, Array]:
    _check.arrays(where, "frames: real ΣF D, lengths: int N", frames, lengths)
    _check.lengths(where, lengths, len(frames), len(lengths))
    if frames.shape[1] == 0 or not len(lengths) or lengths.min() == 0:
        problem = f"frames has shape {frames.shape} and min(lengths) {min(lengths, default=None)}"
        _check.fail(where, problem, "at least one input and one frame per sample")
    lengths = lengths.astype(np.int64)
    total, count = lengths.sum(), len(frames)
    if total != count:
        _check.fail(where, f"lengths sum to {total}", f"{count}", "to match the length of frames")
    if frames.dtype.itemsize > dtype.itemsize:
        with np.errstate(over="ignore"):  # the check below refuses values that dtype cannot hold
            frames = frames.astype(dtype)
    _check.finite(where, "frames", frames)
    return frames, lengths


def _from_names(
    frames: Array, lengths: Array, names: list[str], protocol: str | None, leave_out: set[str]
) -> Recordings:
    labels, test = ntu.classify(names, protocol)
    included, protocol = np.array([name not in leave_out for name in names]), protocol or ntu.DEFAULT
    train, test = included & ~test, included & test
    return Recordings(frames, lengths, labels, train, test, ntu.ACTIONS, protocol)


def _from_labels(where: str, frames: Array, lengths: Array, arrays: dict[str, Array]) -> Recordings:
    labels, test, validation = arrays["labels"], arrays["test"], arrays.get("validation")
    masks = [("test", test)] + ([] if validation is None else [("validation", validation)])
    for name, array, kinds in (("labels", labels, "iu"), *((*mask, "b") for mask in masks)):
        _check.shape(where, name, array, lengths.shape, "with an entry for each of lengths")
        if array.dtype.kind not in kinds:
            _check.fail(where, f"{name} has dtype {array.dtype}", "integers" if kinds == "iu" else "bool")
    wrong = (labels < 0) | (labels >= CLASSES)
    if wrong.any():
        at = int(np.argmax(wrong))
        _check.fail(where, f"labels[{at}] is {labels[at]}", f"0 to {CLASSES - 1}")
    labels, train, groups = labels.astype(np.int64), ~test, arrays.get("groups")
    if groups is not None:
        npz.check_groups(where, groups, len(lengths))
    if validation is not None:
        if (both := test & validation).any():
            _check.fail(
                where, f"test and validation have sample {int(np.argmax(both))}", "each sample in one"
            )
        train &= ~validation
    classes = int(labels.max()) + 1
    return Recordings(frames, lengths, labels, train, test, classes, None, validation, groups)
