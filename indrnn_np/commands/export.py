"""`indrnn export RUN_DIR`: write a trained network for programs without this package."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from . import options

FORMATS = {"onnx": "net.onnx", "safetensors": "net.safetensors", "c": "net.c"}  # name of the file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    options.add(parser, "run_dir", "--which")
    text = "onnx (standard operators), safetensors (ir.load reads it too) or c (one C99 file)"
    parser.add_argument("--format", choices=FORMATS, required=True, help=text)
    out = "file to write (default: net.onnx, net.safetensors or net.c in RUN_DIR)"
    parser.add_argument("--out", metavar="FILE", help=out)
    parser.add_argument(
        "--lengths", action="store_true", help="onnx only: an input with the sequence lengths"
    )
    options.add(parser, "--backend")


def run(args: argparse.Namespace) -> int:
    """Write the file, print its path, and return 0."""
    from .. import _check, export
    from ..training import run_directory

    if args.lengths and args.format != "onnx":
        _check.fail("export", f"lengths is set with format={args.format}", "no --lengths, or --format onnx")
    path, loaded = run_directory.load(args.run_dir, args.which, args.backend)
    folder = run_directory.run_of(path)
    out = args.out or (path.parent if folder == path else folder) / FORMATS[args.format]
    writers: dict[str, Any] = {
        "onnx": export.to_onnx, "safetensors": export.to_safetensors, "c": export.to_c,
    }  # fmt: skip
    extra = {"lengths": True} if args.lengths else {}
    written = writers[args.format](loaded.net, out, export.of_run(path, loaded.meta), **extra)
    sys.stdout.write(f"{written}, from {path}, iteration {loaded.net.iteration}\n")
    return 0
