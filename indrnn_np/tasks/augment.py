"""Random changes of training samples: noise on the inputs, and windows in place of whole sequences.

    jitter σ    x + σ ε,  ε ~ N(0, 1) for each value
    crop c      a window of max(1, ceil(c · length)) time steps of each sample, at a random place

The numbers are functions of (seed, iteration, index), as all random numbers of a task. Evaluations,
and the samples for batch norm's statistics, are unchanged. Source: Um et al. 2017, arXiv:1706.00527.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import ndtri

from .. import _check, backend
from .._types import Array
from . import Batch, Task
from ._random import STREAMS
from .wrapped import Wrapped

WHERE = "tasks.Augmented"
LARGEST = 1e37  # of a jitter, in float32
HALF_STEP = 2.0**-25  # of uniform numbers in float32, which are the multiples of 2⁻²⁴ in [0, 1)


def normal(uniform: Array) -> Array:
    """Return normal numbers (float64) for uniform ones (float32); they are finite.

    In float32, 1 - 2⁻²⁴ + HALF_STEP would be rounded to 1.
    """
    return ndtri(uniform.astype(np.float64) + HALF_STEP)


class Augmented(Wrapped):
    """A task whose training samples change at random.

    Parameters
    ----------
    task : Task
        Task with real inputs, such as `tasks.get("sequences", data="data.npz")` or `tasks.Arrays`.
    jitter : float
        Standard deviation σ of the noise, in units of the inputs. 0: no noise.
    crop : float
        Share c of the time steps that a window keeps, above 0. 1: whole sequences. Targets of every
        step are cut in the same way.
    seed : int
        Seed of the random numbers.

    Raises
    ------
    ValueError
        If the inputs are symbols, or a batch continues the sequences of the batch before.

    Examples
    --------
    >>> import numpy as np
    >>> from indrnn_np.tasks.arrays import Arrays
    >>> task = Augmented(Arrays(np.zeros((10, 6, 1)), np.arange(6) % 2), jitter=0.1, crop=0.75)
    >>> task.batch(0, 3).x.shape
    (8, 3, 1)
    """

    def __init__(self, task: Task, jitter: float = 0.0, crop: float = 1.0, seed: int = 0) -> None:
        if not hasattr(task, "batch"):
            expected = "a task, such as tasks.Arrays(x, y)"
            _check.fail(WHERE, f"task is a {type(task).__name__}", expected, error=TypeError)
        if _check.at_least(WHERE, "jitter", jitter, 0.0) > LARGEST:
            because = "because noise of six deviations must be finite in float32"
            _check.fail(WHERE, f"jitter is {jitter}", f"a deviation of at most {LARGEST:g}", because)
        if _check.at_least(WHERE, "crop", crop, 0.0, strictly=True) > 1:
            _check.fail(WHERE, f"crop is {crop}", "a share of the time steps, at most 1")
        super().__init__(task)
        self.jitter, self.crop, self.seed = float(jitter), float(crop), seed

    def batch(self, iteration: int, size: int) -> Batch:
        """Return the batch of an iteration with noise, in windows."""
        batch = self.task.batch(iteration, size)
        if batch.x.dtype.kind != "f" or batch.carry:
            problem = "a batch continues the one before" if batch.carry else "the inputs are symbols"
            _check.fail(WHERE, f"in task {self.name!r} {problem}", "whole sequences of real inputs")
        if self.crop < 1:
            batch = self._cropped(batch, iteration)
        if self.jitter:
            noise = self.jitter * normal(self._uniform("jitter", iteration, batch.x.shape))
            batch = replace(batch, x=batch.x + noise.astype(batch.x.dtype))
        return batch

    def _cropped(self, batch: Batch, iteration: int) -> Batch:
        """Return a window of each sample; all start at time step 0."""
        T, B = batch.x.shape[:2]
        lengths = np.full(B, T) if batch.lengths is None else batch.lengths
        kept = np.maximum(1, np.ceil(self.crop * lengths - 1e-9)).astype(np.int64)
        start = np.floor(self._uniform("crop", iteration, (B,)) * (lengths - kept + 1)).astype(np.int64)
        # steps beyond a window repeat the last step of the array, and are padding
        steps = np.minimum(start + np.arange(kept.max())[:, None], T - 1)  # (T', B)

        def window(array: Array) -> Array:
            return array[steps, np.arange(B)]

        batch = replace(batch, x=window(batch.x), lengths=None if batch.lengths is None else kept)
        if self.output == "last":
            return batch
        mask, recalled = (None if array is None else window(array) for array in (batch.mask, batch.recalled))
        return replace(batch, target=window(batch.target), mask=mask, recalled=recalled)

    def _uniform(self, stream: str, iteration: int, shape: tuple[int, ...]) -> Array:
        """Return numbers in [0, 1), a function of (seed, stream, iteration)."""
        return backend.get("cpu").random.uniform((self.seed, STREAMS[stream], iteration), shape, "float32")
