"""Optimizers: SGD and Adam.

An optimizer holds settings and moments. `update(net, grads)` changes the flat parameter array of
the network in place (optimizer_base.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .. import _check
from .._files import forms
from .._types import Array, Json
from ..networks.sequential import Sequential
from .optimizer_base import Optimizer

__all__ = ["OPTIMIZERS", "SGD", "Adam", "Optimizer", "from_spec"]


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, weight decay and learning rates by parameter.

    Parameters
    ----------
    lr : float
        Learning rate. You may set it between updates.
    momentum : float
        Factor of the previous m, 0 <= momentum < 1.
    nesterov : bool
        Use Nesterov's momentum.
    weight_decay : float
        L2 coefficient, added to the gradient as weight_decay · p.
    decay_on : sequence of str
        Letters of the parameters that decay. By default only W decays.
    lr_of : dict of str to float, optional
        Factors of the learning rate by parameter letter, such as {"u": 0.05}. Over T time steps
        a state is multiplied by u^T, so u needs changes as small as 1/T (docs/results.md). The
        first update refuses letters that the network lacks.

    Notes
    -----
    m ← momentum · m + g, p ← p - lr · m; with Nesterov p ← p - lr (g + momentum · m) (ops/sgd).

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_np as ir
    >>> net = ir.Sequential([ir.Linear(1, 1)], dtype="float64", backend="reference")
    >>> y, _, tape = net.forward(np.ones((1, 1, 1)))
    >>> SGD(lr=0.1).update(net, net.backward(np.ones_like(y), tape)[2])
    >>> net.params["0.b"]
    array([-0.1])
    """

    moments = ("m",)
    settings = ("momentum", "nesterov")

    def __init__(
        self, lr: float, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0,
        decay_on: Sequence[str] = ("W",), lr_of: Mapping[str, float] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(lr, weight_decay, decay_on, lr_of)
        _check.between("SGD", "momentum", momentum, 0.0, 1.0)
        _check.boolean("SGD", "nesterov", nesterov)
        self.momentum, self.nesterov = momentum, bool(nesterov)

    def _update(self, net: Sequential, g: Array) -> None:
        net.ops.sgd.update(
            net.flat, g, self._arrays["m"], self.lr, self.momentum, self.nesterov, self.weight_decay,
            self._decay, self._rate,
        )  # fmt: skip


class Adam(Optimizer):
    """Adam and AdamW.

    Parameters
    ----------
    lr : float
        Learning rate. You may set it between updates. The IndRNN papers use 2e-4.
    b1, b2 : float
        Decay rates of the first and second moment.
    eps : float
        Constant added to √v̂. It must be a normal number in the dtype of the network: at least
        1.2e-38 in float32.
    weight_decay : float
        Coefficient of the decay. Its L2 gradient is added to the gradient unless `decoupled`.
    decoupled : bool
        AdamW: subtract lr · weight_decay · p from p instead (Loshchilov & Hutter 2019).
    decay_on, lr_of
        Weight decay and learning rates by parameter, as in `SGD`.

    Notes
    -----
    p ← p - lr m̂ / (√v̂ + eps) (Kingma & Ba 2015, arXiv:1412.6980, algorithm 1; ops/adam).

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_np as ir
    >>> net = ir.Sequential([ir.Linear(1, 1)], dtype="float64", backend="reference")
    >>> y, _, tape = net.forward(np.ones((1, 1, 1)))
    >>> Adam(lr=0.1).update(net, net.backward(2 * np.ones_like(y), tape)[2])
    >>> net.params["0.b"].round(6)
    array([-0.1])
    """

    moments = ("m", "v")
    settings = ("b1", "b2", "eps", "decoupled")

    def __init__(
        self, lr: float = 2e-4, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, weight_decay: float = 0.0,
        decoupled: bool = False, decay_on: Sequence[str] = ("W",), lr_of: Mapping[str, float] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(lr, weight_decay, decay_on, lr_of)
        _check.between("Adam", "b1", b1, 0.0, 1.0)
        _check.between("Adam", "b2", b2, 0.0, 1.0)
        _check.at_least("Adam", "eps", eps, 0.0, strictly=True)
        _check.boolean("Adam", "decoupled", decoupled)
        self.b1, self.b2, self.eps, self.decoupled = b1, b2, eps, bool(decoupled)

    def _update(self, net: Sequential, g: Array) -> None:
        net.ops.adam.update(
            net.flat, g, self._arrays["m"], self._arrays["v"], self.t, self.lr, self.b1, self.b2, self.eps,
            self.weight_decay, self.decoupled, self._decay, self._rate,
        )  # fmt: skip


OPTIMIZERS: dict[str, type[Optimizer]] = {"SGD": SGD, "Adam": Adam}


def from_spec(spec: Json) -> Optimizer:
    """Build the optimizer that `Optimizer.spec` describes."""
    arguments = {name: value for name, value in spec.items() if name != "type"}
    _check.choice("optim.from_spec", "type", spec.get("type"), OPTIMIZERS)
    maker = OPTIMIZERS[spec["type"]]
    forms.arguments("optim.from_spec", f"an optimizer {spec['type']}", arguments, maker)
    return maker(**arguments)
