"""`indrnn generate RUN_DIR`: continue a text with a language model."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from . import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    options.add(parser, "run_dir", "--which")
    parser.add_argument("--prompt", metavar="TEXT", help="text to continue (default: the end of a line)")
    options.add_number(parser, "--length", 500, "symbols to draw")
    temperature = "temperature of the draws; 0: always the most likely symbol"
    options.add_number(parser, "--temperature", 1.0, temperature)
    options.add_number(parser, "--top-k", 0, "draw from the k most likely symbols only; 0: from all")
    options.add_number(parser, "--seed", 0, "seed of the draws")
    options.add(parser, "--backend", "--threads")


def run(args: argparse.Namespace) -> int:
    """Write the prompt and its continuation to stdout, symbol by symbol, and return 0."""
    from .. import _check
    from .._files import forms
    from ..networks.generate import sample
    from ..training import run_directory

    path, loaded = run_directory.load(args.run_dir, args.which, args.backend)
    task = loaded.meta.get("task")
    if not isinstance(task, dict) or "vocabulary" not in task:
        _check.fail("generate", f"{path} holds no vocabulary", "a checkpoint of a run of chars or words")
    form = {"task": forms.TEXT, "vocabulary": forms.Each(forms.TEXT, list)}
    forms.check("generate", str(path), task, form, "task")
    vocabulary, number = task["vocabulary"], loaded.net.symbols
    if len(vocabulary) != number:
        problem = f"{path} has a vocabulary of {len(vocabulary)} symbols"
        _check.fail("generate", problem, f"{number}, the number of symbols of its network")
    prompt = numbers(args.prompt, task)
    drawn = sample(loaded.net, prompt, args.length, args.temperature, args.seed, args.top_k)
    _warn_of_escapes(vocabulary)
    for symbol in (vocabulary[number] for numbers in (prompt, drawn) for number in numbers):
        sys.stdout.write(word(symbol) if task["task"] == "words" else symbol)
        sys.stdout.flush()
    sys.stdout.write("\n")
    return 0


def _warn_of_escapes(vocabulary: list[str]) -> None:
    """Warn on stderr if the encoding of stdout lacks symbols."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        "".join(vocabulary).encode(encoding)
    except UnicodeEncodeError as error:
        missing = error.object[error.start]
        escape = missing.encode(encoding, "backslashreplace").decode(encoding)
        lacks = f"stdout has the encoding {encoding}, which lacks symbols such as {missing!r}"
        cure = "PYTHONIOENCODING=utf-8 changes the encoding"
        sys.stderr.write(f"{lacks}: they are written as escapes such as {escape} ({cure})\n")


def numbers(prompt: str | None, task: dict[str, Any]) -> list[int]:
    """Return a prompt as indices into a task's vocabulary; ValueError lists unknown symbols."""
    from ..tasks.corpus import ENDS, UNKNOWN, prompt_symbols

    kind, vocabulary = "words" if task["task"] == "words" else "text", task["vocabulary"]
    number = {symbol: i for i, symbol in enumerate(vocabulary)}
    if prompt is None:
        return [number.get(ENDS[kind], 0)]
    symbols = prompt_symbols(kind, prompt)
    unknown = list(dict.fromkeys(symbol for symbol in symbols if symbol not in number))
    if unknown:
        known = ", ".join(map(repr, vocabulary[:100])) + (", ..." if len(vocabulary) > 100 else "")
        hint = " (a space is written '_' in it)" if " " in unknown and "_" in number else ""
        hint = f" ({UNKNOWN} stands for any other word)" if kind == "words" and UNKNOWN in number else hint
        expected = f"symbols of the vocabulary{hint}: {known}"
        raise ValueError(f"generate: the prompt holds {', '.join(map(repr, unknown))}, expected {expected}")
    return [number[symbol] for symbol in symbols]


def word(symbol: str) -> str:
    """Return a word and a space, or the end of a line."""
    from ..tasks.corpus import END

    return "\n" if symbol == END else f"{symbol} "
