"""Base class of the schedules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass

from .. import _check
from .._types import Json


@dataclass(frozen=True)
class Schedule(ABC):
    """Base class of all schedules.

    Parameters
    ----------
    lr : float
        Largest learning rate.
    """

    lr: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            object.__setattr__(self, name, _check.as_json(value))  # NumPy's float32 would halve the precision
        _check.at_least(type(self).__name__, "lr", self.lr, 0.0, strictly=True)

    @abstractmethod
    def __call__(self, iteration: int) -> float:
        """Return the learning rate of the update with index `iteration`, from 0."""

    def spec(self) -> Json:
        """Return the type and the arguments as JSON; `from_spec` builds the schedule from them."""
        return {"type": type(self).__name__, **asdict(self)}

    def state_dict(self) -> Json:
        """Return the state that the iteration does not determine; most schedules have none."""
        return {}

    def load_state_dict(self, state: Json) -> None:
        """Load the state that `state_dict` returned."""
        if state:
            where = f"{type(self).__name__}.load_state_dict"
            _check.fail(where, f"state holds {sorted(state)}", "an empty state")
