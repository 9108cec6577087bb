"""`indrnn study NAME`: measure gradients and neurons, write numbers and a picture, say the main number in words."""

from __future__ import annotations

import argparse
from importlib import import_module

# name: the file that declares and runs it (add_arguments(parser), run(args)), and what it shows
INSTRUMENTS = {
    "flow": ("study_flow", "how much gradient reaches each layer and time step"),
    "closed-form": ("study_closed_form", "the gradient through time of every neuron, beside equation 4"),
    "explosion": ("study_explosion", "where gradients explode and where they vanish"),
    "memory": ("study_memory", "how long neurons remember, by their weight and through their gates"),
    "neurons": (
        "study_neurons",
        "what neurons do over a sequence, which make the output, what one does alone",
    ),
    "truncation": ("study_truncation", "what is lost when back-propagation is cut after k steps"),
    "clipping": ("study_clipping", "four ways to bound the recurrent weight, the same run four times"),
    "step-sizes": ("study_step_sizes", "the error of finite differences against their step"),
    "bugs": ("study_bugs", "classic mistakes in a backward pass, and what the gradient check says"),
    "report": ("study_report", "one HTML file about a trained run: curves, gradients, memory, neurons"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the instruments, each a command of its own."""
    instruments = parser.add_subparsers(dest="instrument", required=True, metavar="NAME")
    for name, (module, help_) in INSTRUMENTS.items():
        one = instruments.add_parser(name, help=help_, description=help_, allow_abbrev=False)
        import_module(f".{module}", __package__).add_arguments(one)


def run(args: argparse.Namespace) -> int:
    """Run the instrument and return its exit code."""
    from .._threads import set_threads

    if getattr(args, "threads", 0):
        set_threads(args.threads)
    return import_module(f".{INSTRUMENTS[args.instrument][0]}", __package__).run(args)
