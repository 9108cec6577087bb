"""`indrnn study explosion`: sweep recurrent weights, γ and depth; where gradients explode and where they vanish."""

from __future__ import annotations

import argparse

from . import studies
from .bar import Bar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the instrument takes."""
    parser.add_argument(
        "--steps", type=int, nargs="+", default=[10, 100, 1000], metavar="INT", help="lengths T (default: 10 100 1000)"
    )  # fmt: skip
    parser.add_argument(
        "--limits", type=float, nargs=2, default=[1e-6, 1e6], metavar=("LOW", "HIGH"),
        help="what a gradient should stay within (default: 1e-6 1e6)",
    )  # fmt: skip
    parser.add_argument("--hidden", type=int, default=32, help="units of the dense RNN (default: 32)")
    parser.add_argument(
        "--depths", type=int, nargs="+", default=[1, 2, 4, 8], metavar="INT",
        help="numbers of layers (default: 1 2 4 8)",
    )  # fmt: skip
    parser.add_argument(
        "--points", type=int, default=12, help="recurrent weights below 1, and as many above (default: 12)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of inputs and matrices (default: 0)")
    parser.add_argument("--backend", default="cpu", metavar="NAME", help="cpu or reference (default: cpu)")
    studies.add_output(parser, "explosion")


def run(args: argparse.Namespace) -> int:
    """Measure, write, tell, and return 0."""
    from .. import study

    with Bar(not args.quiet) as progress:
        found = study.explosion(
            args.steps, tuple(args.limits), args.hidden, args.depths, points=args.points, backend=args.backend,
            seed=args.seed, progress=progress,
        )  # fmt: skip
    studies.tell([found], studies.write([found], args, "explosion"), args.json)
    return 0
