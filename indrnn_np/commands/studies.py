"""What the instruments of `indrnn study` share: which networks they look at, and where their findings go."""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import settings

STEPS = 500  # of the adding problem, unless told otherwise
# What trains the adding problem in few updates (docs/results.md).
RECIPE = ("lr=0.002", "lr_u=0.05", "schedule=one-cycle", "clip_norm=1")


def add_subjects(parser: argparse.ArgumentParser, cells: Sequence[str] = ("indrnn", "rnn-tanh")) -> None:
    """Declare the networks to look at: runs, or fresh ones of a task."""
    parser.add_argument(
        "runs", nargs="*", metavar="RUN_DIR", help="trained networks: runs' folders or checkpoints"
    )
    parser.add_argument(
        "--which", choices=("last", "best"), default="last", help="checkpoint of a run (default: last)"
    )
    parser.add_argument(
        "--task", choices=settings.TASKS,
        help=f"without RUN_DIR: fresh networks for this task (default: {settings.ADDING})",
    )  # fmt: skip
    parser.add_argument(
        "--cells", nargs="+", metavar="CELL", choices=settings.BY_NAME["cell"].choices,
        help="one network for each (default: " + " ".join(cells) + ")",
    )  # fmt: skip
    parser.add_argument(
        "--steps", type=int, metavar="INT", help=f"length T of a sequence (default: adding {STEPS})"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="any other setting of `indrnn train`, such as hidden=64; once for each",
    )  # fmt: skip
    parser.add_argument("--data", metavar="PATH", help="the task's data (docs/tasks.md)")
    parser.add_argument(
        "--batch", type=int, metavar="INT", help="sequences to measure on (default: the run's)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of fresh networks and their data (default: 0)")
    parser.add_argument(
        "--backend", metavar="NAME", help="cpu, cuda or reference (default: the run's, or cpu)"
    )
    parser.set_defaults(default_cells=list(cells))


def add_film(parser: argparse.ArgumentParser, what: str = "") -> None:
    """Declare measurements along training; `what` says what else they bring."""
    parser.add_argument(
        "--train", type=int, default=0, metavar="INT",
        help=f"train so many iterations and measure on the way{what} (default: 0, only measure)",
    )  # fmt: skip
    parser.add_argument("--frames", type=int, default=9, help="measurements along training (default: 9)")


def add_output(parser: argparse.ArgumentParser, name: str) -> None:
    """Declare where results go."""
    parser.add_argument("--threads", type=int, default=0, help="threads; 0: one a core (default: 0)")
    parser.add_argument(
        "--out",
        metavar="DIR",
        default=f"studies/{name}",
        help=f"folder of the results (default: studies/{name})",
    )
    parser.add_argument(
        "--theme", choices=("light", "dark"), default="light", help="of the picture (default: light)"
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")


def subjects(args: argparse.Namespace) -> list[Any]:
    """The networks that were asked for."""
    from .. import study

    if args.runs:
        of_fresh = {"steps": args.steps, "task": args.task, "cells": args.cells}
        told = [*args.set, *(f"{name}={value}" for name, value in of_fresh.items() if value is not None)]
        if told:
            raise ValueError(
                f"study: {told[0]} is given with RUN_DIR, expected no settings because a run has its own"
            )
        found = [study.from_run(run, args.which, args.backend, args.data) for run in args.runs]
        names = [Path(run).name for run in args.runs]
        return (
            found
            if len(found) == 1
            else [_renamed(one, name) for one, name in zip(found, names, strict=True)]
        )
    return [study.from_settings(task(args), **given(args, cell)) for cell in args.cells or args.default_cells]


def task(args: argparse.Namespace) -> str:
    """The task of fresh networks."""
    return args.task or settings.ADDING


def given(args: argparse.Namespace, cell: str) -> dict[str, Any]:
    """The settings of a fresh network of one cell, as told on the command line."""
    told: dict[str, Any] = {"cell": cell, "seed": args.seed, "threads": args.threads}
    if args.backend is not None:
        told["backend"] = args.backend
    if args.steps is not None or task(args) == settings.ADDING:
        told["steps"] = STEPS if args.steps is None else args.steps
    if args.data is not None:
        told["data"] = args.data
    return told | dict(_value(text) for text in args.set)


def _value(text: str) -> tuple[str, Any]:
    """NAME=VALUE with the value in the setting's type."""
    name, equals, value = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals or name not in settings.BY_NAME:
        known = ", ".join(settings.BY_NAME)
        raise ValueError(
            f"study: --set {text!r}, expected NAME=VALUE with a setting of `indrnn train` ({known})"
        )
    kind = settings.BY_NAME[name].kind
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    try:
        return name, words[value.lower()] if kind is bool else kind(value)
    except (KeyError, ValueError):
        raise ValueError(f"study: --set {text!r}, expected a value of type {kind.__name__}") from None


def train_quickly(args: argparse.Namespace) -> None:
    """Let fresh networks of the adding problem train as `RECIPE` says, where nothing else was told."""
    if not args.runs and task(args) == settings.ADDING:
        args.set = [*RECIPE, *args.set]


def train(args: argparse.Namespace, subject: Any) -> None:
    """Train the subject's network with its own settings for `args.train` updates."""
    from ..train import fit

    fit(subject.net, subject.task, iterations=args.train, **_training(args, subject))


def _training(args: argparse.Namespace, subject: Any) -> dict[str, Any]:
    """What `fit` takes of a subject's settings."""
    from .. import build
    from ..training.progress import Reporter

    used, end = subject.settings, subject.net.iteration + args.train
    return {name: used[name] for name in ("batch", "clip_norm", "clip_value", "memory")} | {
        "optimizer": build.optimizer(used), "schedule": build.schedule(used, end, subject.task.metric),
        "validate_every": 0, "reporter": Reporter(not args.quiet),
    }  # fmt: skip


def along_training(args: argparse.Namespace, subject: Any, measure: Any) -> Any:
    """Train the subject's network with its own settings for `args.train` updates; `measure(net, subject)` on the way.

    Returns the film of `args.frames` measurements.
    """
    from .. import study

    options = _training(args, subject)
    return study.film(
        subject.net, subject.task, options.pop("optimizer"), args.train, lambda net: measure(net, subject), args.frames,
        subject.title, **options,
    )  # fmt: skip


def _renamed(subject: Any, name: str) -> Any:
    from dataclasses import replace

    return replace(subject, title=f"{name} ({subject.title})")


def write(findings: Sequence[Any], args: argparse.Namespace, name: str) -> list[str]:
    """Write arrays, tables, words and, with matplotlib, the picture into the folder; returns what to tell."""
    from importlib.util import find_spec

    from .. import __version__, _about, _files

    out = Path(args.out)
    told = []
    for finding in findings:
        base = "-".join(part for part in (name, _plain(finding.title)) if part)
        told += [str(finding.save(out / f"{base}{suffix}")) for suffix in (".npz", ".csv")]
    about = {
        "study": name, "command": " ".join(["indrnn", *sys.argv[1:]]) if len(sys.argv) > 1 else f"indrnn study {name}",
        "findings": [{"title": one.title, "words": one.words()} for one in findings],
        "machine": _about.machine(), "versions": {"indrnn_np": __version__, **_about.versions()},
    }  # fmt: skip
    text = json.dumps(about, indent=2) + "\n"
    _files.replace("study", out / f"{name}.json", lambda file: file.write(text.encode()))
    told.append(str(out / f"{name}.json"))
    if find_spec("matplotlib") is None:
        return [*told, f"no {name}.png: matplotlib is not installed (pip install 'indrnn-np[plot]')"]
    findings[0].plot(*findings[1:], path=out / f"{name}.png", theme=args.theme)
    return [*told, str(out / f"{name}.png")]


def tell(findings: Sequence[Any], files: Sequence[str], as_json: bool) -> None:
    """Print the findings in words, or as JSON with their tables."""
    if as_json:
        columns = [{n: [_plain_number(v) for v in c] for n, c in one.table().items()} for one in findings]
        shown = [
            {"title": one.title, "kind": one.kind, "words": one.words(), "table": table}
            for one, table in zip(findings, columns, strict=True)
        ]
        sys.stdout.write(json.dumps(shown, indent=2) + "\n")
        return
    for one in findings:
        sys.stdout.write(f"{one.title}: {one.words()}\n" if one.title else f"{one.words()}\n")
    sys.stdout.write("written: " + ", ".join(files) + "\n")


def _plain(title: str) -> str:
    """A title as part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _plain_number(value: Any) -> Any:
    """A number as JSON has it: none for what is not finite."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
