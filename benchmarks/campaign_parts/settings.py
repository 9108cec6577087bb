"""Command lines with random settings: declined, or confirmed by the reference backend in the same dtype."""

from __future__ import annotations

import json
import os
import shutil
import sys

import small_mnist
import small_skeletons
import small_texts

from indrnn_np.settings import settings, tables

from .damage import changed
from .files import SEQUENCES, TS
from .judge import Attempt, command, difference

SMALL = {
    "iterations": 2, "batch": 3, "hidden": 3, "layers": 1, "threads": 1, "validate_every": 1, "log_every": 1,
    "evaluation_batch": 500, "bn_batch": 3, "dtype": "float64", "optimizer": "sgd", "delay": 2, "embedding": 3,
}  # fmt: skip
OF_TASK = {
    "adding": {"steps": 5}, "chars": {"steps": 6}, "words": {"steps": 6}, "uea": {"held_out": 0.4},
    "skeleton": {"steps": 3, "samplings": 2, "held_out": 0.4}, "sequences": {"held_out": 0.3},
}  # fmt: skip
VALUES = {bool: (True, False), int: (0, 1, 2, 3, 7), float: (0, 0.25, 0.5, 1, 2.5, 1e-3),
          str: ("", "x", "last=0.2", "last=x,=,", "a\nb")}  # fmt: skip
# Settings that are slow, or depend on a clock, with other values.
SLOW = {
    "evaluation_batch": (-1, 0, 200, 1000), "minutes": (-1, 0, "nan", "inf", 100),
    "iterations": (-1, 0, 3, "nan", 1.5), "epochs": (-1, 0, 0.5, 1, "nan", "-inf"), "length": (0, 1, 7, -1, "x"),
}  # fmt: skip
OF_RUN = {
    "eval": {"which": ("last", "best"), "split": ("test", "validation"), "batch": (1, 2, 500), "bn-batch": (0, 1, 3)},
    "generate": {"which": ("last", "best"), "prompt": ("a", "ab", "", "\n", "xyz", "a" * 40), "seed": (0, 3),
                 "length": SLOW["length"], "temperature": (0, 0.5, 1, 5), "top-k": (0, 1, 3, 100)},
}  # fmt: skip
# Batch norm over a batch of two samples multiplies the rounding of float32 by up to a thousand.
TOLERANCE = {"float32": 1e-3, "float64": 1e-5}
SCORES = "mse softmax_cross_entropy accuracy iteration kind lr split gradient_norm bits".split()


class Part:
    """One command line an input."""

    size = sys.maxsize

    def __init__(self, folder):
        self.folder, self.run, self.data = folder, folder / "run", data_in(folder)
        words = ("--steps=6", "--iterations=2", "--batch=3", "--hidden=3", "--embedding=3", "--dtype=float64")
        command(
            "train", "chars", self.data["chars"], *words, "--quiet", "--backend=reference", "--out", self.run
        )

    def attempt(self, rng, number):
        """Draw a task and its settings, or options of `indrnn eval` or `generate`."""
        if rng.random() < 0.2:
            name = rng.choice([*OF_RUN])
            chosen = {option: rng.choice(v) for option, v in OF_RUN[name].items() if rng.random() < 0.4}
            words, answer = [name, self.run, *options(chosen, rng)], scores
        else:
            task = rng.choice(tables.TASKS)
            words = ["train", task, *self.data.get(task, "").splitlines(), *options(drawn(task, rng), rng)]
            answer = metrics
        tolerance = TOLERANCE["float32" if "--dtype=float32" in words else "float64"]
        run = lambda backend: answer([*words, "--backend", backend], self.folder / str(number))  # noqa: E731
        return Attempt(" ".join(map(str, words)), lambda: run("cpu"),
                       lambda result: difference(result, run("reference"), words[0], tolerance))  # fmt: skip


def metrics(words, out):
    """Train, and return the metrics of the run. A setting may name a file to write, relative to the folder."""
    before = os.getcwd()
    os.chdir(out.parent)
    try:
        command(*words, "--quiet", "--json", "--out", out)
        lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text("utf-8").splitlines()]
        return [{name: line[name] for name in SCORES if name in line} for line in lines]
    finally:
        os.chdir(before)
        shutil.rmtree(out, ignore_errors=True)


def scores(words, out):
    """Evaluate a run and return its scores, or generate a text."""
    if words[0] == "generate":
        return command(*words)
    values = json.loads(command(*words, "--json"))
    return {name: values[name] for name in ("iteration", "split", "bits", "accuracy")}


def drawn(task, rng):
    """Return settings of a small run, one to three of them drawn from the table."""
    known = {k: setting for k, setting in settings.of_task(task).items() if k not in ("data", "backend")}
    chosen = {name: value for name, value in (SMALL | OF_TASK.get(task, {})).items() if name in known}
    for setting in rng.choices([*known.values()], k=rng.randint(1, 3)):
        chosen[setting.name] = rng.choice(SLOW.get(setting.name) or setting.choices or VALUES[setting.kind])
    if "epochs" in chosen and rng.random() < 0.7:
        del chosen["iterations"]
    if chosen.get("network", "plain") != "plain":
        chosen.pop("layers", None)
    return chosen


def options(chosen, rng):
    """Return the words of a command line; every fourth one has a hostile value."""
    if rng.random() < 0.25 and chosen:
        _, hostile = changed(chosen, rng)
        chosen |= {name: value for name, value in hostile.items() if name not in SLOW}
    flags = {name.replace("_", "-"): value for name, value in chosen.items()}
    return [f"--{'' if value else 'no-'}{name}" if isinstance(value, bool) else f"--{name}={value}"
            for name, value in flags.items()]  # fmt: skip


def data_in(folder):
    """Write small data for each task that reads files, and return the option that names it."""
    small_mnist.write(folder / "mnist", train=40, test=12)
    names = {small_skeletons.name(performer=p, action=p): 4 for p in (1, 2, 3, 4, 5, 6)}
    small_skeletons.write(folder / "skeleton", names)
    (folder / "uea").mkdir()
    for name in ("TRAIN", "TEST"):
        (folder / "uea" / f"Small_{name}.ts").write_text(TS, encoding="utf-8")
    (folder / "words").write_text("one two three\nfour one\n" * 40, encoding="utf-8")
    (folder / "sequences.npz").write_bytes(SEQUENCES)
    places = {"chars": small_texts.write(folder / "chars", length=400), "sequences": folder / "sequences.npz"}
    return {task: f"--data={places.get(task, folder / task)}" for task in (*tables.HELD_OUT, *tables.SYMBOLS)}
