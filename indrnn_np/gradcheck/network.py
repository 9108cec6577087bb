"""Gradient checks of networks and layers: a float64 copy, one loss over outputs and last state, every array by name.

The user's network is never run: batch norm's running statistics and the iteration that seeds dropout stay as they are.
On the copy the iteration stands still, so that each evaluation sees the same dropout mask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from .. import _check, losses
from ..sequential import Sequential
from .finite_differences import Evaluation, check_function
from .hosted import hosted
from .report import Report

KNOWN_LOSSES = {losses.mse: "mse", losses.softmax_cross_entropy: "softmax_cross_entropy"}


class _Trial:
    """A network in float64 with its data, and the loss as a function of all its arrays."""

    def __init__(self, net: Any, x: np.ndarray, data: Mapping[str, Any], seed: int) -> None:
        self.net, self.lengths = net, data["lengths"]
        _check.array("gradcheck", "x", x)
        self.x = x.astype(np.float64) if x.dtype.kind == "f" else x
        self.y, self.mask = data["y"], data["mask"]
        self.loss = KNOWN_LOSSES.get(data["loss"], data["loss"])
        if self.loss is not None and self.y is None:
            _check.fail("gradcheck", "y is None", "a target", "because a loss is given", error=TypeError)
        rng = np.random.default_rng([seed, 2])
        output, last, _ = net.forward(self.x, None, lengths=self.lengths, training=True)
        last = to_host(net, last)
        self.state = self._initial(data["state"], last, rng)
        self.weights = rng.standard_normal(output.shape)
        self.last_weights = map_leaves(lambda _, leaf: rng.standard_normal(leaf.shape), last)

    def _initial(self, state: Any, last: Any, rng: np.random.Generator) -> Any:
        """The state to start from: the caller's, or drawn; a layer that learns its initial state keeps that one."""
        if isinstance(state, str):
            _check.choice("gradcheck", "state", state, ("zeros",))
            return None
        if state is not None:
            return map_leaves(lambda _, leaf: np.ascontiguousarray(leaf, np.float64), state)

        def drawn(name: str, leaf: np.ndarray) -> np.ndarray | None:
            layer = name.split(".")[0]
            learned = any(p.split(".")[0] == layer and p.endswith("h0") for p in self.net.params)
            return None if learned else 0.5 * rng.standard_normal(leaf.shape)

        return map_leaves(drawn, last)

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything the loss depends on, by name."""
        found = {"x": self.x} | {
            name: np.array(self.net.ops.to_host(p)) for name, p in self.net.params.items()
        }
        return found | {f"state.{name}": leaf for name, leaf in leaves(self.state)}

    def run(self, net: Any, arrays: Mapping[str, np.ndarray]) -> tuple[Any, Any, Any]:
        """Forward with these arrays in the place of the network's own."""
        for name, value in net.params.items():
            net.ops.assign(value, arrays[name])
        state = map_leaves(lambda name, _: net.ops.asarray(arrays[f"state.{name}"], net.dtype), self.state)
        x = arrays["x"] if arrays["x"].dtype.kind not in "fc" else arrays["x"].astype(net.dtype)
        output, last, tape = net.forward(x, state, lengths=self.lengths, training=True)
        return net.ops.to_host(output), to_host(net, last), tape

    def evaluate(self, net: Any, arrays: Mapping[str, np.ndarray]) -> Evaluation:
        """The loss, the gates of all rectifiers, and the size of the terms that the loss sums."""
        output, last, tape = self.run(net, arrays)
        gates = tuple(net.gates(tape))
        if self.loss is not None:
            return Evaluation(self._criterion(net, output)[0], gates)
        terms = [self.weights * output]
        terms += [w * leaf for (_, w), (_, leaf) in zip(leaves(self.last_weights), leaves(last), strict=True)]
        return Evaluation(sum(np.sum(t) for t in terms), gates, sum(float(np.linalg.norm(t)) for t in terms))

    def backward(self, arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], bool]:
        """All gradients by name, and whether something in the network is rectified."""
        output, _, tape = self.run(self.net, arrays)
        if self.loss is None:
            weights = map_leaves(lambda _, leaf: self.net.ops.asarray(leaf), self.last_weights)
            dx, dstate, grads = self.net.backward(self.weights, tape, dstate=weights)
        else:
            dx, dstate, grads = self.net.backward(self._criterion(self.net, output)[1], tape)
        host = self.net.ops.to_host
        found = {"x": host(dx)} if dx is not None and self.x.dtype.kind == "f" else {}
        found |= {name: np.array(host(grads[name])) for name in self.net.params}
        before = leaves(to_host(self.net, dstate))
        found |= {f"state.{name}": leaf for name, leaf in before if f"state.{name}" in arrays}
        return found, bool(self.net.gates(tape))

    def _criterion(self, net: Any, output: np.ndarray) -> tuple[Any, np.ndarray]:
        """The caller's loss and its gradient."""
        if not isinstance(self.loss, str):
            return self.loss(output, self.y, **({} if self.mask is None else {"mask": self.mask}))
        _check.choice("gradcheck", "loss", self.loss, KNOWN_LOSSES.values())
        y = self.y.astype(net.dtype) if self.y.dtype.kind == "f" else self.y
        return getattr(hosted(net.backend), self.loss).loss(output, y, mask=self.mask)


def check_network(
    net: Any,
    x: np.ndarray,
    data: Mapping[str, Any],
    backend: str | None,
    how: Mapping[str, Any],
    what: str = "",
) -> Report:
    """Check all gradients of a network; `how` as for check_function."""
    copy = net.astype("float64", backend=backend)
    trial = _Trial(copy, x, data, how["seed"])
    arrays = trial.arrays()
    gradients, rectified = trial.backward(arrays)
    analytic = not rectified and (trial.loss is None or isinstance(trial.loss, str))
    method = how["method"]
    if method == "auto":
        method = "complex" if analytic else "central"
    if method == "complex" and not analytic:
        reason = (
            "because the network has rectifiers"
            if rectified
            else "because a loss of your own may not be analytic"
        )
        _check.fail("gradcheck", "method is 'complex'", "'central'", reason)
    twin = copy.astype("complex128", backend="reference") if method == "complex" else copy

    def f(**point: np.ndarray) -> Evaluation:
        return trial.evaluate(twin, point)

    what = what or f"{type(net).__name__} on {copy.backend}"
    return check_function(f, gradients, arrays, **{**how, "method": method}, what=what)


def check_layer(
    layer: Any, x: np.ndarray, data: Mapping[str, Any], backend: str | None, how: Mapping[str, Any]
) -> Report:
    """Check a layer in a network of its own."""
    net = Sequential([layer], steps=len(x), backend=backend or "cpu", dtype="float64", seed=how["seed"])
    return check_network(net, x, data, backend, how, f"{type(layer).__name__} on {net.backend}")


def to_host(net: Any, tree: Any) -> Any:
    """The same nesting with NumPy arrays."""
    if isinstance(tree, list | tuple):
        return type(tree)(to_host(net, branch) for branch in tree)
    return net.ops.to_host(tree) if _check.is_array(tree) else tree


def leaves(tree: Any, prefix: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """The arrays in nested lists and tuples, with dotted names; anything else is passed over."""
    if isinstance(tree, np.ndarray):
        yield prefix, tree
    elif isinstance(tree, list | tuple):
        for key, branch in enumerate(tree):
            yield from leaves(branch, f"{prefix}.{key}" if prefix else str(key))


def map_leaves(f: Callable[[str, np.ndarray], Any], tree: Any, prefix: str = "") -> Any:
    """The same nesting with f(name, array) for each array, and None for anything else (a count of steps)."""
    if isinstance(tree, np.ndarray):
        return f(prefix, tree)
    if isinstance(tree, list | tuple):
        return type(tree)(
            map_leaves(f, branch, f"{prefix}.{i}" if prefix else str(i)) for i, branch in enumerate(tree)
        )
    return None
