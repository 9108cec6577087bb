"""`indrnn generate RUN_DIR`: let a language model go on from a text."""

from __future__ import annotations

import argparse
import sys
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "run_dir", metavar="RUN_DIR", help="folder of a run of chars or words, or one of its checkpoints"
    )
    parser.add_argument(
        "--which", choices=("last", "best"), default="last", help="checkpoint of the run (default: last)"
    )
    parser.add_argument("--prompt", metavar="TEXT", help="what to go on from (default: a line's end)")
    parser.add_argument("--length", type=int, default=500, help="symbols to draw (default: 500)")
    parser.add_argument(
        "--temperature", type=float, default=1.0, help="0: always the likeliest symbol (default: 1)"
    )
    parser.add_argument(
        "--top-k", type=int, default=0, help="draw among the k likeliest only; 0: all (default: 0)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the draws (default: 0)")
    parser.add_argument("--backend", help="another one than the run's")
    parser.add_argument("--threads", type=int, default=0, help="threads; 0: one a core (default: 0)")


def run(args: argparse.Namespace) -> int:
    """Write the prompt and what follows it to stdout, symbol by symbol, and return 0."""
    from .. import checkpoint
    from .._threads import set_threads
    from ..generate import sample
    from ..training import run_directory

    path = run_directory.find_checkpoint(args.run_dir, args.which)
    if args.threads:
        set_threads(args.threads)
    loaded = checkpoint.load(path, args.backend)
    task = loaded.meta.get("task") or {}
    if "vocabulary" not in task:
        raise ValueError(
            f"generate: {path} holds no vocabulary, expected a checkpoint of a run of chars or words"
        )
    vocabulary = task["vocabulary"]
    given = numbers(args.prompt, task)
    drawn = sample(loaded.net, given, args.length, args.temperature, args.seed, args.top_k)
    write = words if task["task"] == "words" else characters
    for symbols in (given, drawn):
        for number in symbols:
            sys.stdout.write(write(vocabulary[number]))
            sys.stdout.flush()
    sys.stdout.write("\n")
    return 0


def numbers(prompt: str | None, task: dict[str, Any]) -> list[int]:
    """Return a prompt as numbers of a task's vocabulary; ValueError lists what is not in it."""
    from ..tasks.corpus import ENDS

    split_words, vocabulary = task["task"] == "words", task["vocabulary"]
    number = {symbol: i for i, symbol in enumerate(vocabulary)}
    if prompt is None:
        end = ENDS["words" if split_words else "text"]
        return [number.get(end, 0)]
    symbols = prompt.split() if split_words else list(prompt)
    unknown = list(dict.fromkeys(symbol for symbol in symbols if symbol not in number))
    if unknown:
        known = ", ".join(map(repr, vocabulary[:100])) + (", ..." if len(vocabulary) > 100 else "")
        raise ValueError(f"generate: the prompt holds {', '.join(map(repr, unknown))}, expected symbols of the "
                         f"vocabulary: {known}")  # fmt: skip
    return [number[symbol] for symbol in symbols]


def characters(symbol: str) -> str:
    """Return a character as it is written."""
    return symbol


def words(symbol: str) -> str:
    """Return a word and a space, or the end of a line."""
    from ..tasks.corpus import END

    return "\n" if symbol == END else f"{symbol} "
