"""Sequential MNIST: classify an image that is read one pixel per time step.

    x_t = (pixel_t / 256 - 0.5) * 2,  T = 784        target: the digit, at the last time step

Pixels are read in reading order or in a fixed random order ("permuted"). 3000 of the 60000 training
images are held out for validation. The seed determines the split, the pixel order and the order of
the images in each epoch. Other data sets in the same format (Fashion-MNIST, EMNIST) may have images
of any size and any number of classes (image_files.py). Sources: Li et al. 2018, section 5.2;
permuted: Le et al. 2015.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .. import _check
from .._types import Array, Json
from . import Batch, blind_guess, class_counts, image_files
from ._random import Shuffled, fingerprint, order
from .standardise import Scaling

HELD_OUT, SHARE = 3000, 0.05  # images; share held out of 3000 images or fewer
URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
FILES = {
    "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
}


class Mnist:
    """Images as sequences of pixels.

    Parameters
    ----------
    data : path, optional
        Folder with the four idx files (image_files.py). None: download MNIST once into the user's
        cache folder.
    permuted : bool
        Whether pixels are read in a fixed random order.
    seed : int
        Seed of the split, the pixel order and the order of the images in each epoch.
    dtype : str
        "float32" or "float64".
    held_out : int or float, optional
        Training images held out for validation: their number, or their share below 1. None: 3000,
        or a share of 0.05 of at most 3000 images.
    batches_per_epoch : int, optional
        None or 0: all training images (1781 batches of 32 from 57000). The authors' log counts
        1700 batches of 32 as an epoch.
    name : str, optional
        Data set to read if the folder holds several.
    standardise : bool
        Scale grey values to mean 0 and deviation 1 over the training images (standardise.py).
    """

    loss, output, metric = "softmax_cross_entropy", "last", "accuracy"
    input_size = 1

    def __init__(
        self, data: str | Path | None = None, permuted: bool = False, seed: int = 0, dtype: str = "float32",
        held_out: float | None = None, batches_per_epoch: int | None = None, name: str | None = None,
        standardise: bool = False,
    ):  # fmt: skip
        for name_of, value in (("permuted", permuted), ("standardise", standardise)):
            _check.boolean("tasks.Mnist", name_of, value)
        self.name = "mnist-permuted" if permuted else "mnist"
        self.seed, self.permuted, self.batches_per_epoch = seed, permuted, batches_per_epoch or None
        self.dtype = _check.dtype("tasks.Mnist", dtype)
        loaded = fetch() if data is None else image_files.find(data, name)
        (images, labels), (test_images, test_labels) = loaded.train, loaded.test
        self.labels, self.source = loaded.labels, loaded.name
        self.steps, self.output_size = images[0].size, loaded.labels[1] - loaded.labels[0] + 1
        count = _held_out(held_out, len(images))
        self.split = order(seed, "split", 0, len(images))
        self.pixels = order(seed, "steps", 0, self.steps) if permuted else np.arange(self.steps)
        held, rest = self.split[:count], self.split[count:]
        flat, flat_test = (x.reshape(len(x), -1) for x in (images, test_images))
        self._data = {
            "train": (flat[rest][:, self.pixels], labels[rest]),
            "validation": (flat[held][:, self.pixels], labels[held]),
            "test": (flat_test[:, self.pixels], test_labels),
        }
        self.splits = tuple(split for split in ("validation", "test") if len(self._data[split][1]))
        self.baseline: float | None = blind_guess.accuracy(labels[rest])
        self.class_counts = class_counts.of_labels(labels[rest], self.output_size)
        grey = (np.arange(256)[:, None] / 256 - 0.5) * 2  # (256, 1)
        self._scaling = _scaling(grey, flat[rest]) if standardise else None
        self._grey = (grey if self._scaling is None else self._scaling.apply(grey))[:, 0].astype(self.dtype)
        self._shuffled = Shuffled(seed, np.arange(len(rest)))

    def describe(self) -> Json:
        """Return the sizes, the seed, and a hash and the first entries of split and pixel order."""
        named = {"split": self.split, "pixel_order": self.pixels}
        return {
            "task": self.name, "steps": self.steps, "seed": self.seed, "batches_per_epoch": self.batches_per_epoch,
            "data": self.source, "labels": list(self.labels),
            "images": {split: len(labels) for split, (_, labels) in self._data.items()},
            **(self._scaling.describe() if self._scaling else {}),
            **{key: {"sha256": fingerprint(a), "first": [int(i) for i in a[:8]]} for key, a in named.items()},
        }  # fmt: skip

    def epoch_length(self, size: int) -> int:
        """Return `batches_per_epoch`, or the number of full batches of `size` in the training images."""
        count = len(self._data["train"][1])
        _check.between("tasks.Mnist", "batch", size, 1, count + 1)
        length = self.batches_per_epoch or count // size
        if length * size > count:
            expected = f"at most {count // size} for batches of {size} out of {count} images"
            _check.fail("tasks.Mnist", f"batches_per_epoch is {length}", expected)
        return length

    def batch(self, iteration: int, size: int) -> Batch:
        """Return x (784, B, 1) and labels (B,); the images are shuffled in each epoch."""
        _check.at_least("tasks.Mnist", "iteration", iteration, 0)
        epoch, position = divmod(iteration, self.epoch_length(size))
        return self._gather("train", self._shuffled(epoch)[position * size : (position + 1) * size])

    def evaluation(self, split: str, size: int, iteration: int = 0) -> Iterator[Batch]:
        """Yield a split in batches of at most `size`; "train": an unlimited stream of random images."""
        _check.choice("tasks.Mnist.evaluation", "split", split, ("train", *self.splits))
        count = len(self._data[split][1])
        while split == "train":
            iteration += 1 << 32  # numbers that no epoch reaches
            yield self._gather(split, order(self.seed, "train", iteration, count)[:size])
        for start in range(0, count, size):
            yield self._gather(split, np.arange(start, min(start + size, count)))

    def _gather(self, split: str, index: Array) -> Batch:
        images, labels = self._data[split]
        x = np.take(self._grey, images[index].T)  # (T, B), from a table of 256 grey values
        return Batch(np.ascontiguousarray(x)[:, :, None], labels[index])


def _scaling(grey: Array, pixels: Array) -> Scaling:
    """Return mean and deviation of the grey values (256, 1) of uint8 pixels."""
    share = np.bincount(pixels.ravel(), minlength=256) / pixels.size
    mean = share @ grey
    return Scaling(mean, np.sqrt(share @ (grey - mean) ** 2) or np.ones(1))


def _held_out(share: float | None, count: int) -> int:
    """Return the number of images held out from `count`; `share` may be a number of images."""
    if share is None:
        share = HELD_OUT if count > HELD_OUT else SHARE
    _check.between("tasks.Mnist", "held_out", share, 0.0, count)
    if share > 1 and share != int(share):
        _check.fail("tasks.Mnist", f"held_out is {share}", "a number of images, or a share below 1")
    held = int(share) if share >= 1 or not share else max(1, round(count * share))
    _check.at_least("tasks.Mnist", "images left to train on", count - held, 1)
    return held


def fetch() -> image_files.Images:
    """Return MNIST, downloaded once and verified by checksums."""
    try:
        import pooch
    except ModuleNotFoundError:
        expected = "pip install pooch, or the folder of the four idx files as data (--data)"
        _check.fail("tasks.Mnist", "pooch is not installed", expected, error=ModuleNotFoundError)
    cache = pooch.os_cache("indrnn_np") / "mnist"
    try:
        paths = [Path(pooch.retrieve(URL + n, sum_, fname=n, path=cache)) for n, sum_ in FILES.items()]
    except (OSError, ValueError) as error:  # requests raises OSError; a wrong checksum is a ValueError
        problem = f"the download from {URL} into {cache} failed ({str(error).splitlines()[0]})"
        cure = "download them by other means and pass their folder as data (--data)"
        raise OSError(f"tasks.Mnist: {problem}, expected the four idx files; {cure}") from error
    return image_files.read("mnist", paths)
