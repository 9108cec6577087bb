"""Layers are descriptions: sizes and options, no arrays. The network owns parameters, buffers and gradients
(networks.py).

Every layer has one contract, so that whole sequences, windows of a stream, truncated BPTT and recomputation
are all one loop:

    y, state, tape      = layer.forward(x, state, ctx)
    dx, dstate, grads   = layer.backward(dy, tape, dstate, ctx)

`state` is what flows from one window of time to the next, `tape` is what backward needs, `ctx` gives the
layer its arrays (base.py).
"""

from .base import Layer
from .batchnorm import BatchNorm
from .bidirectional import Bidirectional
from .dropout import Dropout
from .indrnn import IndRNN
from .laststep import LastStep
from .linear import Linear

TYPES: dict[str, type[Layer]] = {
    layer.__name__: layer for layer in (IndRNN, Bidirectional, Linear, BatchNorm, Dropout, LastStep)
}

__all__ = ["TYPES", "BatchNorm", "Bidirectional", "Dropout", "IndRNN", "LastStep", "Layer", "Linear"]
