"""`indrnn train TASK`: train a network on a task, and write the results to a folder."""

from __future__ import annotations

import argparse
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from .. import _renamed
from ..settings import settings
from . import launched, options


class Help(argparse._HelpAction):
    """The option --help: after a task it shows the options of this task."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, *rest: Any) -> None:
        """Print the help and exit."""
        from . import task_help

        if namespace.task is None:
            super().__call__(parser, namespace, *rest)
        sys.stdout.write(task_help.text(parser, namespace.task))
        parser.exit()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.usage = "indrnn train TASK [OPTION ...]"
    parser.epilog = "`indrnn train TASK --help` shows the options of a task, in groups and with an example."
    task = f"one of: {', '.join(settings.TASKS)}; optional with --resume or --config"
    parser.add_argument("task", nargs="?", choices=settings.TASKS, metavar="TASK", help=task)
    parser.add_argument("--out", metavar="DIR", help="folder of the results (default: a new folder in runs/)")
    resume = "run or checkpoint to continue from"
    parser.add_argument("--resume", metavar="DIR_OR_FILE", help=resume)
    config = "TOML file of settings; options take precedence"
    parser.add_argument("--config", metavar="FILE", help=config)
    events = "event files for TensorBoard, in the folder"
    parser.add_argument("--tensorboard", action="store_true", help=events)
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
    from ..training.ranks import ranks_of

    comm = launched.communicator()
    ranks = ranks_of(comm)
    with ranks.ending_together():
        before, done = ({}, 0) if args.resume is None else _state_of(args.resume)
        used = _used(args, before)
        changes = settings.changes(before, used) if before else []
        if used["threads"]:
            set_threads(used["threads"])
        notes = [f"changed from the run: {change}" for change in changes]
        ended = (_follow if ranks.rank else _lead)(args, used, notes, done, comm)
    return 130 if ended == "interrupted" else 0


def _lead(args: argparse.Namespace, used: dict[str, Any], notes: list[str], done: int, comm: Any) -> str:
    """Train as rank 0, which writes the files and prints the summary; return why the run ended."""
    from ..plots import live
    from ..settings import build
    from ..training.progress import Reporter

    with _directory(args) as directory, _events(args, directory, done) as events:
        reporter, curve = Reporter(not args.quiet, directory.log), live.curve(directory.curve, notes)
        observers = [observer for observer in (curve, events) if observer is not None]
        result = build.fit(used, directory, args.resume, reporter, notes, observers, comm)
        if curve is not None:
            curve.draw(result.history, result.summary, reporter.log)
    if args.json:
        options.print_json(result.summary)
    else:
        sys.stdout.write(words(result.summary, directory.path))
    if result.summary["ended"] == "interrupted":
        _show_continuation(args, directory.path)
    return result.summary["ended"]


def _follow(args: argparse.Namespace, used: dict[str, Any], notes: list[str], done: int, comm: Any) -> str:
    """Train as another rank, which writes and prints nothing; return why the run ended."""
    from ..settings import build
    from ..training.progress import Reporter

    return build.fit(used, None, args.resume, Reporter(show=False), comm=comm).summary["ended"]


def _used(args: argparse.Namespace, before: dict[str, Any]) -> dict[str, Any]:
    """Return the settings used: defaults (of mpiexec) < the resumed run < config file < command line."""
    from ..settings import build

    names = {*settings.BY_NAME, *_renamed.SETTINGS}
    command = {name: value for name, value in vars(args).items() if name in names}
    stored = {} if args.config is None else settings.read(args.config)
    args.task = args.task or before.get("task") or stored.get("task")
    if args.task not in settings.TASKS:
        tasks = ", ".join(settings.TASKS)
        raise ValueError(f"indrnn train: TASK is {args.task!r}, expected one of {tasks}, or --resume RUN")
    command = settings.check(command, args.task, "indrnn train")
    stored = settings.check(stored, args.task, str(args.config))
    layers = [launched.defaults(), before, stored, command]
    used, small = build.complete("indrnn train", args.task, *layers)
    sizes = ", ".join(f"{name} {value}" for name, value in small.items())
    options.note_simulation("train", [used["backend"]], f"small defaults: {sizes or 'none'}")
    return used


def _directory(args: argparse.Namespace) -> AbstractContextManager[Any]:
    """Return a context that locks the folder of the results: --out, the resumed run, or a new folder in runs/."""
    from ..training import run_directory

    if args.out is None and args.resume is None:
        return run_directory.numbered(Path("runs") / args.task)
    out = run_directory.run_of(args.resume) if args.out is None else args.out
    return run_directory.RunDirectory(out).writing(args.resume)


def _state_of(resume: str) -> tuple[dict[str, Any], int]:
    """Return the settings and the iteration of the checkpoint to resume."""
    from ..training import run_directory

    contents = run_directory.read_checkpoint(resume)
    used = settings.of_run("resume", contents.path, contents.header["meta"].get("settings"))
    return used, contents.header["iteration"]


def _events(args: argparse.Namespace, directory: Any, done: int) -> AbstractContextManager[Any]:
    """Return a context with the observer that writes event files, or with None without --tensorboard."""
    if not args.tensorboard:
        return nullcontext()
    from ..training.tensorboard import TensorBoard

    return TensorBoard(directory.path / "tensorboard", done)


def _show_continuation(args: argparse.Namespace, out: Path) -> None:
    """Print the command that continues the run as the last line, beside JSON to stderr."""
    flags = [f"--{name}" for name in ("tensorboard", "json", "quiet") if getattr(args, name)]
    sys.stdout.flush()
    command = options.command_line("train", "--resume", str(out), *flags)
    (sys.stderr if args.json else sys.stdout).write(f"to continue:\n{command}\n")


def words(summary: dict[str, Any], out: Path) -> str:
    """Return a summary as a few lines of text."""
    from ..training import advice, metrics
    from ..training.progress import duration

    metric, best = summary["metric"], summary["best"]
    end = {
        "iterations": "finished",
        "interrupted": "interrupted",
        "schedule": "finished: the learning rate is below its minimum",
        "minutes": "finished: the time limit is reached",
        "patience": "finished: no better validation, so the values are those of the best state",
    }[summary["ended"]]
    lines = [f"{end} after {summary['iterations']} iterations, {duration(summary['seconds'])}"]
    lines += [f"{split}: {metrics.text(means)}" for split, means in summary["final"].items()]
    if best is not None:
        lines.append(f"best validation {metric}: {best['value']:.5g} at iteration {best['iteration']}")
    if summary["baseline"] is not None:
        lines.append(f"a blind guess: {metric} {summary['baseline']:.3g}")
    if text := advice.of_run(summary):
        lines.append(text)
    return "\n".join([*lines, f"results: {out}"]) + "\n"
