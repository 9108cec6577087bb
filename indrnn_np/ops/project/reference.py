"""Projection of the recurrent weights in plain NumPy."""

from __future__ import annotations

import numpy as np

from . import contract


def project(u, bound):
    """Clip u (H,) to [-bound, bound], in place; NaN stays NaN."""
    bound = contract.check("project.project", u, bound)
    np.clip(u, -bound, bound, out=u)
