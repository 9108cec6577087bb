"""Check before a run that batch norm can learn from its batches (see layers/single_values.py)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ..layers import single_values
from ..layers.batchnorm import BatchNorm
from ..layers.chain import named_layers
from ..networks.sequential import Sequential
from ..tasks import Task

SAMPLED = 20  # batches of an epoch that are checked if samples have lengths


def check(net: Sequential, task: Task, size: int) -> str:
    """Return a warning about statistics over a single value, "" if an epoch has none.

    Raises
    ------
    ValueError
        If all statistics of a layer are over a single value in the sampled batches.
    """
    if not any(isinstance(layer, BatchNorm) for _, layer in named_layers(net.layers)):
        return ""
    length = task.epoch_length(size) or SAMPLED
    shapes = [_shape(task, number, size) for number in sorted({0, length - 1})]
    if any(lengths is not None for _, _, lengths in shapes):
        numbers = np.unique(np.linspace(0, length - 1, SAMPLED).round().astype(int))
        shapes = [_shape(task, int(number), size) for number in numbers]
    elif len(shapes) > 1:
        shapes = [shapes[0]] * (length - 1) + shapes[1:]
    return single_values.judge("train", net.layers, shapes)


@contextmanager
def known(net: Sequential, warned: bool) -> Iterator[None]:
    """Allow batches with statistics over a single value, because `check` has accepted the run.

    If `check` has not `warned`, the first such batch warns: it was not among the sampled batches.
    """
    before = net.refuses_single_values, net.warned_of_single_values
    net.refuses_single_values, net.warned_of_single_values = False, warned
    try:
        yield
    finally:
        net.refuses_single_values, net.warned_of_single_values = before


def _shape(task: Task, number: int, size: int) -> single_values.Shape:
    batch = task.batch(number, size)
    return batch.x.shape[0], batch.x.shape[1], batch.lengths
