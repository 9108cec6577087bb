"""Options and output that several commands share."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

OPTIONS: dict[str, dict[str, Any]] = {
    "run_dir": {"metavar": "RUN_DIR", "help": "folder of a run, or one of its checkpoints"},
    "--which": {"choices": ("last", "best"), "default": "last", "help": "checkpoint (default: last)"},
    "--data": {"metavar": "PATH", "help": "data of the task, if they have moved (docs/tasks.md)"},
    "--backend": {"metavar": "NAME", "help": "cpu, cuda or reference (default: that of the run, or cpu)"},
    "--threads": {"type": int, "default": 0, "help": "number of threads; 0: one per core (default: 0)"},
    "--json": {"action": "store_true", "help": "print the result as JSON"},
    "--quiet": {"action": "store_true", "help": "no progress on stderr"},
}


def add(parser: argparse.ArgumentParser, *names: str) -> None:
    """Declare options of the table `OPTIONS`."""
    for name in names:
        parser.add_argument(name, **OPTIONS[name])


def add_number(
    parser: argparse.ArgumentParser, name: str, default: float, text: str, metavar: str | None = None
) -> None:
    """Declare an option of the type of its default, which the help text shows."""
    text = f"{text} (default: {default:g})"
    parser.add_argument(name, type=type(default), default=default, metavar=metavar, help=text)


def print_json(result: Any) -> None:
    """Print a result as indented JSON."""
    sys.stdout.write(json.dumps(result, indent=2) + "\n")


def simulated(backends: Iterable[str]) -> list[str]:
    """Return the backends whose kernels run in numba's simulator."""
    from ..backend import get

    return [name for name in backends if get(name).device.simulated]


def note_simulation(command: str, backends: Iterable[str], consequence: str) -> None:
    """Print to stderr that a backend runs in numba's simulator, and the consequence; nothing if none does."""
    for name in simulated(backends):
        text = f"kernels of backend {name} run as plain Python in numba's simulator"
        sys.stderr.write(f"{command}: {text} (NUMBA_ENABLE_CUDASIM=1); {consequence}\n")


def command_line(*words: str) -> str:
    """Return a command of this program as it was started, quoted to be pasted into a shell."""
    import shlex
    import shutil

    program = [sys.argv[0]] if shutil.which("indrnn") is None else ["indrnn"]
    if Path(sys.argv[0]).name == "__main__.py":
        program = [sys.executable, "-m", __package__.partition(".")[0]]
    return shlex.join([*program, *words])


def console(width: int) -> Any:
    """Return a rich console on stdout; output to a file is `width` columns wide."""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=width)


def no_plot(name: str) -> str:
    """Return the message that the plot `name` is missing, or "" if matplotlib is installed."""
    if importlib.util.find_spec("matplotlib") is not None:
        return ""
    return f"no {name}: matplotlib is not installed (pip install 'indrnn-np[plot]')"
