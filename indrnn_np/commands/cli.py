"""The `indrnn` command: parse the arguments, run a command, and report errors.

Exit codes: 0 success; 1 a check failed or training diverged; 2 invalid input, explained in one
sentence; 130, 143 and 129 ended by Ctrl-C, SIGTERM and SIGHUP (training saves a checkpoint first);
141 the reader of stdout or stderr has closed it, as in `indrnn info | head -1`.

Characters that the encoding of stdout or stderr lacks are written as escapes such as \\xe9.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Sequence

from .. import __version__
from .._cpu import environment
from ..settings import settings
from ..training import signals
from . import completion, launched

COMMANDS = {
    "train": ("train", "train a network on a task"),
    "sweep": ("sweep", "train with every combination of settings and seeds"),
    "watch": ("watch", "draw the curves of runs in the terminal"),
    "eval": ("evaluate", "evaluate a run's checkpoint"),
    "export": ("export", "write a trained network as ONNX, safetensors or C"),
    "reproduce": ("reproduce", "run rows of the papers' tables and compare the results"),
    "generate": ("generate", "continue a text with a language model"),
    "study": ("study", "measure gradients through time and depth, and the memory of neurons"),
    "check": ("check", "check the gradients and the fast twins on this machine"),
    "bench": ("bench", "time the kernels and a training iteration on this machine"),
    "info": ("info", "show versions, BLAS, threads and folders"),
}
# What `indrnn` alone prints.
START = """\
indrnn trains, checks and measures independently recurrent neural networks.

Start with:
  indrnn train adding       train a network on generated data, into runs/adding
  indrnn watch runs/adding  draw its learning curve in the terminal
  indrnn eval runs/adding   evaluate its last checkpoint
  indrnn study flow         measure gradients over layers and time steps
  indrnn check              check all gradients and kernels on this machine

`indrnn --help` lists all commands, `indrnn COMMAND --help` explains a command.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    environment.configure()  # before anything loads numpy
    _prepare_streams()
    launched.silence_others()
    with signals.as_ctrl_c() as received:
        try:
            try:
                code = _run(argv)
            except KeyboardInterrupt:
                print("indrnn: aborted", file=sys.stderr)
                code = 130
            finally:
                if failed := _flush("stdout"):
                    sys.exit(failed)
        except (OSError, SystemExit) as error:
            if not received and not isinstance(error, BrokenPipeError):
                raise
            code = _hang_up(141)  # 128 + SIGPIPE, as a shell reports it
        return 128 + received[0] if received and code else code


def _run(argv: Sequence[str] | None) -> int:
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv:
        print(START, end="")
        return 0
    parser, commands = _parser()
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        names = [name for name in (args.command, getattr(args, "instrument", None)) if name is not None]
        return _fail(_unknown(unknown[0], " ".join(names), commands[names[-1]]))
    try:
        for name, value in vars(args).items():
            if isinstance(value, int | float):
                settings.number(f"indrnn {args.command}", name, value)
    except ValueError as error:
        return _fail(str(error))
    try:
        os.getcwd()  # numba needs it when it is imported
    except OSError as error:
        return _fail(f"the working directory can't be used ({error.strerror}), expected one that exists")
    module = importlib.import_module(f".{COMMANDS[args.command][0]}", __package__)
    from .._cpu.threads import set_threads
    from ..training.diagnose import Diverged

    try:
        if getattr(args, "threads", 0):
            set_threads(args.threads)
        code = module.run(args)
        return _flush(args.command) or code
    except Diverged as error:
        return _fail(str(error), code=1)
    except BrokenPipeError:
        raise
    except (ValueError, TypeError, OSError, MemoryError, RuntimeError, ModuleNotFoundError) as error:
        # RuntimeError: no GPU. ModuleNotFoundError: no optional package
        if args.traceback:
            raise
        return _fail(_sentence(error, args.command))


def _parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    commands: dict[str, argparse.ArgumentParser] = {}
    description = "Train, check and measure independently recurrent neural networks."
    parser = argparse.ArgumentParser(prog="indrnn", description=description, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"indrnn_np {__version__}")
    shells = "print the script by which a shell completes commands, options and paths (docs/runs.md)"
    parser.add_argument(
        "--print-completion", action=completion.PrintCompletion, choices=completion.SHELLS, help=shells
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (file, help_) in COMMANDS.items():
        module = importlib.import_module(f".{file}", __package__)
        command = subparsers.add_parser(
            name, help=help_, description=help_, allow_abbrev=False, add_help=False
        )
        command.add_argument("-h", "--help", action=getattr(module, "Help", "help"), help="show this help")
        module.add_arguments(command)
        commands |= {name: command, **_inner(command)}
        command.set_defaults(traceback=False)
    traceback = "show the traceback of an error"
    for command in commands.values():
        command.add_argument("--traceback", action="store_true", default=argparse.SUPPRESS, help=traceback)
    return parser, commands


def _inner(command: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of a command's subcommands, such as those of `indrnn study`, by name."""
    inner = [action for action in command._actions if isinstance(action, argparse._SubParsersAction)]
    return {name: parser for action in inner for name, parser in action.choices.items()}


def _prepare_streams() -> None:
    """Make stdout and stderr accept any text, and discard output to a closed stream."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            null = open(os.devnull, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115, stays open
            setattr(sys, name, null)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _flush(where: str) -> int:
    """Flush stdout, and return the exit code; it is 2 if writing fails, as on a full disk."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        return _hang_up(_fail(_sentence(error, where)))
    return 0


def _hang_up(code: int) -> int:
    """Discard the buffers of stdout and stderr; return the exit code."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(null, stream.fileno())
    os.close(null)
    return code


def _sentence(error: Exception, command: str) -> str:
    """Return the message of an error; an operating-system error gets its path and the command."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    if ", expected " in error.strerror:
        return error.strerror
    name = "a file or stream" if error.filename is None else error.filename
    return f"{command}: {name} can't be used ({error.strerror}), expected one that can be read and written"


def _unknown(option: str, command: str, parser: argparse.ArgumentParser) -> str:
    """Return the message for an unknown option, with similar options."""
    shown = [action for action in parser._actions if action.help is not argparse.SUPPRESS]
    known = [name for action in shown for name in action.option_strings if name.startswith("--")]
    if not option.startswith("-"):
        return f"indrnn {command}: {option!r} is one argument too many, expected options such as {known[0]}"
    close = difflib.get_close_matches(option.split("=")[0], known, 3)
    hint = f" (did you mean {' or '.join(close)}?)" if close else ""
    return f"indrnn {command}: unknown option {option!r}{hint}, expected one of " + ", ".join(known)


def _fail(sentence: str, code: int = 2) -> int:
    print(f"indrnn: {sentence}", file=sys.stderr)
    return code
