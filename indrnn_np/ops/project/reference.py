"""The projection of the recurrent weight in plain NumPy."""

from __future__ import annotations

import numpy as np

from ... import _check


def project(u, bound):
    """Bring u (H,) into [-bound, bound], in place; NaN stays NaN."""
    _check.array("project.project", "u", u, 1, "(H,)")
    _check.floats("project.project", u=u)
    _check.at_least("project.project", "bound", bound, 0.0, strictly=True)
    np.clip(u, -bound, bound, out=u)
