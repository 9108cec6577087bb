"""A folder of small idx files for tests."""

import gzip
import struct

import numpy as np

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx(array):
    """Return an array of bytes as an idx file's content."""
    head = struct.pack(">I", 0x800 + array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(np.uint8).tobytes()


def contents(train=40, test=12, side=3, seed=0):
    """Return the four arrays by file name: images that tell their label, and noise."""
    rng = np.random.default_rng(seed)
    files = {}
    for kind, count in (("train", train), ("t10k", test)):
        labels = np.arange(count) % 10
        images = rng.integers(0, 60, (count, side, side)) + 18 * labels[:, None, None]
        files[f"{kind}-images-idx3-ubyte"], files[f"{kind}-labels-idx1-ubyte"] = images, labels
    return files


def write(folder, zipped=True, **sizes):
    """Write the four files and return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in contents(**sizes).items():
        data = idx(array)
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(data))
        else:
            (folder / name).write_bytes(data)
    return folder
