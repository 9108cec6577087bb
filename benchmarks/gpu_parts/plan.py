"""The parts in the order in which they run, each with its time limit in seconds.

Important parts come first. Their limits add up to more than the budget, because a part rarely needs its limit; what
does not fit the budget is left out. Each rival is a part of its own, so that one that hangs does not stop the others.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """A part: the function of its name in gpu_parts/<module>.py."""

    module: str
    seconds: float


PARTS = {
    "about": Plan("about", 40),
    "smoke": Plan("smoke", 40),
    "recurrence": Plan("recurrence", 70),
    "scan": Plan("scan", 40),
    "layers": Plan("layers", 40),
    "lstm": Plan("rivals", 50),
    "torch_loop": Plan("rivals", 40),
    "triton_scan": Plan("rivals", 40),
    "torch_compiled": Plan("rivals", 60),
    "graphs": Plan("graphs", 40),
    "iterations": Plan("iterations", 40),
    "small_checks": Plan("checks", 60),
    "large": Plan("large", 30),
    "checks": Plan("checks", 90),
    "crossover": Plan("crossover", 90),
}
TRAINING = {"adding": Plan("training", 120), "mnist": Plan("training", 180)}
ALL = PARTS | TRAINING

MINUTES = 5.9  # budget of all parts together: a call of at most 6 minutes
SHORTEST = 5  # seconds; a part is left out if less time remains
GRACE = 5  # seconds that a part may exceed its limit before its process is killed
READY = 20  # seconds in which a rival must be ready
ABOUT = "about"  # after this part, kernels are compiled in the background
LOST, NO_GPU = 3, 4  # exit codes of a worker: the GPU's context is lost; there is no GPU
