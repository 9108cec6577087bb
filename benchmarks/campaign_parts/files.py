"""Damaged files of every kind that the package reads: refused, or read as a plain reader reads them."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import small_mnist
import small_skeletons
import small_texts

import indrnn_np as ir
from indrnn_np import reproduce, tasks
from indrnn_np._cpu.kernel_files import Entry
from indrnn_np.commands import generate
from indrnn_np.settings import settings
from indrnn_np.tasks import idx, ntu, recordings, skeleton_file, ts
from indrnn_np.training import records

from . import readers
from .damage import damaged, npy, packed
from .judge import Attempt, command, difference

RNG = np.random.default_rng(0)
ROW = reproduce.find(["adding-100/indrnn"])[0]
RUN = f"budget/{ROW.table}/{ROW.model}-seed0"
TRAIN = ("train", "adding", "--steps=4", "--iterations=6", "--hidden=3", "--layers=1", "--batch=2", "--log-every=2",
         "--validate-every=3", "--checkpoint-every=3", "--evaluation-batch=1000", "--backend=reference", "--quiet",
         "--out")  # fmt: skip
IMAGES = small_mnist.idx(RNG.integers(0, 256, (5, 3, 3)))
TS = """# a comment
@problemName Small
@timeStamps false
@univariate false
@dimensions 2
@equalLength false
@classLabel true up down
@data
0.5,1.5,-2:1,2,3:up
1e-3,4:5,6:down
7:8:up
"""
SEQUENCES = packed((f"{name}{end}.npy", npy(array)) for end, n in (("", 6), ("_validation", 3), ("_test", 2))
                   for name, array in (("x", RNG.random((4, n, 2), "float32")), ("y", np.arange(n) % 3),
                                       ("lengths", RNG.integers(1, 5, n))))  # fmt: skip
RECORDINGS = packed([("frames.npy", npy(RNG.random((7, 3), "float32"))), ("lengths.npy", npy([2, 1, 4])),
                     ("labels.npy", npy([0, 2, 1])), ("test.npy", npy([False, True, False]))])  # fmt: skip
SKELETON = small_skeletons.text([[("7", small_skeletons.body(f)), ("9", small_skeletons.body(50 + f))][: f + 1]
                                 for f in range(3)])  # fmt: skip


class Kind(NamedTuple):
    """A kind of file: its path in a folder, and how the package and a plain reader read it.

    make: the valid content, or a function that writes it, and what it needs, to a folder. inside: damage what is
    packed in it, with correct checksums.
    """

    place: str
    make: bytes | Callable[[Path], object]
    read: Callable[[Path], Any]
    plain: Callable[[bytes], Any]
    inside: bool = True


def run_in(place):
    """Return a function that trains a run in a folder of a folder."""
    return lambda folder: command(*TRAIN, folder / place)


def network():
    """Return a network with every kind of array."""
    stack = [ir.IndRNN(2, 3, learn_h0=True), ir.BatchNorm(3), ir.Dropout(0.1), ir.LastStep(), ir.Linear(3, 1)]
    net = ir.Sequential(stack, 4, "reference", seed=3)
    net.iteration = 7
    return net


def make_checkpoint(folder):
    """Write a network, and an optimizer with moments."""
    net, optimizer = network(), ir.Adam(1e-3, lr_of={"u": 0.5})
    optimizer.load_state_dict({"t": 7, **{name: RNG.random(net.size, "float32") for name in "mv"}})
    ir.save(folder / "a.npz", net, optimizer, {"own": np.arange(3.0)}, best={"value": 0.5, "iteration": 4})


def read_checkpoint(path):
    """Return what was loaded, in the form of a file."""
    net, optimizer, own, meta = (loaded := ir.load(path)).net, loaded.optimizer, loaded.arrays, loaded.meta
    arrays = {f"{'buffers' if k in net.buffers else 'params'}/{k}": a for k, a in net.state_dict().items()}
    state = optimizer.state_dict() if optimizer else {}
    arrays |= {f"optimizer/{k}": a for k, a in state.items() if k != "t"}
    arrays |= {f"arrays/{k}": a for k, a in own.items()}
    about = {"spec": optimizer.spec(), "state": {"t": state["t"]}} if optimizer else None
    header = (net.spec(), net.dtype.name, net.backend, net.seed, net.iteration, about, meta)
    return {"arrays": arrays, **dict(zip(readers.HEADER, header, strict=True))}


def read_sequences(path):
    task = tasks.get("sequences", data=path)
    batches = {split: next(iter(task.evaluation(split, 100))) for split in ("train", *task.splits)}
    return {split: readers.samples(batch.x, batch.target, batch.lengths) for split, batch in batches.items()}


def read_labels(path):
    """Return the labels of MNIST's test images."""
    (batch,) = tasks.get("mnist", data=path.parent, held_out=5).evaluation("test", 1000)
    return batch.target


def read_summary(path):
    """Return what the table of `indrnn reproduce` is made from."""
    entries = reproduce.collect([ROW], path.parents[3])
    reproduce.table.markdown(entries)
    return {name: entries[0]["runs"][0][name] for name in readers.SUMMARY}


def read_recordings(path):
    arrays = recordings.load(path, None, None, None, np.dtype("float32"))
    return {name: getattr(arrays, name).tolist() for name in ("frames", "lengths", "labels", "test")}


def kernel(folder):
    """Return the file of a compiled kernel in a folder."""
    return Entry(folder, "kernel", b"key")


def read_kernel(path):
    content = kernel(path.parent).read()
    if content is None:
        raise ValueError(f"kernel cache: {path} is damaged, expected the kernel to be compiled again")
    return content


def read_symbols(path, task):
    """Return the symbols of a text, back from their numbers."""
    corpus = tasks.get(task, data=path).corpus
    return [corpus.vocabulary[i] for split in ("train", "validation", "test") for i in corpus.ids[split]]


def read_skeleton(path):
    rows = skeleton_file.read(path)
    return [sorted(body for body in row.reshape(2, 75).tolist() if any(body)) for row in rows]


def read_series(path):
    series = ts.read(path)
    return [(x.T.tolist(), label) for x, label in zip(series.samples, series.labels, strict=True)]


def read_prompt(path):
    task = {"task": "chars", "vocabulary": sorted(set(small_texts.SYMBOLS))}
    prompt = path.read_bytes().decode("utf-8", "surrogateescape")
    return "".join(task["vocabulary"][i] for i in generate.numbers(prompt, task))


KINDS = {
    "checkpoint": Kind("a.npz", make_checkpoint, read_checkpoint, readers.checkpoint),
    "safetensors": Kind("a.safetensors", lambda folder: ir.export.to_safetensors(network(), folder / "a.safetensors",
                        {"classes": ["a", "b"]}), read_checkpoint, readers.unreadable),
    "config": Kind("config.toml", records.to_toml(settings.merge("adding", {"lr_u": 0.5})).encode(),
                   lambda path: settings.check(settings.read(path), "adding", str(path)), readers.config),
    "metrics": Kind("run/metrics.jsonl", run_in("run"), lambda path: records.until(path, 5), readers.metrics),
    "summary": Kind(f"{RUN}/summary.json", run_in(RUN), read_summary, readers.summary),
    "evaluated": Kind("run/checkpoints/iteration-00000006.npz", run_in("run"),
                      lambda path: json.loads(command("eval", path.parents[1], "--json"))["mse"],
                      readers.unreadable, inside=False),
    "idx": Kind("images", IMAGES, lambda path: idx.read(path, 3), readers.idx),
    "idx.gz": Kind("images.gz", gzip.compress(IMAGES, mtime=0), lambda path: idx.read(path, 3), readers.idx),
    "mnist": Kind("t10k-labels-idx1-ubyte", partial(small_mnist.write, zipped=False), read_labels,
                  lambda data: readers.idx(data, 1).astype(np.int64)),
    "sequences": Kind("data.npz", SEQUENCES, read_sequences, readers.sequences),
    "ts": Kind("A_TRAIN.ts", TS.encode(), read_series, readers.ts),
    "skeleton": Kind("S001C001P001R001A001.skeleton", SKELETON.encode(), read_skeleton, readers.skeleton),
    "recordings": Kind("recordings.npz", RECORDINGS, read_recordings, readers.recordings),
    "exclude": Kind("missing.txt", b"names\n\nS001C002P003R004A005\nS001C002P003R004A006.skeleton\n", ntu.excluded,
                    readers.names),
    "kernel": Kind(kernel(Path()).path.name, lambda folder: kernel(folder).write(bytes(range(256))), read_kernel,
                   readers.unreadable),
    "chars": Kind("text.txt", small_texts.text(120).encode(), partial(read_symbols, task="chars"),
                  lambda data: list(readers.text(data))),
    "words": Kind("text.txt", b"one two three\nfour one\n" * 12, partial(read_symbols, task="words"), readers.words),
    "prompt": Kind("prompt", b"abc de\nab", read_prompt, lambda data: data.decode().replace("\r\n", "\n")),
}  # fmt: skip


def compare(kind, result, data):
    """Compare a result with that of the plain reader."""
    try:
        right = kind.plain(data)
    except Exception as error:  # noqa: BLE001  the plain reader refuses what it cannot read
        return f"read as {result!r:.120}, but the plain reader raises {type(error).__name__}: {error}"
    if isinstance(right, list) and "<unk>" in result:  # a symbol outside of the vocabulary
        right = ["<unk>" if symbol == "<unk>" else word for symbol, word in zip(result, right, strict=True)]
    # A checkpoint without an option is read with its default.
    return difference(result, right, more=kind.plain is readers.checkpoint)


class Part:
    """One damaged file an input."""

    size = sys.maxsize

    def __init__(self, folder):
        self.folder, self.valid, self.right = folder, {}, {}
        for name, kind in KINDS.items():
            path = folder / name / kind.place
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(kind.make, bytes):
                path.write_bytes(kind.make)
            else:
                kind.make(folder / name)
            self.valid[name], self.right[name] = path.read_bytes(), kind.read(path)
            assert kind.plain is readers.unreadable or not compare(kind, self.right[name], self.valid[name])

    def attempt(self, rng, number):
        """Damage a file of one kind."""
        name = rng.choice([*KINDS])
        kind, valid, path = KINDS[name], self.valid[name], self.folder / name / KINDS[name].place
        what, data = damaged(valid, rng, kind.inside)

        def call():
            path.write_bytes(data)
            try:
                return kind.read(path)
            finally:
                path.write_bytes(valid)

        def wrong(result):
            return difference(result, self.right[name]) and compare(kind, result, data)

        return Attempt(f"{name}: {what}", call, wrong)
