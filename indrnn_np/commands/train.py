"""`indrnn train TASK`: train a network on a task, and write the results to a folder."""

from __future__ import annotations

import argparse
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from .. import _renamed
from ..settings import settings
from . import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    task = f"one of: {', '.join(settings.TASKS)}; optional with --resume or --config"
    parser.add_argument("task", nargs="?", choices=settings.TASKS, metavar="TASK", help=task)
    parser.add_argument("--out", metavar="DIR", help="folder of the results (default: a new folder in runs/)")
    resume = "run to continue from its last checkpoint, or a checkpoint"
    parser.add_argument("--resume", metavar="DIR_OR_FILE", help=resume)
    config = "settings from a TOML file; command-line options take precedence"
    parser.add_argument("--config", metavar="FILE", help=config)
    options.add(parser, "--json", "--quiet")
    for setting in settings.SETTINGS:
        arguments: dict[str, Any] = {"default": argparse.SUPPRESS, "help": _help(setting)}
        if setting.kind is bool:
            arguments["action"] = argparse.BooleanOptionalAction
        else:
            arguments |= {"type": setting.kind, "metavar": setting.kind.__name__.upper()}
        if setting.choices:
            arguments |= {"choices": setting.choices, "metavar": None}
        parser.add_argument(setting.option, **arguments)
        for old in [old for old, new in _renamed.SETTINGS.items() if new == setting.name]:
            option = "--" + old.replace("_", "-")
            parser.add_argument(option, **arguments | {"dest": old, "help": argparse.SUPPRESS})


def _help(setting: settings.Setting) -> str:
    defaults = {task: setting.default_for(task) for task in setting.tasks}
    shown = str(next(iter(defaults.values())))
    if len(set(defaults.values())) > 1:
        others = [f"{task} {value}" for task, value in defaults.items() if value != setting.default]
        shown = f"{setting.default}; " + ", ".join(others)
    only = "" if setting.tasks == settings.TASKS else f"{' '.join(setting.tasks)} only; "
    return f"{setting.help} ({only}default: {shown})".replace("%", "%%")


def run(args: argparse.Namespace) -> int:
    """Train the network, print the summary, and return 0, or 130 after Ctrl-C."""
    from .._cpu.threads import set_threads
    from ..settings import build
    from ..training.progress import Reporter

    before = None if args.resume is None else _settings_of(args.resume)
    used = _used(args, before or {})
    changes = [] if before is None else settings.changes(before, used)
    if used["threads"]:
        set_threads(used["threads"])
    notes = [f"changed from the run: {change}" for change in changes]
    with _directory(args) as directory:
        reporter = Reporter(not args.quiet, directory.log)
        summary = build.fit(used, directory, args.resume, reporter, notes).summary
        _draw(directory, reporter)
    if args.json:
        options.print_json(summary)
    else:
        sys.stdout.write(words(summary, directory.path))
    return 130 if summary["ended"] == "interrupted" else 0


def _used(args: argparse.Namespace, before: dict[str, Any]) -> dict[str, Any]:
    """Return the settings used: defaults < the resumed run < config file < command line."""
    names = {*settings.BY_NAME, *_renamed.SETTINGS}
    command = {name: value for name, value in vars(args).items() if name in names}
    stored = {} if args.config is None else settings.read(args.config)
    args.task = args.task or before.get("task") or stored.get("task")
    if args.task not in settings.TASKS:
        tasks = ", ".join(settings.TASKS)
        raise ValueError(f"indrnn train: TASK is {args.task!r}, expected one of {tasks}, or --resume RUN")
    command = settings.check(command, args.task, "indrnn train")
    stored = settings.check(stored, args.task, str(args.config))
    used = settings.merge(args.task, before, stored, command)
    settings.check_use(used, command, "indrnn train")
    return used


def _directory(args: argparse.Namespace) -> AbstractContextManager[Any]:
    """Return a context that locks the folder of the results: --out, the resumed run, or a new folder in runs/."""
    from ..training import run_directory

    if args.out is None and args.resume is None:
        return run_directory.numbered(Path("runs") / args.task)
    out = run_directory.run_of(args.resume) if args.out is None else args.out
    return run_directory.RunDirectory(out).writing(args.resume)


def _settings_of(resume: str) -> dict[str, Any]:
    """Return the settings of the run to resume, from its checkpoint."""
    from ..training import run_directory

    contents = run_directory.read_checkpoint(resume)
    return settings.of_run("resume", contents.path, contents.header["meta"].get("settings"))


def _draw(directory: Any, reporter: Any) -> None:
    """Draw the learning curve; without matplotlib log that the figure is missing."""
    from .. import plots

    if message := options.no_plot("curve.png"):
        reporter.log(message)
    else:
        plots.learning_curve(directory.path, directory.curve)


def words(summary: dict[str, Any], out: Path) -> str:
    """Return a summary as a few lines of text."""
    from ..training import metrics

    metric, best = summary["metric"], summary["best"]
    end = {
        "iterations": "finished",
        "interrupted": "interrupted",
        "schedule": "finished: the learning rate is below its minimum",
        "minutes": "finished: the time limit is reached",
    }[summary["ended"]]
    lines = [f"{end} after {summary['iterations']} iterations, {summary['seconds']:.1f} s"]
    lines += [f"{split}: {metrics.text(means)}" for split, means in summary["final"].items()]
    if best is not None:
        lines.append(f"best validation {metric}: {best['value']:.5g} at iteration {best['iteration']}")
    if summary["baseline"] is not None:
        lines.append(f"a blind guess: {metric} {summary['baseline']:.3g}")
    return "\n".join([*lines, f"results: {out}"]) + "\n"
