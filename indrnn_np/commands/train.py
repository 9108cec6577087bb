"""`indrnn train TASK`: train a network of the paper on a task, into a folder."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from .. import settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the settings, and where they and the results lie."""
    parser.add_argument(
        "task", choices=settings.TASKS, metavar="TASK", help="one of: " + ", ".join(settings.TASKS)
    )
    parser.add_argument("--out", metavar="DIR", help="folder of the results (default: a new one in runs/)")
    parser.add_argument(
        "--resume", metavar="DIR_OR_FILE", help="go on with a run, from its last or a named checkpoint"
    )
    parser.add_argument("--config", metavar="FILE", help="settings as TOML; the command line goes before it")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    for setting in settings.SETTINGS:
        options: dict[str, Any] = {"default": argparse.SUPPRESS, "help": _help(setting)}
        if setting.kind is bool:
            options["action"] = argparse.BooleanOptionalAction
        else:
            options |= {"type": setting.kind, "metavar": setting.kind.__name__.upper()}
        if setting.choices:
            options |= {"choices": setting.choices, "metavar": None}
        parser.add_argument(setting.option, **options)


def _help(setting: settings.Setting) -> str:
    defaults = {task: setting.default_for(task) for task in setting.tasks}
    if len(set(defaults.values())) == 1:
        shown = str(next(iter(defaults.values())))
    else:
        others = [f"{task} {value}" for task, value in defaults.items() if value != setting.default]
        shown = f"{setting.default}; " + ", ".join(others)
    only = "" if setting.tasks == settings.TASKS else f"{' '.join(setting.tasks)} only; "
    return f"{setting.help} ({only}default: {shown})".replace("%", "%%")


def run(args: argparse.Namespace) -> int:
    """Train, print the summary, and return 0, or 130 after Ctrl-C."""
    from .. import build
    from .._threads import set_threads
    from ..training.progress import Reporter
    from ..training.run_directory import RunDirectory

    before = None if args.resume is None else _settings_of(args.resume)
    used = _used(args, before or {})
    said = [] if before is None else settings.changes(before, used)
    if used["threads"]:
        set_threads(used["threads"])
    directory = RunDirectory(_out(args))
    reporter = Reporter(not args.quiet, directory.log)
    notes = [f"changed from the run: {change}" for change in said]
    summary = build.fit(used, directory, args.resume, reporter, notes).summary
    _draw(directory, reporter)
    sys.stdout.write(json.dumps(summary, indent=2) + "\n" if args.json else words(summary, directory.path))
    return 130 if summary["ended"] == "interrupted" else 0


def _used(args: argparse.Namespace, before: dict[str, Any]) -> dict[str, Any]:
    """Return the settings used: defaults < the resumed run < config file < command line."""
    given = {name: vars(args)[name] for name in settings.BY_NAME if name in vars(args)}
    given = settings.check(given, args.task, "indrnn train")
    stored = settings.check(settings.read(args.config), args.task, str(args.config)) if args.config else {}
    used = settings.merge(args.task, before, stored, given)
    settings.check_use(used, given, "indrnn train")
    return used


def _out(args: argparse.Namespace) -> Path:
    """Return the folder of the results: as told, the resumed run's, or a new one."""
    from ..training import run_directory

    if args.out is not None:
        return Path(args.out)
    return _fresh(args.task) if args.resume is None else run_directory.run_of(args.resume)


def _settings_of(resume: str) -> dict[str, Any]:
    """Return the settings of the run to go on with, out of its checkpoint."""
    from ..training import run_directory

    contents = run_directory.read_checkpoint(resume)
    found = contents.header["meta"].get("settings")
    if not found:
        raise ValueError(
            f"resume: {contents.path} holds no settings, expected a checkpoint of `indrnn train`"
        )
    return found


def _fresh(task: str) -> Path:
    """Return a folder in runs/ that is not there yet."""
    number, path = 1, Path("runs") / task
    while path.exists():
        number += 1
        path = Path("runs") / f"{task}-{number}"
    return path


def _draw(directory: Any, reporter: Any) -> None:
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        reporter.log("no curve.png: matplotlib is not installed (pip install 'indrnn-np[plot]')")
        return
    from .. import plots

    plots.learning_curve(directory.path, directory.curve)


def words(summary: dict[str, Any], out: Path) -> str:
    """Return a summary as a few lines."""
    metric, lines = summary["metric"], []
    head = {
        "iterations": "finished",
        "interrupted": "interrupted",
        "schedule": "finished: the learning rate has run out",
        "minutes": "finished: the minutes are over",
    }
    lines.append(
        f"{head[summary['ended']]} after {summary['iterations']} iterations, {summary['seconds']:.1f} s"
    )
    for split, means in summary["final"].items():
        lines.append(f"{split}: " + ", ".join(f"{name} {value:.5g}" for name, value in means.items()))
    if summary["best"] is not None:
        lines.append(
            f"best validation {metric}: {summary['best']['value']:.5g} at iteration {summary['best']['iteration']}"
        )
    if summary["baseline"] is not None:
        lines.append(f"a blind guess: {metric} {summary['baseline']:.3g}")
    return "\n".join([*lines, f"results: {out}"]) + "\n"
