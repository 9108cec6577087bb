"""Batch norm over a single value, where the output is the shift and the gradient is zero.

    x̂ = (x - mean) / √(var + eps) = 0 for a statistic over n = 1 value

The layers before a batch norm whose statistics are all over one value do not learn. A statistic
over one value occurs with `per_step` and a batch of one sample, at a step that only the longest
sample reaches, and in the last batch of an epoch if it is one sample of one step. A network refuses
a training pass in which all statistics of a layer are over one value, and warns once if some are. A
run checks its batches before it starts (training/single_values.py).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

import numpy as np

from .. import _check
from .._types import Array, Value
from .base import Layer
from .batchnorm import BatchNorm, value_counts
from .chain import named_layers

Shape = tuple[int, int, Array | None]  # T, B and lengths of a batch


def judge(where: str, layers: Sequence[Layer], batches: Iterable[Shape], refuse: bool = True) -> str:
    """Return a sentence about the share of statistics over one value, or "" without any.

    Raises
    ------
    ValueError
        If all statistics of a layer are over one value, and `refuse`.
    """
    batches, sentence = list(batches), ""
    norms = [(name, layer.per_step) for name, layer in named_layers(layers) if isinstance(layer, BatchNorm)]
    for per_step, name in {per_step: name for name, per_step in reversed(norms)}.items():
        counts = np.concatenate([value_counts(*batch, per_step) for batch in batches])
        single, total = int((counts == 1).sum()), int((counts > 0).sum())
        if single == total > 0 and refuse:
            advice = "; use a larger batch" + (", or per_step=False" if per_step else "")
            because = f"because its gradient is zero over one value, and no layer before it learns{advice}"
            problem = f"batch norm (layer {name}) takes each statistic over one value"
            _check.fail(where, problem, "at least two values", because)
        if single:
            share = f"{single} of {total} statistics ({100 * single / total:.2g} %)"
            subject = f"{where}: batch norm (layer {name})"
            sentence = f"{subject} takes {share} over one value, where its gradient is zero"
    return sentence


def accept(net: Value) -> Value:
    """Disable the check for a network that is not trained, and return the network."""
    net.refuses_single_values, net.warned_of_single_values = False, True
    return net


def check(net: Value, T: int, B: int, lengths: Array | None) -> None:
    """Refuse a training pass with statistics over single values only; warn once if some are."""
    if (lengths is None and B > 1) or (net.warned_of_single_values and not net.refuses_single_values):
        return
    sentence = judge("Sequential.forward", net.layers, [(T, B, lengths)], net.refuses_single_values)
    if sentence and not net.warned_of_single_values:
        net.warned_of_single_values = True
        warnings.warn(sentence, UserWarning, stacklevel=4)
