"""Define the activations φ of the recurrence in one table, ACTIVATIONS.

An entry holds everything that the package knows about an activation. docs/extending.md shows how to
add an entry.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._cpu.jit import AS_WRITTEN, njit
from .vector_tanh import sigmoid, tanh

ArrayFunction = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Activation:
    """Activation φ: functions of arrays for the reference, and functions of numbers for kernels.

    φ' is a function of the output h = φ(a), so the pre-activation is not kept. Comparisons are
    written so that NaN stays NaN.

    Attributes
    ----------
    array_phi, array_dphi : callable
        φ(a) and φ'(h) of NumPy arrays. For complex numbers, which the complex step uses, they
        compare the real parts.
    array_ddphi : callable
        The derivative of φ'(h) along ḣ: a function of the arrays h and ḣ, for second derivatives.
    phi, dphi, ddphi : callable
        φ(a, zero, one), φ'(h, zero, one), and the derivative (h, h_dot, zero, one) of φ' along ḣ, of
        numbers, compiled by `scalar`. `zero` and `one`
        have its dtype: a literal 0.0 would widen float32 arithmetic to float64.
    cuda_phi : callable, optional
        φ(a, zero, one) on the GPU, if it differs from `phi`.
    bound : float
        Bound on |u| as a multiple of γ^(1/T).
    rectified : bool
        Whether φ has a kink: φ' jumps where h becomes positive.
    limits : (float, float), optional
        Least and largest value of φ, if φ(a) is a within them (parallel.py).
    """

    array_phi: ArrayFunction
    array_dphi: ArrayFunction
    array_ddphi: Callable[[np.ndarray, np.ndarray], np.ndarray]
    phi: Any
    dphi: Any
    ddphi: Any
    cuda_phi: Callable[..., Any] | None = None
    bound: float = 1.0
    rectified: bool = False
    limits: tuple[float, float] | None = None


def decay(a: np.ndarray) -> np.ndarray:
    """Return exp(-|a|), which does not overflow; a complex step takes the sign of the real part."""
    return np.exp(np.where(a.real < 0, a, -a))


def cuda_sigmoid(a, zero, one):
    """Return 1 / (1 + exp(-a)), computed with the exp of the GPU."""
    e = math.exp(-abs(a))
    return e / (one + e) if a < zero else one / (one + e)


scalar = njit(rounding=AS_WRITTEN)

ACTIVATIONS = {
    "relu": Activation(
        array_phi=lambda a: np.where(a.real < 0, np.zeros((), a.dtype), a),
        array_dphi=lambda h: (h.real > 0).astype(h.dtype),
        array_ddphi=lambda h, h_dot: np.zeros_like(h),
        phi=scalar(lambda a, zero, one: zero if a < zero else a),
        dphi=scalar(lambda h, zero, one: one if h > zero else zero),
        ddphi=scalar(lambda h, h_dot, zero, one: zero),
        rectified=True,
        limits=(0.0, math.inf),
    ),
    "tanh": Activation(
        array_phi=np.tanh,
        array_dphi=lambda h: 1 - h * h,
        array_ddphi=lambda h, h_dot: -2 * h * h_dot,
        phi=scalar(lambda a, zero, one: tanh(a)),
        dphi=scalar(lambda h, zero, one: one - h * h),
        ddphi=scalar(lambda h, h_dot, zero, one: -(one + one) * h * h_dot),
        cuda_phi=lambda a, zero, one: math.tanh(a),
        bound=0.9 ** (-1 / 10),  # the authors' code: tanh' costs a factor 0.9 every ten steps
    ),
    "sigmoid": Activation(
        array_phi=lambda a: np.where(a.real < 0, decay(a) / (1 + decay(a)), 1 / (1 + decay(a))),
        array_dphi=lambda h: h * (1 - h),
        array_ddphi=lambda h, h_dot: (1 - 2 * h) * h_dot,
        phi=scalar(lambda a, zero, one: sigmoid(a)),
        dphi=scalar(lambda h, zero, one: h * (one - h)),
        ddphi=scalar(lambda h, h_dot, zero, one: (one - h - h) * h_dot),
        cuda_phi=cuda_sigmoid,
        bound=4.0,  # φ' is at most 1/4
    ),
    "identity": Activation(
        array_phi=lambda a: a,
        array_dphi=lambda h: np.ones_like(h),
        array_ddphi=lambda h, h_dot: np.zeros_like(h),
        phi=scalar(lambda a, zero, one: a),
        dphi=scalar(lambda h, zero, one: one),
        ddphi=scalar(lambda h, h_dot, zero, one: zero),
        limits=(-math.inf, math.inf),
    ),
}
