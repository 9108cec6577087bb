"""Every input that was a finding once, from corpus.toml. All are tried, in every form of the campaign."""

# ruff: noqa: F401  the entries use these names

from __future__ import annotations

import copy
import gzip
import json
import os
import pickle
import struct
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import small_mnist
import small_skeletons
import small_texts

import indrnn_np as ir
from indrnn_np import reproduce, tasks
from indrnn_np._cpu import jit
from indrnn_np.backend import get
from indrnn_np.commands import generate
from indrnn_np.parameters import Views
from indrnn_np.settings import settings
from indrnn_np.tasks import idx, skeleton_file, ts
from indrnn_np.training import records
from indrnn_np.training.run_directory import find_checkpoint

from . import files, readers
from .damage import npy, packed, unaligned, unpacked
from .judge import Attempt, command, difference
from .networks import passes, train

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TINY = ("--backend=reference", "--steps=4", "--hidden=3", "--layers=1", "--batch=2", "--validate-every=0", "--quiet",
        "--threads=1")  # fmt: skip
RANDOM = np.random.default_rng(0).standard_normal((40, 120, 3)).astype("float32")
X, SIDE = RANDOM[:5, :6, :2].copy(), RANDOM[:5, :3, :2].copy()
Y, SYMBOLS = np.arange(6) % 3, np.array([1, 5, 6])


class Part:
    """One entry an input."""

    def __init__(self, folder):
        self.folder = folder
        entries = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
        self.entries, self.size = [*entries.items()], len(entries)

    def attempt(self, rng, number):
        """Run the setup of an entry, and return its call."""
        name, entry = self.entries[number]
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        names = globals() | {"folder": folder}
        exec(entry.get("setup", ""), names)
        right = eval(entry["right"], names) if "right" in entry else None

        def wrong(result):
            return difference(result, right) if "right" in entry else f"accepted: {result!r:.120}"

        return Attempt(name, lambda: eval(entry["call"], names), wrong)


def small(seed=1):
    """Return a small network."""
    return ir.Sequential([ir.IndRNN(2, 4, input_init=0.5), ir.LastStep(), ir.Linear(4, 3)], 5, seed=seed)


def language():
    """Return a small network of symbols."""
    return ir.Sequential([ir.Embedding(7, 3), ir.Linear(3, 7)])


def fit(x, y, optimizer=None, net=None, **options):
    """Train a network for one iteration."""
    return ir.fit(net or small(), (x, y), optimizer or ir.Adam(), iterations=1, progress=False, **options)


def update(net, optimizer, value=1.0):
    """Update a network with constant gradients."""
    optimizer.update(net, Views(net.params.shapes, np.full_like(net.flat, value)))


def written(path, data):
    """Write a file and return its path."""
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def run_in(folder, *words):
    """Train two iterations of the adding problem, and return the folder of the run."""
    command("train", "adding", *TINY, "--iterations=2", *words, "--out", folder / "run")
    return folder / "run"


def mse(run):
    """Return the score of a run."""
    return json.loads(command("eval", run, "--json"))["mse"]


def checkpoint(folder, change=None, change_W=None):
    """Write a checkpoint whose description or first matrix was edited, and return its path."""
    files.make_checkpoint(folder)
    members = dict(unpacked((folder / "a.npz").read_bytes()))
    arrays = readers.npz((folder / "a.npz").read_bytes())
    if change:
        header = json.loads(arrays["meta"].tobytes())
        change(header)
        members["meta.npy"] = npy(np.frombuffer(json.dumps(header).encode(), np.uint8))
    else:
        members["params/0.W.npy"] = npy(change_W(arrays["params/0.W"]))
    return written(folder / "a.npz", packed(members.items()))


def table(folder, change):
    """Return the table of a run whose summary was edited."""
    path = folder / files.KINDS["summary"].place
    command(*files.TRAIN, path.parent)
    summary = json.loads(path.read_bytes())
    change(summary)
    written(path, json.dumps(summary))
    return reproduce.table.markdown(reproduce.collect([files.ROW], folder))


def doubled(x):
    """A function to compile."""
    return x + x


def compiled(folder, change=lambda path: None):
    """Compile a function, after a change of the files in the cache."""
    for path in folder.glob("kernels/*"):
        change(path)
    with mock.patch.object(jit, "cache_directory", lambda: str(folder / "kernels")):
        return jit.njit(doubled)(3)
