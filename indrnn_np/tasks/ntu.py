"""NTU RGB+D 60: which sample is of which class and split, and a folder of its files as one archive of arrays.

A name such as S001C002P003R004A005 tells setup, camera, performer, repetition and action (1 to 60). Two protocols:

    cs  cross-subject   20 of the 40 performers to train on, the others to test
    cv  cross-view      cameras 2 and 3 to train on, camera 1 to test

302 samples have missing or incomplete skeletons; their list comes with the data and is given by the user. Source:
Shahroudy et al. 2016, arXiv:1604.02808, section 3.2.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .. import _check, _files
from . import _lines, npz, skeleton_file

WHERE = "tasks.Skeleton"
NAME = re.compile(r"S\d{3}C(?P<camera>\d{3})P(?P<performer>\d{3})R\d{3}A(?P<action>\d{3})")
ACTIONS = 60
TRAINING = {
    "cs": ("performer", (1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38)),
    "cv": ("camera", (2, 3)),
}
CACHED = ("frames", "lengths", "names", "files")


def classify(names: list[str], protocol: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels (N,), from 0 to 59, and which samples are test samples (N,)."""
    _check.choice(WHERE, "protocol", protocol, TRAINING)
    key, trained = TRAINING[protocol]
    labels, test = np.empty(len(names), np.int64), np.empty(len(names), np.bool_)
    for n, name in enumerate(names):
        found = NAME.fullmatch(name)
        if found is None or not 1 <= int(found["action"]) <= ACTIONS:
            _check.fail(
                WHERE, f"a sample is named {name!r}", "SsssCcccPpppRrrrAaaa with an action from 001 to 060"
            )
        labels[n], test[n] = int(found["action"]) - 1, int(found[key]) not in trained
    return labels, test


def excluded(path: str | Path | None) -> set[str]:
    """Return the names in a list of samples, one a line; a heading in words is passed over."""
    if path is None:
        return set()
    path, names = Path(path), set()
    for number, line in enumerate(_lines.read(WHERE, path), 1):
        text = line.strip().removesuffix(".skeleton")
        if NAME.fullmatch(text):
            names.add(text)
        elif re.match(r"S\d", text):
            _check.fail(
                WHERE, f"{_lines.at(path, number)} is {text!r}", "a name such as S001C002P003R004A005"
            )
    if not names:
        _check.fail(WHERE, f"{path} names no sample", "one name such as S001C002P003R004A005 a line")
    return names


def read_folder(
    folder: Path, leave_out: set[str], cache: Path | None
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return frames (ΣF, 150), lengths (N,) and names of a folder's .skeleton files, in the order of names.

    cache: an npz file that is written the first time, and read in their place as long as the files have the same names
    and sizes.
    """
    paths = sorted(path for path in folder.glob("*.skeleton") if path.stem not in leave_out)
    if not paths:
        _check.fail(WHERE, f"{folder} has no .skeleton file", "at least one", error=FileNotFoundError)
    files = _fingerprint(paths)
    names = [path.stem for path in paths]
    if cache is None or not cache.exists():
        classify(names, "cs")  # before the long work: is every name one of a sample?
        frames, lengths = _convert(paths)
        if cache is not None:
            _write(
                cache,
                {"frames": frames, "lengths": lengths, "names": np.array(names), "files": np.array(files)},
            )
        return frames, lengths, names
    arrays = npz.read(WHERE, cache, CACHED)
    if set(arrays) != set(CACHED) or str(arrays["files"]) != files or arrays["names"].tolist() != names:
        _check.fail(
            WHERE, f"{cache} was made from other files", f"those of {folder}", "; delete it to read them anew"
        )
    return arrays["frames"], arrays["lengths"], names


def _fingerprint(paths: list[Path]) -> str:
    """Return a hash of names and sizes."""
    listed = "\n".join(f"{path.name} {path.stat().st_size}" for path in paths)
    return hashlib.sha256(listed.encode()).hexdigest()[:16]


def _convert(paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Read all files; the array is made first, for that of NTU has about 3 GB and should not be there twice."""
    from rich.console import Console
    from rich.progress import track

    lengths = np.array([skeleton_file.frame_count(path) for path in paths], np.int64)
    frames = np.empty((lengths.sum(), skeleton_file.SIZE), np.float32)
    end = 0
    quiet = not sys.stderr.isatty()
    for path in track(paths, "reading skeletons", console=Console(stderr=True), disable=quiet):
        x = skeleton_file.read(path)
        end += len(x)
        frames[end - len(x) : end] = x
    return frames, lengths


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    def write(file: BinaryIO) -> None:
        np.savez(file, **arrays)  # type: ignore[arg-type]

    _files.replace(WHERE, path, write)
