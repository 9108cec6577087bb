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
from .shards import samples_of

SAMPLED = 20  # batches of an epoch that are checked if samples have lengths


def check(net: Sequential, task: Task, size: int, shards: int = 1) -> str:
    """Return a warning about statistics over a single value, "" if an epoch has none.

    Batches of `size` samples are cut into `shards`, which have statistics of their own.

    Raises
    ------
    ValueError
        If all statistics of a layer are over a single value in the sampled batches.
    """
    if not any(isinstance(layer, BatchNorm) for _, layer in named_layers(net.layers)):
        return ""
    length = task.epoch_length(size) or SAMPLED
    batches = [_shapes(task, number, size, shards) for number in sorted({0, length - 1})]
    if any(lengths is not None for shapes in batches for _, _, lengths in shapes):
        numbers = np.unique(np.linspace(0, length - 1, SAMPLED).round().astype(int))
        batches = [_shapes(task, int(number), size, shards) for number in numbers]
    elif len(batches) > 1:
        batches = [batches[0]] * (length - 1) + batches[1:]
    return single_values.judge("train", net.layers, [shape for shapes in batches for shape in shapes])


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


def _shapes(task: Task, number: int, size: int, shards: int) -> list[single_values.Shape]:
    """Return the shapes of the shards of a batch."""
    batch = task.batch(number, size)
    T, B = batch.x.shape[:2]
    cuts = [samples_of(s, shards, B) for s in range(shards)]
    ends = [None if batch.lengths is None else batch.lengths[samples] for samples in cuts]
    return [(T, cut.stop - cut.start, lengths) for cut, lengths in zip(cuts, ends, strict=True)]
