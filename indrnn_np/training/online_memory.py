"""Estimate of the memory of training by online gradients, before it starts."""

from __future__ import annotations

import numpy as np

from .._types import Array
from ..gradients.online import online
from ..networks.sequential import Sequential
from ..tasks import Batch

COPIES = 4  # of a trace: before and after a step, and the terms of its sum


def estimate(net: Sequential, rule: str, example: Batch, samples: int, moments: int) -> int:
    """Return the additional memory of training in bytes: a batch, traces, gradients and moments.

    Parameters
    ----------
    net : Sequential
        Network.
    rule : str
        Rule of the online gradients.
    example : Batch
        A batch of the run. Only its arrays grow with T.
    samples : int
        Samples per batch.
    moments : int
        Arrays of the size of the parameters that the optimizer holds.
    """
    learner = online(net, rule)
    x_t = np.zeros((1, example.x.shape[2]), net.dtype)
    learner.step(x_t)
    traces = sum(array.nbytes for arrays in learner.state() for array in arrays)  # of one sample
    batch = sum(_bytes(array) for array in (example.x, example.target, example.mask)) / example.x.shape[1]
    return round(samples * (COPIES * traces + batch)) + (2 + moments) * net.flat.nbytes


def _bytes(array: Array | None) -> int:
    return 0 if array is None else array.nbytes
