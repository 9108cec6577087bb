"""Standardise the channels of real inputs: subtract the mean, and divide by the standard deviation.

Both are taken over the valid time steps of the training samples. The description of a task stores
them, so that a run is evaluated with the numbers of its training.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .. import _check
from .._types import Array, Json


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of each channel.

    Parameters
    ----------
    mean, deviation : float64 array (D,)
        A constant channel has deviation 1.

    Examples
    --------
    >>> Scaling(np.array([2.0]), np.array([4.0])).apply(np.array([[6.0], [2.0]])).tolist()
    [[1.0], [0.0]]
    """

    mean: Array
    deviation: Array

    def apply(self, x: Array) -> Array:
        """Return (x - mean) / deviation in the dtype of x, computed in float64."""
        with np.errstate(over="ignore", invalid="ignore"):  # padding may hold any numbers
            return ((x - self.mean) / self.deviation).astype(x.dtype)

    def restore(self, y: Array) -> Array:
        """Return numbers in their original units, in float64: y · deviation + mean."""
        return y * self.deviation + self.mean

    def error(self, y: Array, target: Array) -> float:
        """Return the root of the mean squared difference in original units."""
        return float(np.sqrt(np.mean((self.deviation * (y - target.astype(np.float64))) ** 2)))

    def describe(self) -> Json:
        """Return mean and deviation as lists."""
        return {"mean": self.mean.tolist(), "deviation": self.deviation.tolist()}


def unscaled(channels: int) -> Scaling:
    """Return the scaling that leaves values as they are."""
    return Scaling(np.zeros(channels), np.ones(channels))


def of_targets(described: Json) -> Scaling | None:
    """Return the scaling of the real targets of a described task, or None if they are as in the data."""
    scale = described.get("targets")
    return None if scale is None else Scaling(np.array(scale["mean"]), np.array(scale["deviation"]))


def scaling(where: str, channels: Iterable[Array]) -> Scaling:
    """Return the scaling of channels, each an array of its values; NaN is a missing value."""
    mean, deviation = [], []
    for d, channel in enumerate(channels, start=1):
        present = channel[~np.isnan(channel)].astype(np.float64)
        if not len(present):
            problem = f"channel {d} has no value in the training series"
            cure = "(--no-standardise leaves values as they are)"
            _check.fail(where, problem, "at least one to standardise by", cure)
        # Scaling by a power of two is exact and keeps sums and squares within float64.
        exponent = int(np.frexp(np.abs(present).max())[1])
        scaled = np.ldexp(present, -exponent)
        mean.append(np.ldexp(scaled.mean(), exponent))
        deviation.append(np.ldexp(scaled.std(), exponent) or 1.0)
    return Scaling(np.array(mean), np.array(deviation))


def same_scaling(where: str, now: Json, then: Json, path: object) -> None:
    """Check that a task scales its inputs as the task in the checkpoint at `path` did."""
    for key in ("mean", "deviation", "targets"):
        if key in then and now.get(key) != then[key]:
            problem = f"the {key} of the training data is not that of {path}"
            cure = "; keep the training data in the file, and put new sequences into its test part"
            because = f"because the run standardised its inputs by it{cure}"
            _check.fail(where, problem, f"the same {key}", because)
