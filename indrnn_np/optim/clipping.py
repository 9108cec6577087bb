"""Clip gradients by their global norm or by element."""

from __future__ import annotations

from ..backend import Backend, of
from ..parameters import Views, flat_of


def clip_norm(grads: Views, limit: float, *, backend: Backend | str | None = None) -> float:
    """Scale the gradients in place so that their global norm is at most `limit`.

    Parameters
    ----------
    grads : Views
        Gradients that `net.backward` returned.
    limit : float
        Largest Euclidean norm of all gradients together.
    backend : Backend or str, optional
        Backend that computes the norm, or its name. By default "cuda" for gradients in GPU memory,
        else "cpu".

    Returns
    -------
    float
        Norm before clipping.

    Examples
    --------
    >>> import numpy as np
    >>> grads = Views({"0.W": (1, 2)}, np.array([3.0, 4.0]))
    >>> clip_norm(grads, 2.5, backend="reference"), grads["0.W"].tolist()
    (5.0, [[1.5, 2.0]])
    """
    flat = flat_of("clip_norm", grads)
    return of(flat, backend).gradient.clip_norm(flat, limit)


def clip_value(grads: Views, limit: float, *, backend: Backend | str | None = None) -> None:
    """Clip each element of the gradients to [-limit, limit] in place.

    Parameters
    ----------
    grads : Views
        Gradients that `net.backward` returned.
    limit : float
        Largest magnitude of an element.
    backend : Backend or str, optional
        Backend, as in `clip_norm`.

    Examples
    --------
    >>> import numpy as np
    >>> grads = Views({"0.W": (1, 2)}, np.array([3.0, -0.5]))
    >>> clip_value(grads, 1.0, backend="reference")
    >>> grads["0.W"].tolist()
    [[1.0, -0.5]]
    """
    flat = flat_of("clip_value", grads)
    of(flat, backend).gradient.clip_value(flat, limit)
