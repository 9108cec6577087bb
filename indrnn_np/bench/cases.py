"""Registry of the benchmark cases, each with its shape and its reason. It loads no numpy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

LAYER, RECURRENCE, ITERATION = "layer", "recurrence", "iteration"
KINDS = (LAYER, RECURRENCE, ITERATION)
LEVELS = ("quick", "default", "all")  # each includes the previous ones


@dataclass(frozen=True)
class Case:
    """Benchmark case in float32.

    Parameters
    ----------
    name : str
        Name on the command line and in tables.
    kind : {"layer", "recurrence", "iteration"}
        "layer": one IndRNN layer, forward and backward with all gradients. "recurrence": the
        recurrence alone; T grows until an array exceeds the last-level cache. "iteration": a whole
        training iteration.
    T, B, D, H : int
        Steps, batch size, inputs and units; D is 0 without an input projection.
    reason : str
        Reason for this shape.
    activation : str
        Activation φ of the layer or recurrence.
    level : {"quick", "default", "all"}
        Smallest selection that contains the case.
    layers, batchnorm, dropout
        Options of the network of an iteration.
    """

    name: str
    kind: str
    T: int
    B: int
    D: int
    H: int
    reason: str
    activation: str = "relu"
    level: str = "default"
    layers: int = 1
    batchnorm: bool = False
    dropout: float = 0.0

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Sizes (T, B, D, H)."""
        return self.T, self.B, self.D, self.H


LINEAR = "the time must be linear in T: the same microseconds per step at every length"
BARE = "limited by memory bandwidth: the rate must be close to that of a copy"

CASES = (
    Case("mnist-layer", LAYER, 784, 32, 128, 128, "a layer of sequential MNIST", level="quick"),
    Case("characters", LAYER, 150, 32, 650, 650, "a wide layer of a character model, limited by products"),
    Case("adding-5000", LAYER, 5000, 50, 128, 128, "the longest adding problem: arrays exceed every cache"),
    Case("adding-input", LAYER, 1000, 50, 2, 128, "first layer of the adding problem, limited by the recurrence",
         level="quick"),
    Case("skeleton", LAYER, 20, 128, 150, 512, "few steps of a large batch, as in skeleton data", level="quick"),
    Case("steps-1000", LAYER, 1000, 8, 128, 128, LINEAR),
    Case("steps-10000", LAYER, 10_000, 8, 128, 128, LINEAR),
    Case("steps-100000", LAYER, 100_000, 8, 128, 128, LINEAR, level="all"),
    Case("scan-relu", RECURRENCE, 1000, 32, 0, 512, BARE, "relu", level="quick"),
    Case("scan-tanh", RECURRENCE, 1000, 32, 0, 512, BARE, "tanh", level="quick"),
    Case("scan-sigmoid", RECURRENCE, 1000, 32, 0, 512, BARE, "sigmoid"),
    Case("scan-identity", RECURRENCE, 1000, 32, 0, 512, BARE, "identity"),
    Case("mnist-network", ITERATION, 784, 32, 1, 128, "training of sequential MNIST: six layers, batch norm, dropout",
         layers=6, batchnorm=True, dropout=0.1),
    Case("one-layer", ITERATION, 784, 32, 128, 128, "training of one layer: the cost of loss, optimizer and Python",
         level="quick"),
)  # fmt: skip
BY_NAME = {case.name: case for case in CASES}


def select(level: str = LEVELS[-1], names: Iterable[str] = ()) -> tuple[Case, ...]:
    """Return the cases of a level, or those in `names`, in the order of the registry.

    Raises
    ------
    ValueError
        If a level or name is unknown; the message lists the known names.
    """
    if level not in LEVELS:
        raise ValueError(f"bench: level is {level!r}, expected one of " + ", ".join(LEVELS))
    chosen = tuple(names)
    for name in chosen:
        if name not in BY_NAME:
            raise ValueError(f"bench: case is {name!r}, expected one of " + ", ".join(BY_NAME))
    if chosen:
        return tuple(case for case in CASES if case.name in chosen)
    levels = LEVELS[: LEVELS.index(level) + 1]
    return tuple(case for case in CASES if case.level in levels)
