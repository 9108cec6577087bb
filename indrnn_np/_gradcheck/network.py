"""Gradient checks of networks and layers on a float64 copy, with a loss of outputs and last state.

The network itself does not run, so its running statistics and its iteration do not change. The
iteration of the copy is constant, so each evaluation has the same dropout mask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np

from .. import _check
from .._check import convert
from .._types import AnyArray, Array, Record, State, Value
from ..layers import single_values
from ..networks.sequential import Sequential
from ..ops.catalogue import Arguments
from ..optim import losses
from .finite_differences import check_function
from .hosted import hosted
from .problem import Evaluation, chosen_method
from .report import Report

KNOWN_LOSSES = {function: name for name, function in losses.LOSSES.items()}


class _Trial:
    """Network in float64 with its data, and the loss as a function of all its arrays."""

    def __init__(self, net: Sequential, data: Arguments, seed: int) -> None:
        self.net, where = net, "gradcheck"
        self.lengths, self.mask = (
            None if data[name] is None else convert.array(where, name, data[name])
            for name in ("lengths", "mask")
        )
        x = convert.array(where, "x", data["x"], np.float64, self.lengths)
        self.x = convert.without_padding(where, x, self.lengths)
        self.loss: Value = KNOWN_LOSSES.get(data["loss"], data["loss"])
        self.y = data["y"]
        if self.loss is not None and self.y is None:
            _check.fail(where, "y is None", "a target", "because loss is set", error=TypeError)
        rng = np.random.default_rng([seed, 2])
        output, last, _ = net.forward(self.x, None, lengths=self.lengths, training=True)
        self.mask = losses.counted(output, self.lengths, self.mask)
        if isinstance(self.loss, str):  # a loss function accepts any y
            self.y = convert.array(where, "y", self.y, np.float64, self.lengths)
        last = to_host(net, last)
        self.state = self._initial(data["state"], last, rng)
        self.weights = rng.standard_normal(output.shape)
        self.last_weights = map_leaves(lambda _, leaf: rng.standard_normal(leaf.shape), last)

    def _initial(self, state: State, last: State, rng: np.random.Generator) -> State:
        """Return `state`, by default a random one, None in layers with a learned initial state."""
        if isinstance(state, str):
            _check.choice("gradcheck", "state", state, ("zeros",))
            return None
        if state is not None:
            return map_leaves(lambda _, leaf: np.ascontiguousarray(leaf, np.float64), state)

        def drawn(name: str, leaf: Array) -> Array | None:
            layer = name.split(".")[0]
            learned = any(p.split(".")[0] == layer and p.endswith("h0") for p in self.net.params)
            return None if learned else 0.5 * rng.standard_normal(leaf.shape)

        return map_leaves(drawn, last)

    def arrays(self) -> dict[str, Array]:
        """Return the arguments of the loss by name: x, parameters and initial state."""
        params = {name: np.array(self.net.device.to_host(p)) for name, p in self.net.params.items()}
        return {"x": self.x} | params | {f"state.{name}": leaf for name, leaf in leaves(self.state)}

    def run(self, net: Sequential, arrays: Mapping[str, Array]) -> tuple[Array, State, Record]:
        """Run forward with these arrays as parameters; return output, last state and tape."""
        for name, value in net.params.items():
            net.device.assign(value, arrays[name])
        state = map_leaves(lambda name, _: net.device.asarray(arrays[f"state.{name}"], net.dtype), self.state)
        x = arrays["x"] if arrays["x"].dtype.kind not in "fc" else arrays["x"].astype(net.dtype)
        output, last, tape = net.forward(x, state, lengths=self.lengths, training=True)
        return net.device.to_host(output), to_host(net, last), tape

    def evaluate(self, net: Sequential, arrays: Mapping[str, Array]) -> Evaluation:
        """Return the loss, the gates of all rectifiers, and the size of the terms of the loss."""
        output, last, tape = self.run(net, arrays)
        gates = tuple(net.gates(tape))
        if self.loss is not None:
            return Evaluation(self._criterion(net, output)[0], gates)
        terms = [self.weights * output]
        terms += [w * leaf for (_, w), (_, leaf) in zip(leaves(self.last_weights), leaves(last), strict=True)]
        return Evaluation.of_sum(terms, gates)

    def backward(self, arrays: Mapping[str, Array]) -> tuple[dict[str, Array], bool]:
        """Return all gradients by name, and whether the network has rectifiers."""
        output, _, tape = self.run(self.net, arrays)
        if self.loss is None:
            weights = map_leaves(lambda _, leaf: self.net.device.asarray(leaf), self.last_weights)
            dx, dstate, grads = self.net.backward(self.weights, tape, dstate=weights)
        else:
            dx, dstate, grads = self.net.backward(self._criterion(self.net, output)[1], tape)
        host = self.net.device.to_host
        gradients = {"x": host(dx)} if dx is not None and self.x.dtype.kind == "f" else {}
        gradients |= {name: np.array(host(grads[name])) for name in self.net.params}
        state = leaves(to_host(self.net, dstate))
        gradients |= {f"state.{name}": leaf for name, leaf in state if f"state.{name}" in arrays}
        return gradients, bool(self.net.gates(tape))

    def tangent(self, arrays: Mapping[str, Array], name: str, direction: Array) -> float:
        """Return the derivative of the loss along a direction of one array, in forward mode."""
        net = self.net
        directions = {n: direction if n == name else np.zeros_like(a) for n, a in arrays.items()}
        state = map_leaves(lambda n, _: arrays[f"state.{n}"], self.state)
        state_dot = map_leaves(lambda n, _: directions[f"state.{n}"], self.state)
        x_dot = directions["x"] if self.x.dtype.kind == "f" else None
        parameters = {n: directions[n] for n in net.params}
        y, y_dot, _, last_dot = net.jvp(self.x, parameters, x_dot, state, state_dot, self.lengths)
        if self.loss is not None:
            return float(np.sum(self._criterion(net, y)[1] * y_dot))
        pairs = zip(leaves(self.last_weights), leaves(last_dot), strict=True)
        return float(np.sum(self.weights * y_dot)) + sum(
            float(np.sum(w * leaf)) for (_, w), (_, leaf) in pairs
        )

    def _criterion(self, net: Sequential, output: Array) -> tuple[complex, Array]:
        """Return the chosen loss and its gradient."""
        if callable(self.loss):
            return self.loss(
                output.copy(), self.y.copy(), **({} if self.mask is None else {"mask": self.mask})
            )
        _check.choice("gradcheck", "loss", self.loss, KNOWN_LOSSES.values())
        y = self.y.astype(net.dtype) if self.y.dtype.kind == "f" else self.y
        return getattr(hosted(net.backend), self.loss).loss(output, y, mask=self.mask)


def check_network(
    net: Sequential, title: str, data: Arguments, backend: str | None, how: Arguments
) -> Report:  # fmt: skip
    """Check all gradients of a network.

    `title` names it in the report, `data` holds x, y, loss, mask, lengths and state of `gradcheck`,
    and `how` the options of `check_function`.
    """
    copy = single_values.accept(net.astype("float64", backend=backend))
    trial = _Trial(copy, data, how["seed"])
    arrays = trial.arrays()
    gradients, rectified = trial.backward(arrays)
    obstacle = "a loss of your own may not be analytic" if callable(trial.loss) else ""
    method = chosen_method(how["method"], "the network has rectifiers" if rectified else obstacle)
    twin = copy
    if method == "complex":
        twin = single_values.accept(copy.astype("complex128", backend="reference"))

    def f(**point: Array) -> Evaluation:
        return trial.evaluate(twin, point)

    how = {**how, "method": method, "tangent": partial(trial.tangent, arrays) if method == "jvp" else None}
    return check_function(f, gradients, arrays, **how, what=f"{title} on {copy.backend}")


def to_host(net: Sequential, tree: State) -> State:
    """Return nested lists and tuples with NumPy arrays in place of device arrays."""
    return map_leaves(lambda _, leaf: net.device.to_host(leaf), tree)


def leaves(tree: State, prefix: str = "") -> Iterator[tuple[str, Array]]:
    """Yield the arrays in nested lists and tuples with dotted names, without other values."""
    if isinstance(tree, np.ndarray):
        yield prefix, tree
    elif isinstance(tree, list | tuple):
        for key, branch in enumerate(tree):
            yield from leaves(branch, f"{prefix}.{key}" if prefix else str(key))


def map_leaves(f: Callable[[str, AnyArray], Array | None], tree: State, prefix: str = "") -> State:
    """Return nested lists and tuples with f(name, array) for arrays, and None for other values."""
    if _check.is_array(tree):
        return f(prefix, tree)
    if isinstance(tree, list | tuple):
        names = [f"{prefix}.{i}" if prefix else str(i) for i in range(len(tree))]
        return type(tree)(map_leaves(f, branch, name) for name, branch in zip(names, tree, strict=True))
    return None
