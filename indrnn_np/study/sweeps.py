"""Gradient growth in single neurons, dense RNNs, stacks of layers, and neurons within a bound."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .. import _check
from .._types import Array
from ..layers import RNN, IndRNN, LastStep
from ..networks.sequential import Sequential

INPUT = 0.01  # input weight of the single neurons
SAMPLES = 8  # random gradient directions in the norm of a dense RNN


class Series(NamedTuple):
    """Network of a sweep; `dense`: with a matrix U of the distribution `spread`, not a vector u."""

    title: str
    dense: bool
    activation: str
    spread: str = ""


SERIES = (
    Series("IndRNN, relu, open", False, "relu"),
    Series("IndRNN, tanh", False, "tanh"),
    Series("RNN, linear, Gaussian U", True, "identity", "gaussian"),
    Series("RNN, linear, triangular U", True, "identity", "triangular"),
    Series("RNN, tanh, Gaussian U", True, "tanh", "gaussian"),
)


def of_weights(series: Series, T: int, weights: Array, hidden: int, backend: str, seed: int) -> Array:
    """Return ‖∂L/∂h_1‖ / ‖∂L/∂h_T‖ for each recurrent weight, |u| or ρ, (G,)."""
    if series.dense:
        return np.fromiter(_dense(series, T, weights, hidden, backend, seed), np.float64, len(weights))
    return _single(series.activation, T, weights, backend, seed)


def _single(activation: str, T: int, weights: Array, backend: str, seed: int) -> Array:
    """Return the growth (G,) of one independent neuron for each weight."""
    layer = IndRNN(1, len(weights), activation, recurrent_init=1.0, constrain=False)
    net = Sequential([layer, LastStep()], backend=backend, dtype="float64")
    _set(net, {"0.u": weights, "0.W": np.full((len(weights), 1), INPUT)})
    x = np.random.default_rng(seed).random((T, 1, 1))  # not negative, so that the gates of a relu are open
    return np.abs(_to_step_1(net, x, np.ones((1, len(weights)))))[0]


def _dense(series: Series, T: int, weights: Array, H: int, backend: str, seed: int) -> Iterator[float]:
    """Yield the growth of a dense RNN for each ρ."""
    rng = np.random.default_rng(seed)
    U, x, dy = matrix(series.spread, H, rng), rng.random((T, SAMPLES, 1)), rng.standard_normal((SAMPLES, H))
    net = Sequential([RNN(1, H, series.activation), LastStep()], backend=backend, dtype="float64")
    for rho in weights:
        _set(net, {"0.U": rho * U, "0.W": INPUT * np.ones((H, 1))})
        yield float(np.linalg.norm(_to_step_1(net, x, dy)) / np.linalg.norm(dy))


def stack(L: int, T: int, weights: Array, backend: str, seed: int) -> Array:
    """Return the growth (G,) in L layers; neuron n reads neuron n below with weight 1."""
    G = len(weights)
    layers = [IndRNN(G, G, "relu", recurrent_init=1.0, constrain=False) for _ in range(L)]
    net = Sequential([*layers, LastStep()], backend=backend, dtype="float64")
    for i in range(L):
        _set(net, {f"{i}.u": weights, f"{i}.W": np.eye(G)})
    x = INPUT * np.random.default_rng(seed).uniform(0.1, 1, (T, 1, G))
    _, _, tape = net.forward(x)
    dx, _, _ = net.backward(net.device.asarray(np.ones((1, G))), tape)
    return np.array(net.device.to_host(dx)[0, 0])  # = ∂L/∂h_1 of the first layer, as φ' = 1 and W = 1


def bounded(gamma: float, T: int, H: int, backend: str, seed: int) -> float:
    """Return the largest growth of any neuron that is initialised within the bound of γ."""
    layer = IndRNN(1, H, "relu", recurrent_init="long", gamma=float(gamma))
    net = Sequential([layer, LastStep()], T, backend, "float64", seed)
    _set(net, {"0.W": np.full((H, 1), INPUT)})
    return float(_to_step_1(net, np.random.default_rng(seed).random((T, 1, 1)), np.ones((1, H))).max())


def matrix(spread: str, H: int, rng: np.random.Generator) -> Array:
    """Return a random U (H, H) with spectral radius 1.

    gaussian    N(0, 1), scaled
    triangular  U(-1, 1) on the diagonal, scaled; N(0, 1/H) above it. U is far from a normal matrix, so
                ‖Uᵏ‖ grows at first
    """
    _check.choice("study.explosion", "spread", spread, ("gaussian", "triangular"))
    if spread == "gaussian":
        U = rng.standard_normal((H, H))
        return U / np.abs(np.linalg.eigvals(U)).max()
    diagonal = rng.uniform(-1, 1, H)
    return np.triu(rng.standard_normal((H, H)) / math.sqrt(H), 1) + np.diag(diagonal / np.abs(diagonal).max())


def _to_step_1(net: Sequential, x: Array, dy: Array) -> Array:
    """Return ∂L/∂h_1 (B, H), the gradient of the initial state of the steps from 2 on."""
    _, state, _ = net.forward(x[:1])
    _, _, tape = net.forward(x[1:], state)
    _, before, _ = net.backward(net.device.asarray(dy), tape)
    return np.array(net.device.to_host(before[0]))


def _set(net: Sequential, values: dict[str, Array]) -> None:
    for name, value in values.items():
        net.device.assign(net.params[name], np.ascontiguousarray(value))
