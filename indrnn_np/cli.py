"""The `indrnn` command: parses, calls, prints.

Exit codes: 0 fine; 1 a check failed or training diverged; 2 something in the input is wrong, said in one sentence;
130 ended by Ctrl-C, with a checkpoint.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import sys
from collections.abc import Sequence

from . import __version__, _environment

COMMANDS = {
    "train": ("commands.train", "train a network on a task"),
    "eval": ("commands.evaluate", "evaluate a run's checkpoint"),
    "reproduce": ("commands.reproduce", "run the papers' tables again, beside their numbers"),
    "generate": ("commands.generate", "let a language model go on from a text"),
    "study": ("commands.study", "measure gradients through time and depth, and look at neurons"),
    "check": ("commands.check", "prove the gradients and the fast twins on this machine"),
    "bench": ("commands.bench", "time the kernels and a training step on this machine"),
    "info": ("commands.info", "versions, BLAS, threads, folders"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    _environment.prepare()  # before anything loads numpy
    argv = list(sys.argv[1:] if argv is None else argv)
    parser, commands = _parser()
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        return _fail(_unknown(unknown[0], args.command, commands[args.command]))
    module = importlib.import_module(f".{COMMANDS[args.command][0]}", __package__)
    from .training.diagnose import Diverged

    try:
        return module.run(args)
    except KeyboardInterrupt:
        print("indrnn: aborted", file=sys.stderr)
        return 130
    except Diverged as error:
        return _fail(str(error), code=1)
    except (
        ValueError,
        TypeError,
        OSError,
        MemoryError,
        RuntimeError,
    ) as error:  # the last: no GPU for "cuda"
        if args.traceback:
            raise
        return _fail(str(error))


def _parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    parser = argparse.ArgumentParser(
        prog="indrnn", description="Train, check and measure independently recurrent neural networks.",
        allow_abbrev=False,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"indrnn_np {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands = {}
    for name, (module, help_) in COMMANDS.items():
        command = subparsers.add_parser(name, help=help_, description=help_, allow_abbrev=False)
        importlib.import_module(f".{module}", __package__).add_arguments(command)
        command.add_argument(
            "--traceback", action="store_true", help="for an error, show where in the code it came from"
        )
        commands[name] = command
    return parser, commands


def _unknown(option: str, command: str, parser: argparse.ArgumentParser) -> str:
    known = [name for action in parser._actions for name in action.option_strings if name.startswith("--")]
    close = difflib.get_close_matches(option.split("=")[0], known, 1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"indrnn {command}: unknown option {option!r}{hint}, expected one of " + ", ".join(known)


def _fail(sentence: str, code: int = 2) -> int:
    print(f"indrnn: {sentence}", file=sys.stderr)
    return code
