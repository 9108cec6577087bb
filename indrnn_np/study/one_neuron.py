"""The one-neuron experiment: keep one neuron of the last recurrent layer, and fit the read-out anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import ClassVar

import numpy as np

from .. import _check, optim
from ..layers import LastStep, Linear
from ..schedules import Cosine
from ..sequential import Sequential
from ..tasks import Task
from ..train import fit
from .finding import Finding, Table
from .objective import LOSSES
from .ranking import explained, one_hot
from .states import read_out, rows

NAMES = {"mse": "mean squared error", "softmax_cross_entropy": "cross-entropy in nats"}


@dataclass(frozen=True, repr=False, eq=False)
class OneNeuron(Finding):
    """What `one_neuron` measured, the best neuron first. M neurons, K outputs.

    layer: the name of the last recurrent layer; loss: its name, of which whole (the network as it is), blind (the best
    constant answer) and errors (M,) (one neuron and a read-out of its own) are means over the held-out answers.
    neurons (M,): their numbers. W (M, K) and b (M, K): the read-outs, y_k = W_k z_n + b_k.
    """

    kind: ClassVar[str] = "one_neuron"

    layer: str
    loss: str
    neurons: np.ndarray
    errors: np.ndarray
    whole: float
    blind: float
    W: np.ndarray
    b: np.ndarray
    title: str = ""

    def words(self) -> str:
        """The best neuron's error between that of the network and that of the blind guess."""
        return (
            f"{NAMES[self.loss]} with neuron {self.neurons[0]} of layer {self.layer} alone and a read-out of its own: "
            f"{self.errors[0]:.3g}; the whole network {self.whole:.3g}, the best constant answer {self.blind:.3g}"
        )

    def table(self) -> Table:
        """A line for each neuron, then the network and the constant answer."""
        return {
            "kept": [*(f"neuron {n}" for n in self.neurons), "all", "none"],
            NAMES[self.loss]: [*self.errors, self.whole, self.blind],
        }


def one_neuron(
    net: Sequential, task: Task, neurons: int | Sequence[int] = 5, answers: int = 2000, iterations: int = 500,
    lr: float = 0.1, batch: int = 50, title: str = "",
) -> OneNeuron:  # fmt: skip
    """Keep one neuron of the last recurrent layer, fit a read-out for it alone, and measure the error on new data.

    Equation   min over w (K,), b (K,) of the task's loss of y = w z_n + b, all else as it was trained
               mse: a least-squares line, w = cov(z_n, target) / var(z_n), which is exact; cross-entropy: this convex
               problem by Adam on all answers at once, z_n scaled to mean 0 and standard deviation 1
    Raises     ValueError where a weight of the read-out doesn't belong to one neuron (something else stands between)
    Source     Li et al. 2018, arXiv:1803.04831, 5.1.1 and figure 4 (the read-out trained by gradient descent)

    Parameters
    ----------
    net
        The network, run as in inference; it stays as it is.
    task
        Its task: training data to fit on, validation data (test data if there is none) to measure on.
    neurons
        Numbers of neurons; or how many: those of which a line explains most of the target in the training data.
    answers
        Answers to fit on, and at most as many to measure on.
    iterations, lr
        Of Adam; mse has no use for them.
    batch
        Sequences that are run at once.
    title
        Whose neurons they are, for pictures.
    """
    where = "study.one_neuron"
    layer, W = read_out(where, net)
    _check.at_least(where, "answers", answers, 2)
    seen = rows(net, (task.batch(net.iteration + i, batch) for i in count()), answers)
    split = next((name for name in ("validation", "test") if name in task.splits), "train")
    held = rows(net, task.evaluation(split, batch, net.iteration), answers)
    loss, K = task.loss, len(W)
    best = np.argsort(-explained(seen.z, one_hot(seen.target, K)), kind="stable")
    chosen = _chosen(where, neurons, best)

    def refit(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return line(z, seen.target) if loss == "mse" else scores(z, seen.target, K, iterations, lr)

    def error(y: np.ndarray) -> float:
        return float(LOSSES[loss](y, held.target.astype(np.float64) if loss == "mse" else held.target)[0])

    fits = [refit(seen.z[:, n]) for n in chosen]
    errors = np.array([error(held.z[:, n, None] * w + b) for n, (w, b) in zip(chosen, fits, strict=True)])
    order = np.argsort(errors, kind="stable")
    weights, biases = (np.stack(column)[order] for column in zip(*fits, strict=True))
    _, constant = refit(np.zeros(len(seen.z)))
    blind = error(np.repeat(constant[None], len(held.z), axis=0))
    return OneNeuron(layer, loss, chosen[order], errors[order], error(held.y), blind, weights, biases, title)


def line(z: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least-squares line from z (S,) to target (S, K): slope (K,), 0 if z is constant, and what is added (K,)."""
    middle, target = z.mean(), target.astype(np.float64)
    around, mean = z - middle, target.mean(axis=0)
    width = around @ around
    w = around @ (target - mean) / width if width > 0 else np.zeros(target.shape[1])
    return w, mean - w * middle


def scores(
    z: np.ndarray, labels: np.ndarray, K: int, iterations: int, lr: float
) -> tuple[np.ndarray, np.ndarray]:
    """The read-out y = w z + b of z (S,) that gives the labels (S,) the smallest cross-entropy; w and b are (K,)."""
    middle, width = z.mean(), z.std()
    width = width if width > 0 else 1.0
    net = Sequential([LastStep(), Linear(1, K, input_init=0.0)], dtype="float64")
    share = np.bincount(labels, minlength=K) / len(labels)
    net.params["1.b"][:] = np.log(np.maximum(share, 0.5 / len(labels)))  # the best constant answer
    x = ((z - middle) / width).reshape(1, -1, 1)
    if x.any():
        fit(net, (x, labels), optim.Adam(lr), iterations, batch=len(z), schedule=Cosine(lr, iterations),
            loss="softmax_cross_entropy", validate_every=0, progress=False)  # fmt: skip
    w = net.params["1.W"][:, 0] / width
    return w, net.params["1.b"] - w * middle


def _chosen(where: str, neurons: int | Sequence[int], best: np.ndarray) -> np.ndarray:
    """The numbers of the neurons to try, out of all in the order of what a line through them explains."""
    if isinstance(neurons, int):
        _check.between(where, "neurons", neurons, 1, len(best) + 1)
        return best[:neurons]
    chosen = np.asarray(neurons)
    if chosen.ndim != 1 or not chosen.size:
        _check.fail(where, f"neurons is {neurons!r}", "how many, or a list of numbers, at least one")
    _check.symbols(where, "neurons", chosen, len(best))
    return chosen
