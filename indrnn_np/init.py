"""Initialisers of the weights, and the bound on |u|, each with its source.

A = Li et al. 2018, arXiv:1803.04831; B = Li et al. 2019, arXiv:1910.06251.

The recurrent weight u of a neuron sets the length of its memory: over T steps the gradient is
scaled by u^T. |u| <= γ^(1/T) keeps a gradient from growing by more than γ over the sequence (A,
3.1), and |u| >= ε^(1/T) keeps it above ε.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from . import _check
from .ops.recurrence.activation import ACTIVATIONS

Initializer = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]

LENGTH = "the sequence length T (Sequential(..., steps=T))"
RECURRENT = ("uniform", "symmetric", "long", "ones")
INPUT = ("normal", "kaiming", "he")
MATRIX, INPUT_MATRIX = ("orthogonal", "identity"), ("glorot",)  # of a cell with a recurrent matrix


def recurrent_bound(activation: str, gamma: float, steps: int | None) -> float:
    """Return the bound on |u| that keeps a gradient from growing by more than γ over T steps.

    Parameters
    ----------
    activation : str
        φ: "relu", "tanh", "sigmoid" or "identity".
    gamma : float
        Largest growth γ of a gradient over the sequence.
    steps : int or None
        Sequence length T. None is allowed if γ is 1, where the bound is the same for every T.

    Raises
    ------
    ValueError
        If `steps` is None and γ is not 1.

    Notes
    -----
    relu, identity   γ^(1/T)                     A, 3.1: φ' is at most 1
    tanh             (γ / 0.9^(T/10))^(1/T)      the authors' code: tanh' costs a factor 0.9 every ten steps
    sigmoid          4 γ^(1/T)                   φ' is at most 1/4

    Examples
    --------
    >>> from indrnn_np import init
    >>> init.recurrent_bound("relu", 1.0, steps=None)
    1.0
    """
    _check.choice("recurrent_bound", "activation", activation, ACTIVATIONS)
    _check.at_least("recurrent_bound", "gamma", gamma, 0.0, strictly=True)
    if steps is None:
        if gamma != 1:
            because = "because the bound on |u| is gamma^(1/T); gamma=1 or constrain=False need no T"
            _check.fail("recurrent_bound", f"steps is None with gamma = {gamma}", LENGTH, because)
        steps = 1
    _check.at_least("recurrent_bound", "steps", steps, 1)
    return float(gamma) ** (1 / steps) * ACTIVATIONS[activation].bound


def recurrent(kind: str | float, bound: float, gamma: float, steps: int | None) -> Initializer:
    """Return the initialiser of u.

    uniform     U(0, bound): memories of every length from the start                         (B, 3.2)
    symmetric   U(-bound, bound)
    long        U(ε^(1/T), bound) with ε = 1/γ: long memories only, for the last recurrent layer
                if only the last step is read                           (B, 3.2 and the authors' code)
    ones        1, or the bound if it is smaller
    a number    that number
    """
    if not isinstance(kind, str):
        _check.finite_number("IndRNN", "recurrent_init", kind)
        return constant(float(kind))
    _check.choice("IndRNN", "recurrent_init", kind, RECURRENT)
    if kind == "ones":
        return constant(min(1.0, bound))
    if math.isinf(bound):
        expected = f"'ones' or a number, which need no bound, or {LENGTH}"
        _check.fail("IndRNN", f"recurrent_init is {kind!r} with constrain=False", expected)
    low = {"uniform": 0.0, "symmetric": -bound}.get(kind)
    if low is None:
        if gamma < 1:
            because = "because the range is from (1/gamma)^(1/T) to gamma^(1/T)"
            _check.fail("IndRNN", f"recurrent_init is 'long' with gamma = {gamma}", "gamma >= 1", because)
        low = bound * gamma ** (-2 / (steps or 1))  # (1/γ)^(1/T) for relu, the lower end of the range
    return lambda rng, shape: rng.uniform(low, bound, shape)


def input_weights(kind: str | float) -> Initializer:
    """Return the initialiser of W (H, D).

    normal      N(0, 0.001²): tiny, because without batch norm a neuron with u near 1 sums its input
                over T steps (A, code)
    kaiming     U(-k, k) with k = √(6 / ((1 + a²) D)), a = 8: with batch norm, as in the authors' later code (B)
    he          N(0, 2 / D), for a read-out (kaiming_normal)
    a number    N(0, number²)
    """
    if not isinstance(kind, str):
        _check.at_least("IndRNN", "input_init", kind, 0.0)
        return normal(float(kind))
    _check.choice("IndRNN", "input_init", kind, INPUT)
    if kind == "he":
        return kaiming_normal
    return normal(0.001) if kind == "normal" else kaiming_uniform(8.0)


def kaiming_uniform(a: float) -> Initializer:
    """Return U(-k, k), k = √(6 / ((1 + a²) fan_in)), for W (H, fan_in) (He et al. 2015, leaky relu of slope a)."""
    return lambda rng, shape: rng.uniform(-1, 1, shape) * math.sqrt(6 / ((1 + a * a) * shape[1]))


def kaiming_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw W (K, fan_in) from N(0, 2 / fan_in) (He et al. 2015), as in the authors' output layer."""
    return rng.normal(0.0, math.sqrt(2 / shape[1]), shape)


def constant(value: float) -> Initializer:
    """Return the initialiser that sets every element to `value`."""
    return lambda rng, shape: np.full(shape, value)


def normal(deviation: float) -> Initializer:
    """Return the initialiser N(0, deviation²)."""
    return lambda rng, shape: rng.normal(0.0, deviation, shape)


def uniform(bound: float) -> Initializer:
    """Return the initialiser U(-bound, bound), used for embeddings."""
    bound = float(bound)  # -bound of a NumPy uint8 would wrap around
    return lambda rng, shape: rng.uniform(-bound, bound, shape)


def input_matrix(kind: str | float, gates: int) -> Initializer:
    """Return the initialiser of W (gates · H, D) of a cell with a recurrent matrix.

    glorot      U(-k, k) with k = √(6 / (D + H)) for each gate (Glorot & Bengio 2010)
    a number    N(0, number²)
    """
    if not isinstance(kind, str):
        return normal(float(kind))
    return lambda rng, shape: rng.uniform(-1, 1, shape) * math.sqrt(6 / (shape[1] + shape[0] // gates))


def check_input_matrix(where: str, kind: str | float) -> None:
    """Check an initialiser of `input_matrix`."""
    if isinstance(kind, str):
        _check.choice(where, "input_init", kind, INPUT_MATRIX)
    else:
        _check.at_least(where, "input_init", kind, 0.0)


def recurrent_matrix(kind: str | float, gates: int = 1) -> Initializer:
    """Return the initialiser of U (gates · H, H), a matrix for each gate.

    orthogonal  a random orthogonal matrix, which preserves norms (Saxe et al. 2014, arXiv:1312.6120)
    identity    the identity: with relu, the IRNN (Le et al. 2015, arXiv:1504.00941)
    a number    number · identity
    """
    if kind == "orthogonal":
        return lambda rng, shape: np.concatenate([_rotation(rng, shape[1]) for _ in range(gates)])
    scale = 1.0 if isinstance(kind, str) else float(kind)
    return lambda rng, shape: np.concatenate([scale * np.eye(shape[1])] * gates)


def check_ring(where: str, r_min: float | None, r_max: float | None) -> None:
    """Check the range of |λ|: 0 < r_min <= r_max < 1, where None is open."""
    for name, r in (("r_min", r_min), ("r_max", r_max)):
        if r is not None:
            _check.at_least(where, name, r, 0.0, strictly=True)
            _check.between(where, name, r, 0.0, 1.0)
    if r_min is not None and r_max is not None and r_min > r_max:
        _check.fail(where, f"r_min is {r_min} with r_max = {r_max}", f"at most {r_max}")


def ring(r_min: float | None, r_max: float | None, steps: int | None) -> Initializer:
    """Return the initialiser of ν of RotatingIndRNN, where |λ| = r = exp(-exp ν).

    r² is uniform between r_min² and r_max² (Orvieto et al. 2023, arXiv:2303.06349). By
    default r_min = (1/2)^(1/T) and r_max = (1/2)^(1/(10 T)): an input halves within T to 10 T steps.
    """
    where = "RotatingIndRNN"
    if steps is None and (r_min is None or r_max is None):
        name, expected = "r_min" if r_min is None else "r_max", f"r_min and r_max, or {LENGTH}"
        _check.fail(
            where, f"{name} is None without steps", expected, "because |λ| sets the memory in time steps"
        )
    low = 0.5 ** (1 / (steps or 1)) if r_min is None else r_min
    high = 0.5 ** (0.1 / (steps or 1)) if r_max is None else r_max
    check_ring(where, low, high)
    return lambda rng, shape: np.log(-0.5 * np.log(rng.uniform(low * low, high * high, shape)))


def half_turn(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw angles from U(0, π): -θ is the same pair of neurons with the sign of one changed."""
    return rng.uniform(0.0, np.pi, shape)


def _rotation(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw a uniformly distributed orthogonal matrix: Q of the QR of normal numbers, signs from R."""
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    return q * np.where(np.diag(r) < 0, -1.0, 1.0)
