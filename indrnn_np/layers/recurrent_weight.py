"""Forms of the recurrent weight u (H,): u itself, or a function of a parameter that bounds it.

    projected   u is the parameter; a projection after each update keeps |u| <= bound (ops/project)
    exp         ν is the parameter:   u = bound · exp(-exp ν),   0 < u < bound for every ν

Source of the second form: Orvieto et al. 2023, arXiv:2303.06349, here for real eigenvalues. Its
derivatives are written so that they are 0, and not NaN, where exp ν overflows:

    du/dν = -u exp ν = -bound · exp(ν - exp ν)
    d²u/dν² = (1 - exp ν) du/dν = bound · (exp(2 ν - exp ν) - exp(ν - exp ν))
"""

from __future__ import annotations

import numpy as np

from .. import _check, init
from .._types import Array
from ..init import Initializer

PROJECTED, EXP = FORMS = ("projected", "exp")
# Range of the initial u / bound. At 0 and 1, ν would be infinite.
LEAST, MOST = 1e-6, 1 - 1e-6


@np.errstate(over="ignore")
def weight(nu: Array, bound: float) -> Array:
    """Return u (H,) for ν (H,)."""
    return bound * np.exp(-np.exp(nu))


@np.errstate(over="ignore")
def slope(nu: Array, bound: float) -> Array:
    """Return du/dν (H,), by which du is multiplied to give dν."""
    return -bound * np.exp(nu - np.exp(nu))


@np.errstate(over="ignore")
def curvature(nu: Array, bound: float) -> Array:
    """Return d²u/dν² (H,)."""
    rate = np.exp(nu)
    return bound * (np.exp(2 * nu - rate) - np.exp(nu - rate))


def initial(weights: Initializer, bound: float) -> Initializer:
    """Return the initialiser of ν for initial weights u; u / bound is clipped to [1e-6, 1 - 1e-6]."""
    return lambda rng, shape: np.log(-np.log(np.clip(weights(rng, shape) / bound, LEAST, MOST)))


def check(where: str, recurrent_init: str | float, constrain: bool) -> None:
    """Refuse options of a layer that contradict the form "exp"."""
    problem, expected = f"with u_form={EXP!r}", f"or u_form={PROJECTED!r}"
    if not constrain:
        because = "because u = bound exp(-exp ν) is within the bound for every ν"
        _check.fail(where, f"constrain is False {problem}", f"True, {expected}", because)
    if recurrent_init == "symmetric" or (not isinstance(recurrent_init, str) and recurrent_init <= 0):
        expected = f"'uniform', 'long', 'ones' or a number above 0, {expected}"
        because = "because u = bound exp(-exp ν) is above 0 for every ν"
        _check.fail(where, f"recurrent_init is {recurrent_init!r} {problem}", expected, because)


def check_steps(where: str, gamma: float, steps: int | None) -> None:
    """Refuse a network without the length T if the bound depends on it."""
    if steps is None and gamma != 1:
        because = "because u = bound exp(-exp ν) with bound = gamma^(1/T); gamma=1 needs no T"
        _check.fail(where, f"steps is None with u_form={EXP!r} and gamma = {gamma}", init.LENGTH, because)


def check_within(where: str, recurrent_init: str | float, bound: float) -> None:
    """Refuse a number as the initial u that is above the bound."""
    if not isinstance(recurrent_init, str) and recurrent_init > bound:
        because = "because u = bound exp(-exp ν) is below the bound gamma^(1/T) for every ν"
        problem = f"recurrent_init is {recurrent_init} with u_form={EXP!r}"
        _check.fail(where, problem, f"at most {bound:.6g}", because)
