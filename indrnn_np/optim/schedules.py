"""Learning rates as functions of the iteration.

Call a schedule with the number of updates done so far; it returns the learning rate of the next
update. A resumed run therefore needs only its iteration. `Plateau` is the exception: it depends on
the validation metric and has a state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from .. import _check, _renamed
from .._files import forms
from .._types import Json
from .schedule_base import Schedule


@dataclass(frozen=True)
class Constant(Schedule):
    """Constant learning rate.

    Examples
    --------
    >>> Constant(0.1)(25)
    0.1
    """

    def __call__(self, iteration: int) -> float:
        return self.lr


@dataclass(frozen=True)
class StepDecay(Schedule):
    """Step decay: the learning rate is lr · factor^floor(iteration / every).

    Parameters
    ----------
    every : int
        Iterations between reductions; in the IndRNN paper 20 000 (adding) or 600 000 (MNIST).
    factor : float
        Factor of a reduction, above 0 and at most 1.

    Examples
    --------
    >>> StepDecay(1.0, every=10, factor=0.5)(25)
    0.25
    """

    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        _check.at_least("StepDecay", "every", self.every, 1)
        _check.at_least("StepDecay", "factor", self.factor, 0.0, strictly=True)
        if self.factor > 1:
            _check.fail("StepDecay", f"factor is {self.factor!r}", "a number above 0, at most 1")

    def __call__(self, iteration: int) -> float:
        return self.lr * self.factor ** (iteration // self.every)


@dataclass(frozen=True)
class Cosine(Schedule):
    """Linear warmup, then cosine annealing (Loshchilov & Hutter 2017).

    Parameters
    ----------
    iterations : int
        Iterations of the whole schedule, warmup included.
    warmup : int
        Iterations of the warmup.
    final : float
        Learning rate at the end, as a fraction of `lr`.

    Examples
    --------
    >>> schedule = Cosine(1.0, iterations=14, warmup=4)
    >>> schedule(0), schedule(4), schedule(9)
    (0.25, 1.0, 0.5)
    """

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
    """One-cycle schedule with cosine annealing in both directions (Smith 2018).

    Parameters
    ----------
    iterations : int
        Iterations of the whole cycle.
    rise : float
        Fraction of the iterations in which the learning rate rises.
    start, final : float
        Learning rates at the start and at the end, as fractions of `lr`.

    Examples
    --------
    >>> schedule = OneCycle(1.0, iterations=10)
    >>> schedule(0), schedule(3), schedule(10)
    (0.04, 1.0, 0.0001)
    """

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
    """Multiply the learning rate by `factor` after `patience` validations without an improvement.

    At each reduction `fit` restores the best parameters and their optimizer state. It ends the run
    when the learning rate falls below `minimum`. The code of the IndRNN authors does both, and
    halves the patience at each reduction (`patience_factor=0.5`).

    Parameters
    ----------
    patience : int
        Validations without an improvement before a reduction.
    factor, patience_factor : float
        Factors of the learning rate and of the patience at each reduction.
    minimum : float
        Learning rate below which the run ends.
    mode : {"min", "max"}
        Whether a smaller or a larger metric is better.

    Examples
    --------
    >>> schedule = Plateau(1.0, patience=2)
    >>> [schedule.observe(metric) for metric in (0.5, 0.6, 0.7)], schedule(0)
    ([False, False, True], 0.2)
    """

    patience: int
    factor: float = 0.2
    minimum: float = 1e-6
    mode: str = "min"
    patience_factor: float = 1.0
    state: Json = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check.at_least("Plateau", "patience", self.patience, 1)
        _check.between("Plateau", "factor", self.factor, 0.0, 1.0)
        _check.choice("Plateau", "mode", self.mode, ("min", "max"))
        _check.at_least("Plateau", "minimum", self.minimum, 0.0)
        _check.at_least("Plateau", "patience_factor", self.patience_factor, 0.0, strictly=True)
        self.state.update(best=None, bad=0, reductions=0)

    def __call__(self, iteration: int) -> float:
        return self.lr * self.factor ** self.state["reductions"]

    @property
    def exhausted(self) -> bool:
        """Whether the learning rate is below `minimum`, which ends the run."""
        return self(0) < self.minimum

    def observe(self, value: float) -> bool:
        """Record the metric of a validation, and return whether it reduced the learning rate."""
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

    def spec(self) -> Json:
        """Return the type and the arguments as JSON, without the state."""
        return {name: value for name, value in super().spec().items() if name != "state"}

    def state_dict(self) -> Json:
        """Return the best metric, the validations since then, and the number of reductions."""
        return dict(self.state)

    def load_state_dict(self, state: Json) -> None:
        """Load the state that `state_dict` returned."""
        if set(state) != set(self.state):
            _check.fail("Plateau.load_state_dict", f"state holds {sorted(state)}", f"{sorted(self.state)}")
        self.state.update(state)


SCHEDULES: dict[str, type[Schedule]] = {
    c.__name__: c for c in (Constant, StepDecay, Plateau, Cosine, OneCycle)
}

RENAMED = {"Step": "StepDecay"}  # names of version 0.1.0


def __getattr__(name: str) -> object:
    return _renamed.attribute(__name__, name, RENAMED)


def from_spec(spec: Json) -> Schedule:
    """Build the schedule that `Schedule.spec` describes."""
    arguments = dict(spec)
    kind = arguments.pop("type", None)
    kind = RENAMED.get(kind, kind)
    _check.choice("schedules.from_spec", "type", kind, SCHEDULES)
    forms.arguments("schedules.from_spec", f"a schedule {kind}", arguments, SCHEDULES[kind])
    return SCHEDULES[kind](**arguments)
