"""`indrnn study NAME`: measure gradients and neurons, write numbers and a figure, and print the main number."""

from __future__ import annotations

import argparse
from importlib import import_module

# Name: the module with add_arguments(parser) and run(args), and the help text.
INSTRUMENTS = {
    "flow": ("study_flow", "gradient norm at each layer and time step"),
    "closed-form": ("study_closed_form", "gradient of each neuron through time, compared with equation 4"),
    "explosion": ("study_explosion", "ranges of weights in which gradients explode or vanish"),
    "memory": ("study_memory", "memory length of neurons, by their weight alone and through their gates"),
    "neurons": ("study_neurons", "states of neurons, their contributions to the output, and single neurons"),
    "attribution": ("study_attribution", "time steps of one sequence that made the answer of a relu network"),
    "truncation": ("study_truncation", "bias and variance of back-propagation truncated after k steps"),
    "online": (
        "study_online",
        "online gradients compared with back-propagation through time, along training",
    ),
    "parallel": ("study_parallel", "scan over time: memory of chunks, closed gates, passes and errors"),
    "curvature": ("study_curvature", "eigenvalues and traces of the Hessian during training"),
    "noise": ("study_noise", "noise scale, signal-to-noise ratios and cosines between samples"),
    "updates": ("study_updates", "size of the updates, distance from the start, entries of the gradient"),
    "clipping": ("study_clipping", "four ways to bound the recurrent weight, on the same training run"),
    "step-sizes": ("study_step_sizes", "error of finite differences against their step size"),
    "bugs": ("study_bugs", "classic mistakes in a backward pass, and the result of the gradient check"),
    "report": ("study_report", "HTML report about a trained run: curves, gradients, memory, neurons"),
    "playground": ("study_playground", "page with sliders: an IndRNN and its gradients in your browser"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the instruments as subcommands."""
    instruments = parser.add_subparsers(dest="instrument", required=True, metavar="NAME")
    for name, (module, help_) in INSTRUMENTS.items():
        instrument = instruments.add_parser(name, help=help_, description=help_, allow_abbrev=False)
        import_module(f".{module}", __package__).add_arguments(instrument)


def run(args: argparse.Namespace) -> int:
    """Run the instrument and return its exit code."""
    return import_module(f".{INSTRUMENTS[args.instrument][0]}", __package__).run(args)
