"""Layers describe sizes and options and hold no arrays.

The network owns the parameters, buffers and gradients (networks/sequential.py). All layers share
one contract, so the same loop runs whole sequences, windows of a stream, truncated BPTT and
recomputation:

    y, state, tape      = layer.forward(x, state, ctx)
    dx, dstate, grads   = layer.backward(dy, tape, dstate, ctx)

`state` is carried from one window of time to the next, `tape` holds the arrays that backward needs,
and `ctx` provides the layer's arrays (base.py).
"""

from .base import Layer, Parameter
from .batchnorm import BatchNorm
from .bidirectional import Bidirectional
from .containers import Concat, Residual
from .dropout import Dropout
from .embedding import Embedding
from .gru import GRU
from .indrnn import IndRNN
from .laststep import LastStep
from .layernorm import LayerNorm
from .linear import Linear
from .lstm import LSTM
from .recurrence import Recurrence
from .rnn import RNN
from .rotating import RotatingIndRNN
from .tied import Tied

TYPES: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        IndRNN, Recurrence, Bidirectional, RNN, LSTM, GRU, RotatingIndRNN, Residual, Concat, Embedding, Tied, Linear,
        BatchNorm, LayerNorm, Dropout, LastStep,
    )
}  # fmt: skip

__all__ = [
    "GRU", "LSTM", "RNN", "TYPES", "BatchNorm", "Bidirectional", "Concat", "Dropout", "Embedding", "IndRNN", "LastStep",
    "Layer", "LayerNorm", "Linear", "Parameter", "Recurrence", "Residual", "RotatingIndRNN",
    "Tied",
]  # fmt: skip
