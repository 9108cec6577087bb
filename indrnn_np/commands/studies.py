"""Shared code of the instruments of `indrnn study`: networks to measure, and output of findings."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..settings import assignments, settings, tables
from . import options

STEPS = 500  # default sequence length of the adding problem
# Settings that train the adding problem in few iterations (docs/results.md).
RECIPE = {"lr": 0.002, "lr_u": 0.05, "schedule": "one-cycle", "clip_norm": 1.0}
TRAIN = 1000  # iterations of this training
# Settings that a study's training takes from its subject, if a run has them.
TRAINING = (
    "batch", "clip_norm", "clip_value", "memory", "gradients", "rule", "update_every", "class_weights",
    "label_smoothing",
)  # fmt: skip


def add_subjects(parser: argparse.ArgumentParser, cells: Sequence[str] = ("indrnn", "rnn-tanh")) -> None:
    """Declare the networks to measure: trained runs, or new networks for a task."""
    folders = "trained networks: folders of runs, or checkpoints"
    parser.add_argument("runs", nargs="*", metavar="RUN_DIR", help=folders)
    task = f"task of new networks, without RUN_DIR (default: {tables.ADDING})"
    parser.add_argument("--task", choices=settings.TASKS, help=task)
    kinds = settings.BY_NAME["cell"].choices
    text = f"cells of new networks, one network for each (default: {' '.join(cells)})"
    parser.add_argument("--cells", nargs="+", metavar="CELL", choices=kinds, help=text)
    steps = f"length T of a sequence (default for adding: {STEPS})"
    parser.add_argument("--steps", type=int, metavar="INT", help=steps)
    other = "another setting of `indrnn train`, such as hidden=64; may be repeated"
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=other)
    batch = "sequences in a batch (default: those of the run)"
    parser.add_argument("--batch", type=int, metavar="INT", help=batch)
    options.add_number(parser, "--seed", 0, "seed of new networks and their data")
    options.add(parser, "--which", "--data", "--backend")
    parser.set_defaults(default_cells=list(cells), recipe={})


def add_film(parser: argparse.ArgumentParser, output: str = "", new: int = 0, runs: int = 0) -> None:
    """Declare measurements during training; `output` describes their additional output."""
    add_train(parser, f"iterations of training, with measurements during training{output}", new, runs)
    options.add_number(parser, "--frames", 9, "number of measurements during training")


def add_train(parser: argparse.ArgumentParser, text: str, new: int, runs: int = 0) -> None:
    """Declare --train, whose default is `new` for new networks and `runs` for runs."""
    default = f"{new}" if new == runs else f"{new} for new networks, {runs} for runs"
    parser.add_argument("--train", type=int, metavar="INT", help=f"{text} (default: {default})")
    parser.set_defaults(default_train=(new, runs))


def add_output(parser: argparse.ArgumentParser, name: str) -> None:
    """Declare the options for output."""
    folder = f"studies/{name}"
    parser.add_argument("--out", metavar="DIR", default=folder, help=f"results folder (default: {folder})")
    theme = "colours of the figure (default: light)"
    parser.add_argument("--theme", choices=("light", "dark"), default="light", help=theme)
    options.add(parser, "--threads", "--json", "--quiet")


def subjects(args: argparse.Namespace) -> list[Any]:
    """Return the chosen networks; `args.train` gets its default if it is not set."""
    from .. import study

    if getattr(args, "train", 0) is None:
        args.train = args.default_train[bool(args.runs)]
    if not args.runs:
        cells = args.cells or args.default_cells
        return [study.from_settings(task(args), **new_settings(args, cell)) for cell in cells]
    new = {"steps": args.steps, "task": args.task, "cells": args.cells}
    extra = [*args.set, *(f"{name}={value}" for name, value in new.items() if value is not None)]
    if extra:
        expected = "no settings because a run has its own"
        raise ValueError(f"study: {extra[0]} is set with RUN_DIR, expected {expected}")
    runs = [study.from_run(run, args.which, args.backend, args.data) for run in args.runs]
    if len(runs) == 1:
        return runs
    for i, folder in enumerate(args.runs):
        name = os.fsencode(Path(folder).name).decode(errors="backslashreplace")
        runs[i] = dataclasses.replace(runs[i], title=f"{name} ({runs[i].title})")
    return runs


def task(args: argparse.Namespace) -> str:
    """Return the task of new networks."""
    return args.task or tables.ADDING


def new_settings(args: argparse.Namespace, cell: str) -> dict[str, Any]:
    """Return the settings of a new network of one cell, from the command line."""
    steps = STEPS if args.steps is None and task(args) == tables.ADDING else args.steps
    optional = {"backend": args.backend, "steps": steps, "data": args.data}
    chosen = {name: value for name, value in optional.items() if value is not None}
    chosen |= {"cell": cell, "seed": args.seed, "threads": args.threads}
    chosen |= {name: value for name, value in args.recipe.items() if cell in tables.BY_NAME[name].cells}
    return chosen | dict(assignments.one("study", text) for text in args.set)


def train_quickly(args: argparse.Namespace) -> None:
    """Use the settings in `RECIPE` as defaults for new networks of the adding problem."""
    if not args.runs and task(args) == tables.ADDING:
        args.recipe = RECIPE


def trained(args: argparse.Namespace, check: Callable[[Any], None] = lambda net: None) -> Iterator[Any]:
    """Yield the chosen networks, each after its training for `args.train` iterations.

    `check` raises an error if an instrument does not apply to a network; it is called before any training.
    """
    train_quickly(args)
    chosen = subjects(args)
    for subject in chosen:
        check(subject.net)
    for subject in chosen:
        if args.train:
            train(args, subject)
        yield subject


def train(args: argparse.Namespace, subject: Any) -> None:
    """Train the network of a subject for `args.train` iterations with its own settings."""
    from ..training.fit import fit

    result = fit(subject.net, subject.task, iterations=args.train, **training(args, subject))
    if result.summary["ended"] == "interrupted":
        raise KeyboardInterrupt


def training(args: argparse.Namespace, subject: Any) -> dict[str, Any]:
    """Return the options of `fit` among the settings of a subject."""
    from ..settings import build

    used, end = subject.settings, subject.net.iteration + args.train
    return {name: used[name] for name in TRAINING if name in used} | {
        "optimizer": build.optimizer(used), "schedule": build.schedule(used, end, subject.task.metric),
        "validate_every": 0, "progress": not args.quiet,
    }  # fmt: skip


def along_training(
    args: argparse.Namespace, subject: Any, measure: Any, options: dict[str, Any] | None = None
) -> Any:
    """Train as `train` does, and return the film of `args.frames` findings of `measure(net, subject)`.

    `options` are those of `fit`, by default the settings of the subject. Without --train, return one
    finding of the network as it is.
    """
    from .. import study

    if not args.train:
        return measure(subject.net, subject)
    others = training(args, subject) if options is None else dict(options)
    return study.film(
        subject.net, subject.task, others.pop("optimizer"), args.train, lambda net: measure(net, subject),
        args.frames, subject.title, **others,
    )  # fmt: skip


def write(findings: Sequence[Any], args: argparse.Namespace, name: str) -> list[str]:
    """Write arrays, tables, sentences and, with matplotlib, the figure; return the lines to print."""
    from .. import __version__, _files
    from .._cpu import provenance
    from .._files import locks
    from ..plots import style

    out = _files.user_path("study", "out", args.out)
    about = {
        "study": name, "command": " ".join(["indrnn", *sys.argv[1:]]) if len(sys.argv) > 1 else f"indrnn study {name}",
        "findings": [{"title": finding.title, "words": finding.words()} for finding in findings],
        "machine": provenance.machine(), "versions": {"indrnn_np": __version__, **provenance.versions()},
    }  # fmt: skip
    files: list[str] = []
    with locks.only_writer("study", out, results=True):
        for finding in findings:
            base = "-".join(part for part in (name, _file_name(finding.title)) if part)
            files += [str(finding.save(out / f"{base}{suffix}")) for suffix in (".npz", ".csv")]
        _files.replace_text("study", out / f"{name}.json", json.dumps(about, indent=2) + "\n")
        plot = style.no_plot(f"{name}.png")
        if not plot:
            findings[0].plot(*findings[1:], path=out / f"{name}.png", theme=args.theme)
    return [*files, str(out / f"{name}.json"), plot or str(out / f"{name}.png")]


def write_and_print(findings: Sequence[Any], args: argparse.Namespace, name: str) -> int:
    """Write and print findings, and return the exit code 0."""
    print_findings(findings, write(findings, args, name), args.json)
    return 0


def print_findings(findings: Sequence[Any], files: Sequence[str], as_json: bool) -> None:
    """Print the findings as sentences, or as JSON with their tables."""
    if as_json:
        options.print_json([
            {
                "title": finding.title, "kind": finding.kind, "words": finding.words(),
                "table": {name: [_json_number(v) for v in column] for name, column in finding.table().items()},
            }
            for finding in findings
        ])  # fmt: skip
        return
    for finding in findings:
        sys.stdout.write(f"{finding.title}: {finding.words()}\n" if finding.title else f"{finding.words()}\n")
    sys.stdout.write("written: " + ", ".join(files) + "\n")


def _file_name(title: str) -> str:
    """Return a title as part of a file name."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _json_number(value: Any) -> Any:
    """Return a number for JSON, None if it is not finite."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
