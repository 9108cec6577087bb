"""The one-neuron experiment: keep one neuron of the last recurrent layer and refit the read-out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import ClassVar

import numpy as np

from .. import _check
from .._types import Array
from ..layers import LastStep, Linear
from ..networks.sequential import Sequential
from ..optim import optimizers
from ..optim.schedules import Cosine
from ..tasks import Task
from ..training.fit import fit
from ..training.plan import Plan
from .finding import Finding, Table
from .objective import LOSSES
from .ranking import explained, one_hot
from .states import neuron_indices, outputs, read_out

NAMES = {
    "mse": "mean squared error", "softmax_cross_entropy": "cross-entropy in nats",
    "binary_cross_entropy": "binary cross-entropy in nats",
}  # fmt: skip


@dataclass(frozen=True, repr=False, eq=False)
class OneNeuron(Finding):
    """Result of `one_neuron` for M neurons and K outputs, best neuron first.

    All losses are means over held-out outputs.

    Attributes
    ----------
    layer, loss : str
        Names of the last recurrent layer and of the loss.
    neurons : array (M,)
        Indices of the neurons.
    errors : array (M,)
        Loss with one neuron and a refitted read-out.
    whole, blind : float
        Loss of the unchanged network, and of the best constant output.
    W, b : array (M, K)
        Read-outs, y_k = W_k z_n + b_k.
    """

    kind: ClassVar[str] = "one_neuron"

    layer: str
    loss: str
    neurons: Array
    errors: Array
    whole: float
    blind: float
    W: Array
    b: Array
    title: str = ""

    def words(self) -> str:
        """Return the errors of the best neuron, of the network and of the best constant output."""
        return (
            f"{NAMES[self.loss]} with neuron {self.neurons[0]} of layer {self.layer} alone and a refitted read-out: "
            f"{self.errors[0]:.3g}; the whole network {self.whole:.3g}, the best constant output {self.blind:.3g}"
        )

    def table(self) -> Table:
        """Return one row for each neuron, then the network and the constant output."""
        return {
            "kept": [*(f"neuron {n}" for n in self.neurons), "all", "none"],
            NAMES[self.loss]: [*self.errors, self.whole, self.blind],
        }


def one_neuron(
    net: Sequential, task: Task, neurons: int | Sequence[int] = 5, answers: int = 2000, iterations: int = 500,
    lr: float = 0.1, batch: int = 50, title: str = "",
) -> OneNeuron:  # fmt: skip
    """Fit a read-out to one neuron of the last recurrent layer, and measure its held-out error.

    The network runs as in inference and is not changed.

    Parameters
    ----------
    net : Sequential
        Network.
    task : Task
        Training data for the fit; validation data, or test data without them, for the error.
    neurons : int or sequence of int
        Indices, or a number: the neurons whose linear fit explains most of the training target.
    answers : int
        Number of outputs for the fit, and the largest number for the error.
    iterations, lr : int, float
        Iterations and learning rate of Adam; unused for mse.
    batch : int
        Batch size.
    title : str
        Title of the figures.

    Raises
    ------
    ValueError
        If another layer mixes the neurons before the read-out, so that its weights belong to no
        single neuron.

    Notes
    -----
    The fit minimises the loss of y = w z_n + b over w (K,) and b (K,). mse: the least-squares line,
    w = cov(z_n, target) / var(z_n). Cross-entropy: Adam on all outputs at once with standardised
    z_n; the problem is convex. Li et al. 2018, arXiv:1803.04831, section 5.1.1 and figure 4, train
    the read-out by gradient descent.
    """
    where = "study.one_neuron"
    layer, W = read_out(where, net)
    _check.at_least(where, "answers", answers, 2)
    training = outputs(net, (task.batch(net.iteration + i, batch) for i in count()), answers)
    split = next((name for name in ("validation", "test") if name in task.splits), "train")
    unseen = outputs(net, task.evaluation(split, batch, net.iteration), answers)
    loss, K = task.loss, len(W)
    best = np.argsort(-explained(training.z, one_hot(training.target, K)), kind="stable")
    if isinstance(neurons, int):
        _check.between(where, "neurons", neurons, 1, len(best) + 1)
        chosen = best[:neurons]
    else:
        chosen = neuron_indices(where, neurons, len(best))

    def refit(z: Array) -> tuple[Array, Array]:
        return (
            line(z, training.target) if loss == "mse" else scores(z, training.target, K, loss, iterations, lr)
        )

    def error(y: Array) -> float:
        labels = unseen.target.dtype.kind in "iu"
        return float(LOSSES[loss](y, unseen.target if labels else unseen.target.astype(np.float64))[0])

    fits = [refit(training.z[:, n]) for n in chosen]
    errors = np.array([error(unseen.z[:, n, None] * w + b) for n, (w, b) in zip(chosen, fits, strict=True)])
    order = np.argsort(errors, kind="stable")
    weights, biases = (np.stack(column)[order] for column in zip(*fits, strict=True))
    _, constant = refit(np.zeros(len(training.z)))
    blind = error(np.repeat(constant[None], len(unseen.z), axis=0))
    return OneNeuron(
        layer, loss, chosen[order], errors[order], error(unseen.y), blind, weights, biases, title
    )


def line(z: Array, target: Array) -> tuple[Array, Array]:
    """Return slope and intercept (K,) of the least-squares line from z (S,) to target (S, K)."""
    middle, target = z.mean(), target.astype(np.float64)
    around, mean = z - middle, target.mean(axis=0)
    width = around @ around
    w = around @ (target - mean) / width if width > 0 else np.zeros(target.shape[1])
    return w, mean - w * middle


def scores(z: Array, target: Array, K: int, loss: str, iterations: int, lr: float) -> tuple[Array, Array]:
    """Return w and b (K,) of y = w z + b, z (S,), with the least cross-entropy for target (S,) or (S, K)."""
    middle, width = z.mean(), z.std()
    width = width if width > 0 else 1.0
    net = Sequential([LastStep(), Linear(1, K, input_init=0.0)], dtype="float64")
    share, least = one_hot(target, K).mean(axis=0), 0.5 / len(target)
    net.params["1.b"][:] = np.log(np.maximum(share, least))  # the best constant output
    if loss == "binary_cross_entropy":
        net.params["1.b"][:] -= np.log(np.maximum(1 - share, least))
    x = ((z - middle) / width).reshape(1, -1, 1)
    if x.any():
        plan = Plan(iterations, len(z), loss, schedule=Cosine(lr, iterations), validate_every=0)
        result = fit(net, (x, target), optimizers.Adam(lr), plan=plan, progress=False)
        if result.summary["ended"] == "interrupted":
            raise KeyboardInterrupt
    w = net.params["1.W"][:, 0] / width
    return w, net.params["1.b"] - w * middle
