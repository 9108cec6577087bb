"""Read-out and loss of a network with many classes in blocks of rows, without an array of all scores.

    below      h = layers[:-1](x)                        (T, B, H), as in any pass
    read-out   L, dh, dW, db = loss(W h + b, labels)     ops/softmax_readout: a few rows at a time
    below      the backward pass of layers[:-1] from dh

A row is one sample at one time step. With 10,000 words and 3200 rows the scores and their gradient
would need 256 MB in float32. The results are those of `Sequential.forward`, the loss and
`Sequential.backward` up to rounding.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._types import AnyArray, Array, LossFunction, Record, State
from ..layers import LastStep, Linear, Tied
from ..layers.context import Shard
from ..networks.below import below_last
from ..networks.recompute import KEEP
from ..networks.sequential import Sequential
from ..optim.class_options import NEITHER, ClassOptions
from ..optim.losses import counted
from ..parameters import Views
from ..tasks import Batch
from ..tasks.targets import SOFTMAX
from ..workspace import Workspace

# Scores of a batch from which blocks are used: 16 MiB in float32. Fewer scores stay in the cache of most CPUs.
LARGE = 2**22


class Gradients(NamedTuple):
    """Gradients of a read-out: of its input h (T, B, H) or (B, H), its weights (K, H) and its bias (K,)."""

    dh: AnyArray
    dW: AnyArray
    db: AnyArray


class Means(NamedTuple):
    """Result of an evaluation: mean loss, the numbers of targets that count and that are right, and the state."""

    loss: float
    targets: int
    right: int
    state: State


def applies(net: Sequential, loss: str | LossFunction, rows: int, classes: ClassOptions = NEITHER) -> bool:
    """Return whether read-out and loss of a batch with `rows` targets run in blocks.

    The last layer is affine, the loss is the softmax cross-entropy without class weights and label
    smoothing, the backend has the op, and there are at least LARGE scores.
    """
    last = net.layers[-1]
    if loss != SOFTMAX or not classes.neither or type(last) not in (Linear, Tied) or len(net.layers) == 1:
        return False
    return rows * (last.outputs or 0) >= LARGE and net.ops.serves("softmax_readout")


def applies_in_evaluation(net: Sequential, loss: str | LossFunction, batch: Batch) -> bool:
    """Return whether an evaluation of a batch, which needs no more than loss and accuracy, runs in blocks."""
    return batch.repeats == 1 and batch.recalled is None and applies(net, loss, batch.target.size)


def applies_to_steps(
    net: Sequential, loss: str | LossFunction, T: int, B: int, classes: ClassOptions = NEITHER
) -> bool:
    """Return the same for T steps of B samples."""
    every = not any(isinstance(layer, LastStep) for layer in net.layers)
    return applies(net, loss, T * B if every else B, classes)


class BlockedPasses:
    """The passes of an update (passes.py), with the read-out and its loss in blocks of rows.

    Its output is h, the input of the read-out, and the gradient of the output is a `Gradients`.
    """

    def __init__(self, net: Sequential, memory: str = KEEP, work: Workspace | None = None) -> None:
        self.net, self.memory, self._work, self._below = net, memory, work, below_last(net)

    def forward(
        self, batch: Batch, state: State, shard: Shard | None = None
    ) -> tuple[AnyArray, tuple[State, ...], Record]:
        """Return h, the state after the batch, and the tape."""
        state = None if state is None else state[:-1]
        h, after, tape = self._below.forward(
            batch.x, state, batch.lengths, work=self._work, memory=self.memory, shard=shard
        )
        return h, (*after, None), tape

    def loss_of(self, h: AnyArray, batch: Batch) -> tuple[float, Gradients]:
        """Return the mean loss and the gradients of the read-out."""
        mask, op = counted(h, batch.lengths, batch.mask), self.net.ops.softmax_readout
        loss, *gradients = op.loss(h, *weights(self.net), batch.target, mask, self._work)
        return loss, Gradients(*gradients)

    def backward(self, dy: Gradients | None, tape: Record, weight: float | None = None) -> Views:
        """Return the gradient of the parameters; `weight` multiplies dy, and None is a dy of zeros."""
        if dy is not None and weight is not None:
            dy = Gradients(*(array * array.dtype.type(weight) for array in dy))
        dh = None if dy is None else dy.dh
        _, _, grads = self._below.backward(dh, tape, input_gradient=False)
        for name, gradient in () if dy is None else zip(names(self.net), dy[1:], strict=True):
            self.net.ops.rows.add(grads[name], gradient, grads[name])
        return grads


def evaluate(net: Sequential, batch: Batch, state: State) -> Means:
    """Return the means of a batch in inference, from the state before it."""
    h, after = below_last(net).infer(batch.x, None if state is None else state[:-1], batch.lengths)
    mask = counted(h, batch.lengths, batch.mask)
    targets, loss, right = int(mask.sum()) if mask is not None else batch.target.size, 0.0, 0
    if targets:
        loss, right = net.ops.softmax_readout.evaluate(h, *weights(net), batch.target, mask)
    return Means(loss, targets, right, (*after, None))


def names(net: Sequential) -> tuple[str, str]:
    """Return the names of the weights and the bias of the last layer among the parameters."""
    last, number = net.layers[-1], len(net.layers) - 1
    return last.table if isinstance(last, Tied) else f"{number}.W", f"{number}.b"


def weights(net: Sequential) -> tuple[Array, Array]:
    """Return the weights (K, H) and the bias (K,) of the last layer."""
    W, b = names(net)
    return net.params[W], net.params[b]


def scored(net: Sequential, blocks: bool) -> Sequential:
    """Return the network whose output the loss takes: in blocks, that of the layers below the last one."""
    return below_last(net) if blocks else net


def trial(net: Sequential, h: AnyArray, work: Workspace) -> Record:
    """Return loss and gradients of the read-out for labels 0, for a measurement of the memory."""
    return net.ops.softmax_readout.loss(h, *weights(net), np.zeros(h.shape[:-1], np.int64), work=work)


def trial_evaluation(net: Sequential, h: AnyArray) -> Record:
    """Return the results of an evaluation for labels 0, for a measurement of the memory."""
    return net.ops.softmax_readout.evaluate(h, *weights(net), np.zeros(h.shape[:-1], np.int64))
