"""Base class of the optimizers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np

from .. import _check
from .._types import AnyArray, Json
from ..backend import of, to_host
from ..networks.sequential import Sequential
from ..parameters import FINITE, Identity, Views, check_gradients, writable
from .moments import check_moments, check_state


class Optimizer:
    """Base class of SGD and Adam: learning rates, weight decay, and the moments of a network."""

    moments: ClassVar[tuple[str, ...]]
    settings: ClassVar[tuple[str, ...]]

    def __init__(
        self, lr: float, weight_decay: float, decay_on: Sequence[str], lr_of: Mapping[str, float] | None
    ) -> None:
        name = type(self).__name__
        _check.at_least(name, "lr", lr, 0.0)
        _check.at_least(name, "weight_decay", weight_decay, 0.0)
        letters = isinstance(decay_on, list | tuple | set) and all(isinstance(part, str) for part in decay_on)
        if not letters:
            actual = f"decay_on is {decay_on!r:.40}"
            _check.fail(name, actual, "letters of parameters, such as ('W',)", error=TypeError)
        if not (lr_of is None or hasattr(lr_of, "items")):
            actual = f"lr_of is a {type(lr_of).__name__}"
            _check.fail(name, actual, 'a dict such as {"u": 0.05}, or None', error=TypeError)
        for letter, factor in (lr_of or {}).items():
            _check.at_least(name, f"lr_of[{letter!r}]", factor, 0.0)
        self.lr, self.weight_decay, self.decay_on = lr, weight_decay, tuple(decay_on)
        self.lr_of = dict(lr_of or {})
        self.t = 0
        self._identity: Identity | None = None  # identity of the network that owns the moments
        self._shapes: dict[str, tuple[int, ...]] | None = None  # parameter shapes of that network
        self._arrays: Json = {}
        self._decay: AnyArray = None
        self._rate: AnyArray = None

    def update(self, net: Sequential, grads: Views, allow_nonfinite: bool = False) -> None:
        """Update the parameters of `net` in place, and advance `net.iteration` by one.

        Parameters
        ----------
        net : Sequential
            Network. The first update binds the optimizer to it, because the moments belong to
            its parameters.
        grads : Views
            Gradients that `net.backward` returned, or Views with the same names and shapes.
        allow_nonfinite : bool
            Accept gradients with NaN or infinity, which propagate to the parameters. The search
            for them is skipped.
        """
        where = f"{type(self).__name__}.update"
        _check.boolean(where, "allow_nonfinite", allow_nonfinite)
        if not isinstance(net, Sequential):
            _check.fail(where, f"net is a {type(net).__name__}", "a Sequential", error=TypeError)
        check_gradients(where, grads, net.params, net.identity)
        if self._identity is not net.identity:
            self._bind(where, net)
        if self._decay is None and self.weight_decay:
            self._decay = self._per_element(net, lambda letter: float(letter in self.decay_on))
        if self._rate is None and self.lr_of:
            self._rate = self._per_element(net, lambda letter: self.lr_of.get(letter, 1.0))
        if not allow_nonfinite and net.ops.finite.first(grads.flat) >= 0:
            for name, array in grads.items():
                _check.finite(where, f"grads[{name!r}]", net.device.to_host(array), kind=FINITE)
        self.advance(net)
        self._update(net, grads.flat)

    def advance(self, net: Sequential) -> None:
        """Advance the counters of the optimizer and of `net` as `update` does; change no array."""
        self.t += 1
        net.iteration += 1
        net.identity.version += 1

    def _bind(self, where: str, net: Sequential) -> None:
        """Bind the optimizer to a network, and create moments of zeros unless some were loaded."""
        because = "because the moments belong to one network; use a new optimizer, or load_state_dict"
        if self._identity is not None and self._identity.in_use:
            _check.fail(where, "net is another network", "the network of the first update", because)
        if self._shapes is not None and not net.params.has(self._shapes):
            _check.fail(where, f"net has the parameters {net.params.shapes}", f"{self._shapes}", because)
        letters = dict.fromkeys(name.split(".")[-1] for name in net.params)
        for letter in self.lr_of:
            if letter not in letters:
                _check.fail(
                    where, f"lr_of names {letter!r}", f"parameters of the network: {', '.join(letters)}"
                )
        arrays = self._arrays or {name: net.device.zeros(net.flat.shape, net.dtype) for name in self.moments}
        self._arrays = check_moments(where, arrays, net)  # loaded moments are NumPy arrays
        self._identity, self._shapes, self._decay, self._rate = net.identity, net.params.shapes, None, None

    def _update(self, net: Sequential, g: AnyArray) -> None:
        raise TypeError(f"{type(self).__name__}._update: the class does not define it, expected a method")

    def _per_element(self, net: Sequential, value: Callable[[str], float]) -> AnyArray:
        """Return an array (P,) that holds `value(letter)` for each element of a parameter."""
        values = Views(net.params.shapes, np.empty(net.flat.shape, net.dtype))
        for name, view in values.items():
            view[...] = value(name.split(".")[-1])
        return net.device.bring(values.flat)

    def state_dict(self) -> Json:
        """Return the number of updates "t" and, after the first update, the moments (P,)."""
        return {"t": self.t} | {name: np.array(to_host(array)) for name, array in self._arrays.items()}

    def load_state_dict(self, state: Json, allow_nonfinite: bool = False) -> None:
        """Load the state that `state_dict` returned.

        The next update checks that the moments match its network, and binds the optimizer to it.

        Parameters
        ----------
        state : dict
            Number of updates "t" and the moments.
        allow_nonfinite : bool
            Accept moments with NaN or infinity.
        """
        where = f"{type(self).__name__}.load_state_dict"
        _check.boolean(where, "allow_nonfinite", allow_nonfinite)
        self.t, arrays = check_state(where, state, self.moments, allow_nonfinite)
        self._decay = self._rate = self._identity = self._shapes = None
        if any(self._arrays[name].shape != value.shape or self._arrays[name].dtype != value.dtype
               for name, value in arrays.items() if name in self._arrays):  # fmt: skip
            self._arrays = {}
        self._arrays = self._arrays or arrays
        # In place, because a captured CUDA graph holds these arrays (_cuda/graph.py).
        for name, moment in self._arrays.items():
            of(moment).device.assign(moment, arrays.get(name, np.zeros(moment.shape)))

    def __copy__(self) -> Optimizer:
        return copy.deepcopy(self)

    def __setstate__(self, state: Json) -> None:
        self.__dict__.update(state)
        self._arrays = {name: writable(array) for name, array in self._arrays.items()}

    def spec(self) -> Json:
        """Return the settings as JSON."""
        spec: Json = {"type": type(self).__name__}
        for name in ("lr", "weight_decay", "decay_on", "lr_of", *self.settings):
            value = getattr(self, name)
            spec[name] = list(value) if isinstance(value, tuple) else _check.as_json(value)
        return spec

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(lr={self.lr}) after {self.t} updates>"
