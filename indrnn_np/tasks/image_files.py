"""Images and labels in four idx files with the names of MNIST, Fashion-MNIST, EMNIST and copies.

    train-images-idx3-ubyte    train-labels-idx1-ubyte    t10k-images-idx3-ubyte    t10k-labels-idx1-ubyte

A file name may end with `.gz`, have `.idx` instead of `-idx` and `test` instead of `t10k`, and
start with the name of the data set, as in emnist-letters-train-images-idx3-ubyte. The files are in
the folder itself, in its subfolder `raw`, or in a subfolder NAME or NAME/raw, as torchvision stores
them. Images in files whose name starts with emnist are stored transposed and are transposed back.

Classes are numbered from the smallest label: EMNIST's letters, 1 to 26, become classes 0 to 25.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import _check, _files
from .._types import Array
from . import idx

WHERE = "tasks.Mnist"
LEVELS = ("", "raw/", "[!.]*/", "[!.]*/raw/")  # glob patterns of the folders that are searched
FILE = re.compile(r"(?:(.+)-)?(train|t10k|test)-(images|labels)[-.]idx[13]-ubyte(?:\.gz)?")
PARTS = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
Pair = tuple[Array, Array]


class Images(NamedTuple):
    """A data set of images.

    Attributes
    ----------
    name : str
        The prefix of the file names.
    train, test : pair of arrays (N, rows, columns) and (N,)
        Images and classes.
    labels : pair of int
        The smallest and the largest label in the files.
    """

    name: str
    train: Pair
    test: Pair
    labels: tuple[int, int]


def find(data: str | Path, name: str | None) -> Images:
    """Return the images in a folder; `name` selects a data set if the folder holds several."""
    folder = _files.user_path(WHERE, "data", data)
    expected = "a folder with the four idx files, gzipped or not"
    if not folder.is_dir():
        _check.fail(WHERE, f"data is {str(folder)!r}", expected, error=FileNotFoundError)
    sets: dict[tuple[str, Path], dict[str, Path]] = {}
    for level in LEVELS:
        sets = sets or _sets(folder, level)
    known = [prefix or place.relative_to(folder).as_posix().removesuffix("/raw") for prefix, place in sets]
    chosen = [i for i, candidate in enumerate(known) if name in (None, candidate)]
    if name is not None and not chosen:
        names, because = ", ".join(map(repr, known)) or "none", f"because {folder} holds no other images"
        _check.fail(WHERE, f"name is {name!r}", f"one of {names}", because, error=FileNotFoundError)
    if len(chosen) > 1:
        problem = f"{folder} holds the images of {', '.join(known)}"
        _check.fail(WHERE, problem, "one of them", "(--name, --data)")
    files = list(sets.values())[chosen[0]] if chosen else {}
    for part in PARTS:
        if part not in files:
            _check.fail(WHERE, f"{folder} has no {part}-ubyte", expected, error=FileNotFoundError)
    return read(list(sets)[chosen[0]][0], [files[part] for part in PARTS])


def _sets(folder: Path, level: str) -> dict[tuple[str, Path], dict[str, Path]]:
    """Return the files of each data set at a level by part; of duplicates the gzipped file is used."""
    sets: dict[tuple[str, Path], dict[str, Path]] = {}
    paths = folder.glob(f"{level}[!.]*ubyte*")  # skips the ._ files of macOS
    for path in sorted(paths, key=lambda path: (path.suffix != ".gz", path.name)):
        match = FILE.fullmatch(path.name)
        if match is not None and path.is_file():
            name, split, kind = match.groups(default="")
            part = f"{'train' if split == 'train' else 't10k'}-{kind}-idx{3 if kind == 'images' else 1}"
            sets.setdefault((name, path.parent), {}).setdefault(part, path)
    return sets


def read(name: str, paths: Sequence[Path]) -> Images:
    """Return the images of four files in the order of PARTS, after checking that they agree."""
    train, test = (_load(name, *paths[i : i + 2]) for i in (0, 2))
    if test[0].shape[1:] != train[0].shape[1:]:
        _check.fail(WHERE, f"{paths[2]} has {_size(test[0])}", _size(train[0]), f"to match {paths[0]}")
    present = np.unique(train[1])
    first, last = int(present[0]), int(present[-1])
    absent = sorted(set(range(first, last + 1)) - set(present.tolist()))
    if absent:
        problem = f"{paths[1]} has labels from {first} to {last} but no {absent[0]}"
        _check.fail(WHERE, problem, "every class at least once in training")
    wrong = (test[1] < first) | (test[1] > last)
    if wrong.any():
        at = int(np.argmax(wrong))
        problem = f"{paths[3]} has label {test[1][at]} at position {at}"
        _check.fail(WHERE, problem, f"{first} to {last}", f"to match {paths[1]}")
    return Images(name, (train[0], train[1] - first), (test[0], test[1] - first), (first, last))


def _load(name: str, images_path: Path, labels_path: Path) -> Pair:
    """Return images (N, rows, columns) and labels (N,)."""
    images, labels = idx.read(images_path, 3), idx.read(labels_path, 1)
    if len(images) != len(labels):
        problem, because = f"{labels_path} holds {len(labels)} labels", f"to match {images_path}"
        _check.fail(WHERE, problem, f"{len(images)}", because)
    if images.size == 0:
        _check.fail(WHERE, f"{images_path} has shape {images.shape}", "at least one image")
    if name.lower().startswith("emnist"):
        images = images.transpose(0, 2, 1)
    return images, labels.astype(np.int64)


def _size(images: Array) -> str:
    """Return the size of the images for error messages."""
    return f"{images.shape[1]} x {images.shape[2]} pixels per image"
