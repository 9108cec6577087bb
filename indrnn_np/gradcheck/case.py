"""One op at one point: what the cases of op_cases and cell_cases are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """One op at one point.

    forward(ops, arrays)                  -> outputs by name, and whatever backward needs
    backward(ops, arrays, kept, douts)    -> gradients by name
    """

    name: str
    arrays: dict[str, np.ndarray]
    forward: Callable[[Any, Arrays], tuple[dict[str, np.ndarray], Any]]
    backward: Callable[[Any, Arrays, Any, Arrays], dict[str, np.ndarray]]
    rectified: bool = False  # the first output is a relu's: its gates are output > 0

    def cotangents(self, outputs: Arrays, seed: int) -> dict[str, np.ndarray]:
        """A fixed random gradient for each output; 1 for a loss."""
        rng = np.random.default_rng([seed, 1])
        return {
            n: np.ones(()) if np.ndim(y) == 0 else rng.standard_normal(y.shape) for n, y in outputs.items()
        }


def draw_lengths(rng: np.random.Generator, T: int, B: int) -> np.ndarray:
    """Lengths from 0 to T; with two samples or more both ends occur."""
    lengths = rng.integers(0, T + 1, B)
    lengths[-1] = T
    if B > 1:
        lengths[0] = 0
    return lengths
