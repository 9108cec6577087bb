"""Stacks of layers as the papers build them."""

from __future__ import annotations

from typing import Any

from . import _check
from .layers import BatchNorm, Dropout, IndRNN, LastStep, Layer, Linear
from .sequential import Sequential

OUTPUTS = ("last", "every")


def plain(
    input_size: int,
    hidden: int,
    output_size: int,
    layers: int,
    steps: int | None,
    batchnorm: bool = False,
    dropout: float = 0.0,
    output: str = "last",
    activation: str = "relu",
    gamma: float = 2.0,
    constrain: bool = True,
    recurrent_init: str | float = "uniform",
    last_init: str | float | None = None,
    input_init: str | float | None = None,
    **options: Any,
) -> Sequential:
    """The basic IndRNN: `layers` recurrent layers, each with its batch norm and dropout behind it, and an
    affine read-out.

    Li et al. 2018, arXiv:1803.04831, figure 1 (a), and 2019, arXiv:1910.06251, 5.1. Defaults that depend on
    the rest: the last recurrent layer starts with long memories if only the last step is read
    (`last_init`), W starts tiny without batch norm and kaiming-uniform with it (`input_init`). `options`
    (backend, dtype, seed) go to Sequential.
    """
    _check.at_least("plain", "layers", layers, 1)
    _check.choice("plain", "output", output, OUTPUTS)
    last_only = output == OUTPUTS[0]
    if last_init is None:
        last_init = "long" if last_only and recurrent_init == "uniform" else recurrent_init
    if input_init is None:
        input_init = "kaiming" if batchnorm else "normal"
    stack: list[Layer] = []
    for i in range(layers):
        u_init = last_init if i == layers - 1 else recurrent_init
        stack.append(
            IndRNN(input_size if i == 0 else hidden, hidden, activation, u_init, input_init, gamma, constrain)
        )
        stack += [BatchNorm(hidden)] if batchnorm else []
        stack += [Dropout(dropout)] if dropout else []
    stack += [LastStep()] if last_only else []
    return Sequential([*stack, Linear(hidden, output_size)], steps=steps, **options)
