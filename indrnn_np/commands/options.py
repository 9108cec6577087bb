"""Options and output that several commands share."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MOST_SEEDS = 10_000  # in a range on the command line


def seeds(text: str) -> tuple[int, ...]:
    """Parse seeds such as 0,1,2 or 0-4 into unique numbers."""
    numbers: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,20})(?:-(\d{1,20}))?", part.strip(), re.ASCII)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
        if not 0 <= last - first < MOST_SEEDS:
            expected = f"numbers such as 0,1,2 or 0-4, in ranges of at most {MOST_SEEDS}"
            raise argparse.ArgumentTypeError(f"seeds is {text!r}, expected {expected}")
        numbers += range(first, last + 1)
    return tuple(dict.fromkeys(numbers))


def count(text: str) -> int:
    """Parse a whole number of at least 1."""
    if not re.fullmatch(r"0*[1-9]\d{0,3}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"it is {text!r}, expected a whole number from 1 to 9999")
    return int(text)


OPTIONS: dict[str, dict[str, Any]] = {
    "run_dir": {"metavar": "RUN_DIR", "help": "folder of a run, or one of its checkpoints"},
    "--which": {
        "choices": ("last", "best"),
        "help": "checkpoint (default: last; of a run with --patience: best)",
    },
    "--data": {"metavar": "PATH", "help": "data of the task, if they have moved (docs/tasks.md)"},
    "--backend": {"metavar": "NAME", "help": "cpu, cuda or reference (default: that of the run, or cpu)"},
    "--threads": {"type": int, "default": 0, "help": "number of threads; 0: one per core (default: 0)"},
    "--seeds": {
        "type": seeds,
        "default": (0,),
        "metavar": "N,...",
        "help": "seeds, such as 0,1,2 or 0-4 (default: 0)",
    },
    "--jobs": {
        "type": count,
        "default": 1,
        "metavar": "N",
        "help": "processes, which share the cores (default: 1)",
    },
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
