"""`indrnn study explosion`: sweep recurrent weights, γ and depth; show where gradients explode or vanish."""

from __future__ import annotations

import argparse

from . import options, studies
from .bar import Bar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the instrument."""
    steps = "sequence lengths T (default: 10 100 1000)"
    parser.add_argument("--steps", type=int, nargs="+", default=[10, 100, 1000], metavar="INT", help=steps)
    limits, names = "limits of the growth of a gradient (default: 1e-6 1e6)", ("LOW", "HIGH")
    parser.add_argument("--limits", type=float, nargs=2, default=[1e-6, 1e6], metavar=names, help=limits)
    options.add_number(parser, "--hidden", 32, "units of the dense RNN")
    depths = "numbers of layers (default: 1 2 4 8)"
    parser.add_argument("--depths", type=int, nargs="+", default=[1, 2, 4, 8], metavar="INT", help=depths)
    options.add_number(parser, "--points", 12, "number of recurrent weights below 1, and of those above 1")
    options.add_number(parser, "--seed", 0, "seed of inputs and matrices")
    parser.add_argument("--backend", default="cpu", metavar="NAME", help="cpu or reference (default: cpu)")
    studies.add_output(parser, "explosion")


def run(args: argparse.Namespace) -> int:
    """Measure, write and print the results, and return 0."""
    from .. import study

    with Bar(not args.quiet) as progress:
        finding = study.explosion(
            args.steps, tuple(args.limits), args.hidden, args.depths, points=args.points, backend=args.backend,
            seed=args.seed, progress=progress,
        )  # fmt: skip
    return studies.write_and_print([finding], args, "explosion")
