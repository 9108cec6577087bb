"""Derivative of the backward pass of layer normalisation along a direction, in plain NumPy."""

from __future__ import annotations

import numpy as np

from . import contract


def backward_tangent(dy, dy_dot, x, x_dot, mean, rstd, scale, scale_dot):
    """Return the directional derivatives of the results of `backward`.

        dx = rstd (g - ⟨g⟩ - x̂ ⟨g x̂⟩),   g = scale ⊙ dy,   ⟨·⟩ the mean over the units of a row
        ḋx = rstd (ġ - ⟨ġ⟩ - d ⟨g x̂⟩ - x̂ ⟨ġ x̂ + g d⟩ - ⟨x̂ ẋ⟩ dx)
        d = rstd (ẋ - ⟨ẋ⟩ - x̂ ⟨x̂ ẋ⟩), the derivative of x̂

    Parameters
    ----------
    dy, dy_dot : array (B, H) or (T, B, H)
        Gradient of the outputs and its derivative.
    x, x_dot : array (B, H) or (T, B, H)
        Inputs and their direction.
    mean, rstd : array (B,) or (T, B)
        Statistics that `forward` returned.
    scale, scale_dot : array (H,)
        Scale of each neuron and its direction.

    Returns
    -------
    dx_dot : array (B, H) or (T, B, H)
        Derivative of the gradient of x.
    dscale_dot, dshift_dot : array (H,)
        Derivatives of the gradients of scale and shift.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_backward_tangent(
        "layernorm.backward_tangent", dy, dy_dot, x, x_dot, mean, rstd, scale, scale_dot
    )
    wide, rstd = np.result_type(x.dtype, np.float64), rstd[..., None]
    x_hat = (x.astype(wide) - mean[..., None]) * rstd
    g, g_dot = scale.astype(wide) * dy, scale_dot.astype(wide) * dy + scale.astype(wide) * dy_dot
    slope = _mean(x_hat * x_dot)
    d = rstd * (x_dot - _mean(x_dot.astype(wide)) - x_hat * slope)
    # backward: dx = rstd * (g - mean(g) - x_hat * mean(g * x_hat))
    dx = rstd * (g - _mean(g) - x_hat * _mean(g * x_hat))
    dx_dot = rstd * (
        g_dot - _mean(g_dot) - d * _mean(g * x_hat) - x_hat * _mean(g_dot * x_hat + g * d) - slope * dx
    )
    rows = tuple(range(x.ndim - 1))
    # backward: dscale = Σ dy x_hat
    dscale_dot = (dy_dot * x_hat + dy * d).sum(axis=rows)
    return (
        dx_dot.astype(x.dtype),
        dscale_dot.astype(x.dtype),
        dy_dot.sum(axis=rows, dtype=wide).astype(x.dtype),
    )


def _mean(values):
    """Return the mean of each row, as a column."""
    return values.mean(axis=-1, keepdims=True)
