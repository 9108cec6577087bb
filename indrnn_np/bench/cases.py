"""What is timed: the registry of cases, each with its shape and the reason why it is there. Loads no numpy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

LAYER, RECURRENCE, ITERATION = "layer", "recurrence", "iteration"
KINDS = (LAYER, RECURRENCE, ITERATION)
LEVELS = ("quick", "default", "all")  # each holds the ones before it


@dataclass(frozen=True)
class Case:
    """One thing to time, in float32.

    Parameters
    ----------
    name
        What the command line and the tables call it.
    kind
        "layer": one IndRNN layer, forward and backward with all gradients. "recurrence": the bare scan; T grows until
        an array is larger than the last-level cache. "iteration": a whole iteration of training.
    T, B, D, H
        Steps, batch, inputs, units; D is 0 where nothing is projected.
    reason
        Why this shape.
    activation
        φ of the layer or scan.
    level
        The smallest selection that holds the case: "quick", "default" or "all".
    layers, batchnorm, dropout
        Of an iteration's network.
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
        """(T, B, D, H)."""
        return self.T, self.B, self.D, self.H


LINEAR = "time grows with T and nothing else: the same microseconds a step at every length"
BARE = "moves memory and little else, so that its rate is the machine's or the kernel is slow"

CASES = (
    Case("mnist-layer", LAYER, 784, 32, 128, 128, "a layer of sequential MNIST", level="quick"),
    Case("characters", LAYER, 150, 32, 650, 650, "a wide layer at a character model's length: products decide"),
    Case("adding-5000", LAYER, 5000, 50, 128, 128, "the longest adding problem: arrays beyond every cache"),
    Case("adding-input", LAYER, 1000, 50, 2, 128, "the first layer of the adding problem: the recurrence decides",
         level="quick"),
    Case("skeleton", LAYER, 20, 128, 150, 512, "few steps of a large batch, as skeletons have them", level="quick"),
    Case("steps-1000", LAYER, 1000, 8, 128, 128, LINEAR),
    Case("steps-10000", LAYER, 10_000, 8, 128, 128, LINEAR),
    Case("steps-100000", LAYER, 100_000, 8, 128, 128, LINEAR, level="all"),
    Case("scan-relu", RECURRENCE, 1000, 32, 0, 512, BARE, "relu", level="quick"),
    Case("scan-tanh", RECURRENCE, 1000, 32, 0, 512, BARE, "tanh", level="quick"),
    Case("scan-sigmoid", RECURRENCE, 1000, 32, 0, 512, BARE, "sigmoid"),
    Case("scan-identity", RECURRENCE, 1000, 32, 0, 512, BARE, "identity"),
    Case("mnist-network", ITERATION, 784, 32, 1, 128, "training of sequential MNIST: six layers, batch norm, dropout",
         layers=6, batchnorm=True, dropout=0.1),
    Case("one-layer", ITERATION, 784, 32, 128, 128, "training of one layer: what loss, optimizer and Python add to it",
         level="quick"),
)  # fmt: skip
BY_NAME = {case.name: case for case in CASES}


def select(level: str = LEVELS[-1], names: Iterable[str] = ()) -> tuple[Case, ...]:
    """The cases of a level, or those of the names given, in the registry's order.

    Raises
    ------
    ValueError
        For an unknown level or name; the message lists the known ones.
    """
    if level not in LEVELS:
        raise ValueError(f"bench: level is {level!r}, expected one of " + ", ".join(LEVELS))
    wanted = tuple(names)
    for name in wanted:
        if name not in BY_NAME:
            raise ValueError(f"bench: case is {name!r}, expected one of " + ", ".join(BY_NAME))
    if wanted:
        return tuple(case for case in CASES if case.name in wanted)
    held = LEVELS[: LEVELS.index(level) + 1]
    return tuple(case for case in CASES if case.level in held)
