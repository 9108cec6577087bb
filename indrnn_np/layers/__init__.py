"""Layers are descriptions: sizes and options, no arrays. The network owns parameters, buffers and gradients
(sequential.py).

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
from .tied import Tied

TYPES: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        IndRNN, Recurrence, Bidirectional, RNN, LSTM, GRU, Residual, Concat, Embedding, Tied, Linear, BatchNorm,
        LayerNorm, Dropout, LastStep,
    )
}  # fmt: skip

__all__ = [
    "GRU", "LSTM", "RNN", "TYPES", "BatchNorm", "Bidirectional", "Concat", "Dropout", "Embedding", "IndRNN", "LastStep",
    "Layer", "LayerNorm", "Linear", "Recurrence", "Residual", "Tied",
]  # fmt: skip
