"""Sequential MNIST: an image read one pixel a step, in reading order or in one fixed random order.

    x_t = (pixel_t / 256 - 0.5) * 2,  T = 784        target: the digit, read after the last step

3000 of the 60000 training images are held out for validation. The split, the pixel order and the order of the images in
each epoch come from the seed. Source: Li et al. 2018, section 5.2; permuted: Le et al. 2015.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .. import _check
from . import Batch, idx
from ._random import fingerprint, order

URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
FILES = {
    "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
}


class Mnist:
    """Images as sequences of pixels.

    data: folder with the four idx files, gzipped or not; None downloads them once into the user's cache. permuted: one
    fixed random order of the pixels. held_out: training images kept for validation. batches_per_epoch: None or 0 runs
    through all training images (1781 batches of 32 out of 57000); the authors' log counts 1700 batches of 32 as an
    epoch.
    """

    loss, output, metric = "softmax_cross_entropy", "last", "accuracy"
    splits = ("validation", "test")
    input_size, output_size = 1, 10
    baseline: float | None = None

    def __init__(
        self, data: str | Path | None = None, permuted: bool = False, seed: int = 0, dtype: str = "float32",
        held_out: int = 3000, batches_per_epoch: int | None = None,
    ):  # fmt: skip
        self.name = "mnist-permuted" if permuted else "mnist"
        self.seed, self.permuted, self.batches_per_epoch = seed, permuted, batches_per_epoch or None
        self.dtype = np.dtype(dtype)
        files = _fetch() if data is None else _find(Path(data))
        images, labels = _load(files["train-images"], files["train-labels"])
        test_images, test_labels = _load(files["t10k-images"], files["t10k-labels"])
        _check.between("tasks.Mnist", "held_out", held_out, 1, len(images))
        if test_images.shape[1] != images.shape[1]:
            _check.fail("tasks.Mnist", f"{files['t10k-images']} has {test_images.shape[1]} pixels an image",
                        f"{images.shape[1]}", f"to match {files['train-images']}")  # fmt: skip
        self.steps = images.shape[1]
        self.split = order(seed, "split", 0, len(images))
        self.pixels = order(seed, "steps", 0, self.steps) if permuted else np.arange(self.steps)
        held, rest = self.split[:held_out], self.split[held_out:]
        self._data = {
            "train": (images[rest][:, self.pixels], labels[rest]),
            "validation": (images[held][:, self.pixels], labels[held]),
            "test": (test_images[:, self.pixels], test_labels),
        }
        self._grey = ((np.arange(256) / 256 - 0.5) * 2).astype(self.dtype)
        self._epoch: tuple[int, np.ndarray] | None = None

    def describe(self) -> dict[str, Any]:
        """Return sizes, the seed, and the split and pixel order as a hash and their first entries."""
        named = {"split": self.split, "pixel_order": self.pixels}
        return {
            "task": self.name, "steps": self.steps, "seed": self.seed, "batches_per_epoch": self.batches_per_epoch,
            "images": {split: len(labels) for split, (_, labels) in self._data.items()},
            **{key: {"sha256": fingerprint(a), "first": [int(i) for i in a[:8]]} for key, a in named.items()},
        }  # fmt: skip

    def epoch_length(self, size: int) -> int:
        """Return `batches_per_epoch`, or the whole batches of `size` in the training images."""
        count = len(self._data["train"][1])
        _check.between("tasks.Mnist", "batch", size, 1, count + 1)
        length = self.batches_per_epoch or count // size
        if length * size > count:
            _check.fail("tasks.Mnist", f"batches_per_epoch is {length}", f"at most {count // size}",
                        f"for batches of {size} out of {count} images")  # fmt: skip
        return length

    def batch(self, iteration: int, size: int) -> Batch:
        """Return x (784, B, 1) and labels (B,); each epoch has an order of its own."""
        epoch, position = divmod(iteration, self.epoch_length(size))
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = (epoch, order(self.seed, "epoch", epoch, len(self._data["train"][1])))
        return self._gather("train", self._epoch[1][position * size : (position + 1) * size])

    def evaluation(self, split: str, size: int, iteration: int = 0) -> Iterator[Batch]:
        """Yield a split in batches of at most `size`; "train": random training images, for ever."""
        _check.choice("tasks.Mnist.evaluation", "split", split, ("train", *self.splits))
        count = len(self._data[split][1])
        while split == "train":
            iteration += 1 << 32  # far from the epochs' numbers
            yield self._gather(split, order(self.seed, "train", iteration, count)[:size])
        for start in range(0, count, size):
            yield self._gather(split, np.arange(start, min(start + size, count)))

    def _gather(self, split: str, index: np.ndarray) -> Batch:
        images, labels = self._data[split]
        x = np.take(self._grey, images[index].T)  # (T, B): 256 grey values, looked up
        return Batch(np.ascontiguousarray(x)[:, :, None], labels[index])


def _load(images_path: Path, labels_path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return images (N, pixels) and labels (N,), and check them against each other."""
    images, labels = idx.read(images_path, 3), idx.read(labels_path, 1)
    if len(images) != len(labels):
        _check.fail(
            "tasks.Mnist",
            f"{labels_path} holds {len(labels)} labels",
            f"{len(images)}",
            f"to match {images_path}",
        )
    if images.size == 0:
        _check.fail("tasks.Mnist", f"{images_path} has shape {images.shape}", "at least one image")
    if labels.max() > 9:
        at = int(np.argmax(labels > 9))
        _check.fail("tasks.Mnist", f"{labels_path} has label {labels[at]} at position {at}", "0 to 9")
    return images.reshape(len(images), -1), labels.astype(np.int64)


def _find(folder: Path) -> dict[str, Path]:
    """Return the four files in the user's folder, gzipped or not."""
    if not folder.is_dir():
        _check.fail(
            "tasks.Mnist",
            f"data is {str(folder)!r}",
            "a folder with the four idx files",
            error=FileNotFoundError,
        )
    found = {}
    for name in FILES:
        here = [path for path in (folder / name, folder / name.removesuffix(".gz")) if path.is_file()]
        if not here:
            _check.fail(
                "tasks.Mnist",
                f"{folder} has no {name}",
                "the four idx files, gzipped or not",
                error=FileNotFoundError,
            )
        found[name.split("-idx")[0]] = here[0]
    return found


def _fetch() -> dict[str, Path]:
    """Download the four files once, compare their checksums, and return where they are."""
    import pooch

    cache = pooch.os_cache("indrnn_np") / "mnist"
    try:
        return {
            n.split("-idx")[0]: Path(pooch.retrieve(URL + n, sum_, fname=n, path=cache))
            for n, sum_ in FILES.items()
        }
    except (OSError, ValueError) as error:  # requests' errors are OSErrors; a wrong checksum is a ValueError
        reason = str(error).splitlines()[0]
        raise OSError(
            f"tasks.Mnist: the download from {URL} into {cache} failed ({reason}), expected the four idx files; "
            "get them by other means and give their folder as data (--data)"
        ) from error
