"""GPU twin of reference.py: one launch of the kernel that clips a gradient by value, which does just this."""

from __future__ import annotations

from ... import _check
from ..._cuda import on_device
from ..gradient.cuda import clip_kernel


def project(u, bound):
    """Twin of reference.project."""
    on_device("project.project", u=u)
    _check.array("project.project", "u", u, 1, "(H,)")
    _check.floats("project.project", u=u)
    _check.at_least("project.project", "bound", bound, 0.0, strictly=True)
    clip_kernel(u.size, u, u.dtype.type(bound))


def kernels():
    """Every kernel, in every variant."""
    yield clip_kernel
