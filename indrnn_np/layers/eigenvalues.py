"""Eigenvalues of RotatingIndRNN: λ and g from the parameters ν and θ, their gradients and tangents.

    r = exp(-exp ν)     p = r cos θ     q = r sin θ     g = √(1 - r²)

|λ| = r is below 1 for every ν, so training needs no bound. All arrays have one element for each
pair of neurons (H/2,), except u = (p, q) and the scale (g, g), which have H.
"""

from __future__ import annotations

import numpy as np

from .._types import Array


def eigenvalues(nu: Array, theta: Array) -> tuple[Array, Array]:
    """Return u = (p, q) and the scale (g, g) of the inputs, each (H,)."""
    r, g, _, _ = _moduli(nu)
    return np.concatenate([r * np.cos(theta), r * np.sin(theta)]), np.concatenate([g, g])


def gradients(nu: Array, theta: Array, du: Array, dscale: Array) -> tuple[Array, Array]:
    """Return dν and dθ from the gradients of u and of the scale, (..., H).

    dν = r' (cos θ dp + sin θ dq) + g' dg,   dθ = -q dp + p dq
    """
    r, _, dr_dnu, dg_dnu = _moduli(nu)
    cos, sin, (dp, dq) = np.cos(theta), np.sin(theta), np.split(du, 2, axis=-1)
    dg = np.add(*np.split(dscale, 2, axis=-1))
    return dr_dnu * (cos * dp + sin * dq) + dg_dnu * dg, r * (cos * dq - sin * dp)


def tangents(nu: Array, theta: Array, nu_dot: Array, theta_dot: Array) -> tuple[Array, Array]:
    """Return the directional derivatives of u and of the scale, each (H,)."""
    r, _, dr_dnu, dg_dnu = _moduli(nu)
    cos, sin, r_dot, g_dot = np.cos(theta), np.sin(theta), dr_dnu * nu_dot, dg_dnu * nu_dot
    p_dot, q_dot = r_dot * cos - r * sin * theta_dot, r_dot * sin + r * cos * theta_dot
    return np.concatenate([p_dot, q_dot]), np.concatenate([g_dot, g_dot])


def _moduli(nu: Array) -> tuple[Array, Array, Array, Array]:
    """Return r, g, dr/dν = -e^ν r and dg/dν = e^ν r² / g."""
    rate = np.exp(nu)
    r, g = np.exp(-rate), np.sqrt(-np.expm1(-2 * rate))  # expm1: 1 - r² loses digits where r is near 1
    return r, g, -rate * r, rate * r * r / g
