"""Optimizers, clipping: what happens to the parameters between two iterations.

An optimizer holds its settings and its moments; `update(net, grads)` is one step over the network's flat
array, in place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from . import _check
from .backend import get as get_backend
from .parameters import Views
from .sequential import Sequential


class Optimizer:
    """What SGD and Adam share: which parameters decay, and moments that belong to one network."""

    moments: ClassVar[tuple[str, ...]]
    settings: ClassVar[tuple[str, ...]]

    def __init__(self, lr: float, weight_decay: float, decay_on: Sequence[str]) -> None:
        name = type(self).__name__
        _check.at_least(name, "lr", lr, 0.0)
        _check.at_least(name, "weight_decay", weight_decay, 0.0)
        self.lr, self.weight_decay, self.decay_on = lr, weight_decay, tuple(decay_on)
        self.t = 0
        self._arrays: dict[str, np.ndarray] = {}
        self._decay: np.ndarray | None = None

    def update(self, net: Sequential, grads: Views) -> None:
        """One step on all parameters of `net`, in place; `net.iteration` becomes one more."""
        where = f"{type(self).__name__}.update"
        _check.shape(
            where, "grads.flat", grads.flat, net.flat.shape, "to match the parameters of the network"
        )
        if not self._arrays:
            self._arrays = {name: np.zeros_like(net.flat) for name in self.moments}
        elif next(iter(self._arrays.values())).shape != net.flat.shape:
            held = next(iter(self._arrays.values())).size
            because = "to match this optimizer's moments; an optimizer belongs to one network"
            _check.fail(where, f"the network has {net.size} parameters", f"{held}", because)
        if self._decay is None and self.weight_decay:
            self._decay = self._mask(net)
        self.t += 1
        self._update(net, grads.flat)
        net.iteration += 1

    def _update(self, net: Sequential, g: np.ndarray) -> None:
        raise TypeError(f"{type(self).__name__} does not define _update")

    def _mask(self, net: Sequential) -> np.ndarray:
        """1 for each number whose name ends in one of `decay_on`, else 0."""
        decay = Views(net.params.shapes, np.zeros_like(net.flat))
        for name, view in decay.items():
            view[...] = name.split(".")[-1] in self.decay_on
        return decay.flat

    def state_dict(self) -> dict[str, Any]:
        """The number of steps and the moments (P,), empty before the first update."""
        return {"t": self.t} | {name: array.copy() for name, array in self._arrays.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over steps and moments."""
        arrays = {name: np.array(value) for name, value in state.items() if name != "t"}
        if arrays and set(arrays) != set(self.moments):
            _check.fail(
                f"{type(self).__name__}.load_state_dict",
                f"moments are {sorted(arrays)}",
                f"{sorted(self.moments)}",
            )
        self.t, self._arrays, self._decay = int(state["t"]), arrays, None

    def spec(self) -> dict[str, Any]:
        """The settings as JSON."""
        values = {name: getattr(self, name) for name in ("lr", "weight_decay", "decay_on", *self.settings)}
        return {"type": type(self).__name__} | {
            k: list(v) if isinstance(v, tuple) else v for k, v in values.items()
        }

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(lr={self.lr}) after {self.t} updates>"


class SGD(Optimizer):
    """Stochastic gradient descent: m ← momentum · m + g, p ← p - lr · m (Nesterov: p ← p - lr (g + momentum
    · m)). See ops/sgd.

    Parameters
    ----------
    lr
        Learning rate; may be set between updates.
    momentum
        Share of the last step that goes on, 0 <= momentum < 1.
    nesterov
        Look ahead along the momentum.
    weight_decay
        L2 coefficient, added to the gradient as weight_decay · p.
    decay_on
        Letters of the parameters that decay: by default W only, never u, b or batch norm's scale and shift.
    """

    moments = ("m",)
    settings = ("momentum", "nesterov")

    def __init__(
        self, lr: float, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0,
        decay_on: Sequence[str] = ("W",),
    ) -> None:  # fmt: skip
        super().__init__(lr, weight_decay, decay_on)
        _check.between("SGD", "momentum", momentum, 0.0, 1.0)
        self.momentum, self.nesterov = momentum, nesterov

    def _update(self, net: Sequential, g: np.ndarray) -> None:
        net.ops.sgd.update(
            net.flat,
            g,
            self._arrays["m"],
            self.lr,
            self.momentum,
            self.nesterov,
            self.weight_decay,
            self._decay,
        )


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, arXiv:1412.6980, algorithm 1): p ← p - lr m̂ / (√v̂ + eps). See ops/adam.

    Parameters
    ----------
    lr
        Learning rate; may be set between updates. The papers' value is 2e-4.
    b1, b2
        Decay rates of the first and second moment.
    eps
        Added to √v̂.
    weight_decay
        Coefficient of the decay: added to the gradient (L2, as the IndRNN authors do) or, decoupled, to the
        step.
    decoupled
        AdamW: p shrinks by lr · weight_decay, apart from the moments (Loshchilov & Hutter 2019).
    decay_on
        Letters of the parameters that decay: by default W only, never u, b or batch norm's scale and shift.
    """

    moments = ("m", "v")
    settings = ("b1", "b2", "eps", "decoupled")

    def __init__(
        self, lr: float = 2e-4, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, weight_decay: float = 0.0,
        decoupled: bool = False, decay_on: Sequence[str] = ("W",),
    ) -> None:  # fmt: skip
        super().__init__(lr, weight_decay, decay_on)
        _check.between("Adam", "b1", b1, 0.0, 1.0)
        _check.between("Adam", "b2", b2, 0.0, 1.0)
        _check.at_least("Adam", "eps", eps, 0.0)
        self.b1, self.b2, self.eps, self.decoupled = b1, b2, eps, decoupled

    def _update(self, net: Sequential, g: np.ndarray) -> None:
        net.ops.adam.update(
            net.flat, g, self._arrays["m"], self._arrays["v"], self.t, self.lr, self.b1, self.b2, self.eps,
            self.weight_decay, self.decoupled, self._decay,
        )  # fmt: skip


OPTIMIZERS: dict[str, type[Optimizer]] = {"SGD": SGD, "Adam": Adam}


def clip_norm(grads: Views, limit: float, *, backend: str = "cpu") -> float:
    """Scale the whole gradient in place so that its norm is at most `limit`; returns the norm before."""
    return get_backend(backend).gradient.clip_norm(grads.flat, limit)


def clip_value(grads: Views, limit: float, *, backend: str = "cpu") -> None:
    """Bring every element of the gradient into [-limit, limit], in place."""
    get_backend(backend).gradient.clip_value(grads.flat, limit)
