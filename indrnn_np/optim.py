"""Optimizers, clipping: what happens to the parameters between two iterations.

An optimizer holds its settings and its moments; `update(net, grads)` is one step over the network's flat
array, in place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from . import _check
from .backend import get, of, to_host
from .parameters import Views
from .sequential import Sequential


class Optimizer:
    """What SGD and Adam share: which parameters decay, and moments that belong to one network."""

    moments: ClassVar[tuple[str, ...]]
    settings: ClassVar[tuple[str, ...]]

    def __init__(
        self, lr: float, weight_decay: float, decay_on: Sequence[str], lr_of: Mapping[str, float] | None
    ) -> None:
        name = type(self).__name__
        _check.at_least(name, "lr", lr, 0.0)
        _check.at_least(name, "weight_decay", weight_decay, 0.0)
        for letter, factor in (lr_of or {}).items():
            _check.at_least(name, f"lr_of[{letter!r}]", factor, 0.0)
        self.lr, self.weight_decay, self.decay_on = lr, weight_decay, tuple(decay_on)
        self.lr_of = dict(lr_of or {})
        self.t = 0
        self._arrays: dict[str, Any] = {}
        self._decay: Any = None
        self._rate: Any = None

    def update(self, net: Sequential, grads: Views) -> None:
        """One step on all parameters of `net`, in place; `net.iteration` becomes one more."""
        where = f"{type(self).__name__}.update"
        _check.shape(
            where, "grads.flat", grads.flat, net.flat.shape, "to match the parameters of the network"
        )
        if not self._arrays:
            self._arrays = {name: net.ops.zeros(net.flat.shape, net.dtype) for name in self.moments}
        self._arrays = {
            name: net.ops.bring(array) for name, array in self._arrays.items()
        }  # loaded ones are NumPy's
        if next(iter(self._arrays.values())).shape != net.flat.shape:
            held = next(iter(self._arrays.values())).size
            because = "to match this optimizer's moments; an optimizer belongs to one network"
            _check.fail(where, f"the network has {net.size} parameters", f"{held}", because)
        if self._decay is None and self.weight_decay:
            self._decay = self._per_number(net, lambda letter: float(letter in self.decay_on))
        if self._rate is None and self.lr_of:
            self._rate = self._per_number(net, lambda letter: self.lr_of.get(letter, 1.0))
        self.advance(net)
        self._update(net, grads.flat)

    def advance(self, net: Sequential) -> None:
        """Count one update more, of this optimizer and of `net`: what `update` does without a GPU's work."""
        self.t += 1
        net.iteration += 1

    def _update(self, net: Sequential, g: Any) -> None:
        raise TypeError(f"{type(self).__name__} does not define _update")

    def _per_number(self, net: Sequential, value: Callable[[str], float]) -> Any:
        """An array (P,) with the value of each number's letter."""
        found = Views(net.params.shapes, np.empty(net.flat.shape, net.dtype))
        for name, view in found.items():
            view[...] = value(name.split(".")[-1])
        return net.ops.bring(found.flat)

    def state_dict(self) -> dict[str, Any]:
        """The number of steps and the moments (P,), empty before the first update."""
        return {"t": self.t} | {name: np.array(to_host(array)) for name, array in self._arrays.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over steps and moments."""
        arrays = {name: np.array(value) for name, value in state.items() if name != "t"}
        if arrays and set(arrays) != set(self.moments):
            _check.fail(
                f"{type(self).__name__}.load_state_dict",
                f"moments are {sorted(arrays)}",
                f"{sorted(self.moments)}",
            )
        self.t, self._decay, self._rate = int(state["t"]), None, None
        if any(
            self._arrays[name].shape != value.shape for name, value in arrays.items() if name in self._arrays
        ):
            self._arrays = {}
        self._arrays = self._arrays or arrays
        for name, own in self._arrays.items():  # in place: a graph of launches knows these arrays (_graph.py)
            of(own).assign(own, arrays.get(name, np.zeros(own.shape)))

    def spec(self) -> dict[str, Any]:
        """The settings as JSON."""
        values = {
            name: getattr(self, name) for name in ("lr", "weight_decay", "decay_on", "lr_of", *self.settings)
        }
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
    lr_of
        Letters of parameters whose learning rate is another one, and by which factor: {"u": 0.05}. Over T steps a
        state is multiplied by u^T, so that u needs steps as small as 1/T (docs/results.md).
    """

    moments = ("m",)
    settings = ("momentum", "nesterov")

    def __init__(
        self, lr: float, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0,
        decay_on: Sequence[str] = ("W",), lr_of: Mapping[str, float] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(lr, weight_decay, decay_on, lr_of)
        _check.between("SGD", "momentum", momentum, 0.0, 1.0)
        self.momentum, self.nesterov = momentum, nesterov

    def _update(self, net: Sequential, g: np.ndarray) -> None:
        net.ops.sgd.update(
            net.flat,
            g,
            self._arrays["m"],
            net.ops.late(lambda: self.lr),
            self.momentum,
            self.nesterov,
            self.weight_decay,
            self._decay,
            self._rate,
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
    lr_of
        Letters of parameters whose learning rate is another one, and by which factor: {"u": 0.05}. Over T steps a
        state is multiplied by u^T, so that u needs steps as small as 1/T (docs/results.md).
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
        _check.at_least("Adam", "eps", eps, 0.0)
        self.b1, self.b2, self.eps, self.decoupled = b1, b2, eps, decoupled

    def _update(self, net: Sequential, g: np.ndarray) -> None:
        net.ops.adam.update(
            net.flat, g, self._arrays["m"], self._arrays["v"], net.ops.late(lambda: self.t),
            net.ops.late(lambda: self.lr), self.b1, self.b2, self.eps, self.weight_decay, self.decoupled, self._decay,
            self._rate,
        )  # fmt: skip


OPTIMIZERS: dict[str, type[Optimizer]] = {"SGD": SGD, "Adam": Adam}


def clip_norm(grads: Views, limit: float, *, backend: str | None = None) -> float:
    """Scale the whole gradient in place so that its norm is at most `limit`; returns the norm before."""
    ops = of(grads.flat) if backend is None else get(backend)
    return ops.gradient.clip_norm(grads.flat, limit)


def clip_value(grads: Views, limit: float, *, backend: str | None = None) -> None:
    """Bring every element of the gradient into [-limit, limit], in place."""
    ops = of(grads.flat) if backend is None else get(backend)
    ops.gradient.clip_value(grads.flat, limit)
