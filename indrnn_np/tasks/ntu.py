"""NTU RGB+D 60: class and split of each sample, and conversion of a folder of files to arrays.

A name such as S001C002P003R004A005 encodes setup, camera, performer, repetition and action (1 to
60). There are two protocols:

    cs  cross-subject   20 of the 40 performers for training, the others for test
    cv  cross-view      cameras 2 and 3 for training, camera 1 for test

302 samples have missing or incomplete skeletons. The list of their names comes with the data; the
user passes it as `exclude`. Source: Shahroudy et al. 2016, arXiv:1604.02808, section 3.2.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path

import numpy as np

from .. import _check, _files
from .._types import Array
from . import _lines, npz, skeleton_file

WHERE = "tasks.Skeleton"
NAME = re.compile(r"S\d{3}C(?P<camera>\d{3})P(?P<performer>\d{3})R\d{3}A(?P<action>\d{3})")
ACTIONS = 60
TRAINING = {
    "cs": ("performer", (1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38)),
    "cv": ("camera", (2, 3)),
}
DEFAULT = "cs"
CACHED = ("frames", "lengths", "names", "files")


def classify(names: list[str], protocol: str | None) -> tuple[Array, Array]:
    """Return labels (N,), from 0 to 59, and a mask of the test samples (N,)."""
    protocol = DEFAULT if protocol is None else protocol
    _check.choice(WHERE, "protocol", protocol, TRAINING)
    key, trained = TRAINING[protocol]
    labels, test = np.empty(len(names), np.int64), np.empty(len(names), np.bool_)
    for n, name in enumerate(names):
        match = NAME.fullmatch(name)
        if match is None or not 1 <= int(match["action"]) <= ACTIONS:
            expected = "SsssCcccPpppRrrrAaaa with an action from 001 to 060"
            _check.fail(WHERE, f"a sample is named {name!r}", expected)
        labels[n], test[n] = int(match["action"]) - 1, int(match[key]) not in trained
    return labels, test


def excluded(path: str | Path | None) -> set[str]:
    """Return the names in a list of samples with one name per line; headings are skipped."""
    if path is None:
        return set()
    path, names = _files.user_path(WHERE, "exclude", path), set()
    for number, line in enumerate(_lines.read(WHERE, path), 1):
        text = line.strip().removesuffix(".skeleton")
        if NAME.fullmatch(text):
            names.add(text)
        elif re.match(r"S\d", text):
            problem = f"{_lines.at(path, number)} is {text!r}"
            _check.fail(WHERE, problem, "a name such as S001C002P003R004A005")
    if not names:
        _check.fail(WHERE, f"{path} names no sample", "one name per line, such as S001C002P003R004A005")
    return names


def read_folder(folder: Path, leave_out: set[str], cache: Path | None) -> tuple[Array, Array, list[str]]:
    """Return frames (ΣF, 150), lengths (N,) and names of a folder's .skeleton files, sorted by name.

    The first call writes the npz file `cache`. Later calls read it instead of the folder, while the
    names and sizes of the files are unchanged.
    """
    files_of_folder = folder.glob("[!.]*.skeleton")  # without the ._ files of macOS
    paths = sorted(path for path in files_of_folder if path.stem not in leave_out)
    if not paths:
        _check.fail(WHERE, f"{folder} has no .skeleton file", "at least one", error=FileNotFoundError)
    files = _fingerprint(paths)
    names = [path.stem for path in paths]
    if cache is None or not cache.exists():
        classify(names, DEFAULT)  # check all names before the slow conversion
        frames, lengths = _convert(paths)
        if cache is not None:
            arrays = dict(zip(CACHED, (frames, lengths, np.array(names), np.array(files)), strict=True))
            _files.replace(WHERE, cache, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]
        return frames, lengths, names
    arrays = npz.read(WHERE, cache, CACHED)
    if set(arrays) != set(CACHED) or str(arrays["files"]) != files or arrays["names"].tolist() != names:
        hint = "; delete it to read the folder again"
        _check.fail(WHERE, f"{cache} was made from other files", f"those of {folder}", hint)
    return arrays["frames"], arrays["lengths"], names


def _fingerprint(paths: list[Path]) -> str:
    """Return a hash of the names and sizes of files."""
    listed = "\n".join(f"{path.name} {path.stat().st_size}" for path in paths)
    return hashlib.sha256(os.fsencode(listed)).hexdigest()[:16]


def _convert(paths: list[Path]) -> tuple[Array, Array]:
    """Return frames and lengths of all files. All of NTU takes about 3 GB, allocated once in advance."""
    from rich.console import Console
    from rich.progress import track

    lengths = np.array([skeleton_file.frame_count(path) for path in paths], np.int64)
    total = sum(map(int, lengths))
    _check.fits_memory(WHERE, f"{total} frames of {paths[0].parent}", 4 * total * skeleton_file.SIZE)
    frames = np.empty((total, skeleton_file.SIZE), np.float32)
    end = 0
    quiet = not sys.stderr.isatty()
    for path in track(paths, "reading skeletons", console=Console(stderr=True), disable=quiet):
        x = skeleton_file.read(path)
        end += len(x)
        frames[end - len(x) : end] = x
    return frames, lengths
