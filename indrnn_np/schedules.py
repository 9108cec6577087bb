"""Learning rates as functions of the iteration.

A schedule is called with the number of updates done so far and returns the rate of the next one, so a resumed run needs
nothing but its iteration. `Plateau` is the exception: it listens to the validation metric and keeps a state.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from typing import Any

from . import _check


@dataclass(frozen=True)
class Schedule(ABC):
    """What all schedules share: a rate for each iteration, an end, and a description that JSON can hold."""

    lr: float

    def __post_init__(self) -> None:
        _check.at_least(type(self).__name__, "lr", self.lr, 0.0, strictly=True)

    @abstractmethod
    def __call__(self, iteration: int) -> float:
        """Return the learning rate of update number `iteration`, counted from 0."""

    def spec(self) -> dict[str, Any]:
        """Return the type and its arguments; `from_spec` reads it back."""
        return {"type": type(self).__name__, **asdict(self)}

    def state_dict(self) -> dict[str, Any]:
        """Return what `from_spec` does not know: nothing, for a pure function of the iteration."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take a state back; a pure function has none."""
        if state:
            _check.fail(
                f"{type(self).__name__}.load_state_dict", f"state holds {sorted(state)}", "an empty state"
            )


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate for ever."""

    def __call__(self, iteration: int) -> float:
        return self.lr


@dataclass(frozen=True)
class Step(Schedule):
    """lr * factor^(iteration // every): the paper's x0.1 every 20K iterations (adding) or 600K (MNIST)."""

    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        _check.at_least("Step", "every", self.every, 1)
        _check.at_least("Step", "factor", self.factor, 0.0, strictly=True)

    def __call__(self, iteration: int) -> float:
        return self.lr * self.factor ** (iteration // self.every)


@dataclass(frozen=True)
class Cosine(Schedule):
    """A linear rise over `warmup` iterations, then half a cosine down to lr * final (Loshchilov & Hutter 2017)."""

    iterations: int
    warmup: int = 0
    final: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check.at_least("Cosine", "warmup", self.warmup, 0)
        _check.at_least("Cosine", "iterations", self.iterations, self.warmup + 1)
        _check.between("Cosine", "final", self.final, 0.0, 1.0)

    def __call__(self, iteration: int) -> float:
        if iteration < self.warmup:
            return self.lr * (iteration + 1) / self.warmup
        done = min(1.0, (iteration - self.warmup) / (self.iterations - self.warmup))
        return self.lr * (self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * done)))


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up from lr * start to lr in a share `rise` of the iterations, then down to lr * final (Smith 2018)."""

    iterations: int
    rise: float = 0.3
    start: float = 1 / 25
    final: float = 1e-4

    def __post_init__(self) -> None:
        super().__post_init__()
        _check.at_least("OneCycle", "iterations", self.iterations, 1)
        for name in ("rise", "start", "final"):
            _check.between("OneCycle", name, getattr(self, name), 0.0, 1.0)

    def __call__(self, iteration: int) -> float:
        top = self.rise * self.iterations
        if iteration < top:
            low, done = self.start, iteration / top
            return self.lr * (low + (1 - low) * 0.5 * (1 - math.cos(math.pi * done)))
        done = min(1.0, (iteration - top) / (self.iterations - top))
        return self.lr * (self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * done)))


@dataclass(frozen=True)
class Plateau(Schedule):
    """Multiply the rate by `factor` after `patience` evaluations without a new best.

    The authors' code goes back to the best weights and the optimizer state that belongs to them at each reduction,
    halves the patience (`patience_factor=0.5`), and ends when the rate falls below `minimum`; `fit` does the first
    and the last.
    """

    patience: int
    factor: float = 0.2
    minimum: float = 1e-6
    mode: str = "min"
    patience_factor: float = 1.0
    state: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check.at_least("Plateau", "patience", self.patience, 1)
        _check.between("Plateau", "factor", self.factor, 0.0, 1.0)
        _check.choice("Plateau", "mode", self.mode, ("min", "max"))
        _check.at_least("Plateau", "patience_factor", self.patience_factor, 0.0, strictly=True)
        self.state.update(best=None, bad=0, reductions=0)

    def __call__(self, iteration: int) -> float:
        return self.lr * self.factor ** self.state["reductions"]

    @property
    def exhausted(self) -> bool:
        """Whether the rate has fallen below `minimum`: training has ended."""
        return self(0) < self.minimum

    def observe(self, value: float) -> bool:
        """Take one evaluation's metric; return True when the rate was reduced because of it."""
        best = self.state["best"]
        if not math.isnan(value) and (best is None or (value < best if self.mode == "min" else value > best)):
            self.state.update(best=float(value), bad=0)
            return False
        self.state["bad"] += 1
        limit = max(1, int(self.patience * self.patience_factor ** self.state["reductions"]))
        if self.state["bad"] < limit:
            return False
        self.state.update(bad=0, reductions=self.state["reductions"] + 1)
        return True

    def spec(self) -> dict[str, Any]:
        """Return the type and its arguments, without the state."""
        return {name: value for name, value in super().spec().items() if name != "state"}

    def state_dict(self) -> dict[str, Any]:
        """Return the best metric, the evaluations since, and the reductions so far."""
        return dict(self.state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        if set(state) != set(self.state):
            _check.fail("Plateau.load_state_dict", f"state holds {sorted(state)}", f"{sorted(self.state)}")
        self.state.update(state)


SCHEDULES: dict[str, type[Schedule]] = {c.__name__: c for c in (Constant, Step, Plateau, Cosine, OneCycle)}


def from_spec(spec: dict[str, Any]) -> Schedule:
    """Build the schedule that `spec()` described."""
    arguments = dict(spec)
    kind = arguments.pop("type", None)
    _check.choice("schedules.from_spec", "type", kind, SCHEDULES)
    return SCHEDULES[kind](**arguments)
