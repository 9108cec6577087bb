"""Initialisers of the weights, and the bound on |u|, each with its source.

A = Li et al. 2018, arXiv:1803.04831; B = Li et al. 2019, arXiv:1910.06251.

The recurrent weight u of a neuron decides how long it remembers: after T steps its gradient is scaled by
u^T. So |u| <= γ^(1/T) keeps any gradient from growing by more than γ over the sequence (A, 3.1), and |u| >=
ε^(1/T) keeps it above ε.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from . import _check

Initializer = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]

RECURRENT = ("uniform", "symmetric", "long", "ones")
INPUT = ("normal", "kaiming", "he")
MATRIX, INPUT_MATRIX = ("orthogonal", "identity"), ("glorot",)  # of a cell with a recurrent matrix


def recurrent_bound(activation: str, gamma: float, steps: int | None) -> float:
    """The bound on |u| that keeps a gradient from growing by more than γ over T steps.

    Equation   relu, identity   γ^(1/T)                     A, 3.1: φ' is at most 1
               tanh             (γ / 0.9^(T/10))^(1/T)      the authors' code: tanh' costs a factor 0.9 each ten steps
               sigmoid          4 γ^(1/T)                   φ' is at most 1/4
    Raises     ValueError without T, unless γ is 1 (then the bound is the same for every T)
    """
    _check.choice("recurrent_bound", "activation", activation, ("relu", "tanh", "sigmoid", "identity"))
    _check.at_least("recurrent_bound", "gamma", gamma, 0.0, strictly=True)
    if steps is None:
        if gamma != 1:
            _check.fail(
                "recurrent_bound",
                f"steps is None with gamma = {gamma}",
                "the sequence length T (Sequential(..., steps=T))",
                "because the bound on |u| is gamma^(1/T); gamma=1 or constrain=False need no T",
            )
        steps = 1
    _check.at_least("recurrent_bound", "steps", steps, 1)
    bound = gamma ** (1 / steps)
    if activation == "tanh":
        return bound * 0.9 ** (-1 / 10)
    return 4 * bound if activation == "sigmoid" else bound


def recurrent(kind: str | float, bound: float, gamma: float, steps: int | None) -> Initializer:
    """The initialiser of u.

    uniform     U(0, bound): every length of memory is there from the start                  (B, 3.2)
    symmetric   U(-bound, bound)
    long        U(ε^(1/T), bound) with ε = 1/γ: only long memories, for the last recurrent layer
                when only the last step is read                         (B, 3.2 and the authors' code)
    ones        1 (no more than the bound)
    a number    that number
    """
    if not isinstance(kind, str):
        value = float(kind)
        return lambda rng, shape: np.full(shape, value)
    _check.choice("IndRNN", "recurrent_init", kind, RECURRENT)
    if kind == "ones":
        return lambda rng, shape: np.full(shape, min(1.0, bound))
    if math.isinf(bound):
        _check.fail(
            "IndRNN",
            f"recurrent_init is {kind!r} with constrain=False",
            "'ones' or a number, which need no bound, or the sequence length T (Sequential(..., steps=T))",
        )
    low = {"uniform": 0.0, "symmetric": -bound}.get(kind)
    if low is None:
        if gamma < 1:
            because = "because the range is from (1/gamma)^(1/T) to gamma^(1/T)"
            _check.fail("IndRNN", f"recurrent_init is 'long' with gamma = {gamma}", "gamma >= 1", because)
        low = bound * gamma ** (-2 / (steps or 1))  # (1/γ)^(1/T) for relu: the bound's other side
    return lambda rng, shape: rng.uniform(low, bound, shape)


def input_weights(kind: str | float) -> Initializer:
    """The initialiser of W (H, D).

    normal      N(0, 0.001²): without batch norm a neuron with u near 1 sums its input over T steps, so
                W starts tiny (A, code)
    kaiming     U(-k, k) with k = √(6 / ((1 + a²) D)), a = 8: behind batch norm, as the authors' later code does (B)
    he          N(0, 2 / D), for a read-out (kaiming_normal)
    a number    N(0, number²)
    """
    if not isinstance(kind, str):
        deviation = float(kind)
        _check.at_least("IndRNN", "input_init", deviation, 0.0)
        return lambda rng, shape: rng.normal(0.0, deviation, shape)
    _check.choice("IndRNN", "input_init", kind, INPUT)
    if kind == "he":
        return kaiming_normal
    return input_weights(0.001) if kind == "normal" else kaiming_uniform(8.0)


def kaiming_uniform(a: float) -> Initializer:
    """U(-k, k), k = √(6 / ((1 + a²) fan_in)) for W (H, fan_in); He et al. 2015 with the slope a of a leaky relu."""
    return lambda rng, shape: rng.uniform(-1, 1, shape) * math.sqrt(6 / ((1 + a * a) * shape[1]))


def kaiming_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """N(0, 2 / fan_in) for W (K, fan_in); He et al. 2015. The authors' output layer."""
    return rng.normal(0.0, math.sqrt(2 / shape[1]), shape)


def constant(value: float) -> Initializer:
    """Every element is `value`."""
    return lambda rng, shape: np.full(shape, value)


def uniform(bound: float) -> Initializer:
    """U(-bound, bound): the table of an embedding."""
    return lambda rng, shape: rng.uniform(-bound, bound, shape)


def input_matrix(kind: str | float, gates: int) -> Initializer:
    """The initialiser of W (gates · H, D) of a cell with a recurrent matrix.

    glorot      U(-k, k) with k = √(6 / (D + H)) for each gate (Glorot & Bengio 2010)
    a number    N(0, number²)
    """
    if not isinstance(kind, str):
        deviation = float(kind)
        return lambda rng, shape: rng.normal(0.0, deviation, shape)
    return lambda rng, shape: rng.uniform(-1, 1, shape) * math.sqrt(6 / (shape[1] + shape[0] // gates))


def recurrent_matrix(kind: str | float, gates: int = 1) -> Initializer:
    """The initialiser of U (gates · H, H), a matrix for each gate.

    orthogonal  a random rotation: it keeps the length of what it multiplies (Saxe et al. 2014, arXiv:1312.6120)
    identity    1: with relu the IRNN (Le et al. 2015, arXiv:1504.00941)
    a number    number · 1
    """
    if kind == "orthogonal":
        return lambda rng, shape: np.concatenate([_rotation(rng, shape[1]) for _ in range(gates)])
    scale = 1.0 if isinstance(kind, str) else float(kind)
    return lambda rng, shape: np.concatenate([scale * np.eye(shape[1])] * gates)


def _rotation(rng: np.random.Generator, size: int) -> np.ndarray:
    """Any orthogonal matrix, all equally likely: Q of normal numbers' QR, with the signs of R's diagonal."""
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    return q * np.where(np.diag(r) < 0, -1.0, 1.0)
