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
    parser.add_argument("--length", type=int, default=500, help="symbols to draw (default: 500)")
    temperature = "temperature of the draws; 0: always the most likely symbol (default: 1)"
    parser.add_argument("--temperature", type=float, default=1.0, help=temperature)
    top_k = "draw from the k most likely symbols only; 0: from all (default: 0)"
    parser.add_argument("--top-k", type=int, default=0, help=top_k)
    parser.add_argument("--seed", type=int, default=0, help="seed of the draws (default: 0)")
    options.add(parser, "--backend", "--threads")


def run(args: argparse.Namespace) -> int:
    """Write the prompt and its continuation to stdout, symbol by symbol, and return 0."""
    from .._files import forms
    from ..networks.generate import sample
    from ..training import run_directory

    path, loaded = run_directory.load(args.run_dir, args.which, args.backend)
    task = loaded.meta.get("task")
    if not isinstance(task, dict) or "vocabulary" not in task:
        raise ValueError(
            f"generate: {path} holds no vocabulary, expected a checkpoint of a run of chars or words"
        )
    vocabulary_form = forms.Each(forms.TEXT, list)
    forms.check("generate", str(path), task, {"task": forms.TEXT, "vocabulary": vocabulary_form}, "task")
    vocabulary = task["vocabulary"]
    if len(vocabulary) != loaded.net.symbols:
        raise ValueError(
            f"generate: {path} has a vocabulary of {len(vocabulary)} symbols, expected {loaded.net.symbols}, the "
            "number of symbols of its network"
        )
    prompt = numbers(args.prompt, task)
    drawn = sample(loaded.net, prompt, args.length, args.temperature, args.seed, args.top_k)
    _warn_of_escapes(vocabulary)
    for symbols in (prompt, drawn):
        for number in symbols:
            symbol = vocabulary[number]
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
        sys.stderr.write(
            f"stdout has the encoding {encoding}, which lacks symbols such as {missing!r}: they are written as escapes "
            f"such as {escape} (PYTHONIOENCODING=utf-8 changes the encoding)\n"
        )


def numbers(prompt: str | None, task: dict[str, Any]) -> list[int]:
    """Return a prompt as indices into a task's vocabulary; ValueError lists unknown symbols."""
    from ..tasks.corpus import ENDS, UNKNOWN, prompt_symbols

    split_words, vocabulary = task["task"] == "words", task["vocabulary"]
    number = {symbol: i for i, symbol in enumerate(vocabulary)}
    if prompt is None:
        end = ENDS["words" if split_words else "text"]
        return [number.get(end, 0)]
    symbols = prompt_symbols("words" if split_words else "text", prompt)
    unknown = list(dict.fromkeys(symbol for symbol in symbols if symbol not in number))
    if unknown:
        known = ", ".join(map(repr, vocabulary[:100])) + (", ..." if len(vocabulary) > 100 else "")
        hint = " (a space is written '_' in it)" if " " in unknown and "_" in number else ""
        hint = f" ({UNKNOWN} stands for any other word)" if split_words and UNKNOWN in number else hint
        expected = f"symbols of the vocabulary{hint}: {known}"
        raise ValueError(f"generate: the prompt holds {', '.join(map(repr, unknown))}, expected {expected}")
    return [number[symbol] for symbol in symbols]


def word(symbol: str) -> str:
    """Return a word and a space, or the end of a line."""
    from ..tasks.corpus import END

    return "\n" if symbol == END else f"{symbol} "
