"""CUDA twin of reference.py: one launch of the kernel that clips a gradient by value."""

from __future__ import annotations

from ..._cuda.launch import on_device
from ..._cuda.stop_flag import stop_flag
from ..gradient.cuda import clip_kernel
from . import contract


def project(u, bound):
    """Twin of reference.project."""
    on_device("project.project", u=u)
    bound = contract.check("project.project", u, bound)
    clip_kernel(u.size, u, u.dtype.type(bound), stop_flag())


def kernels():
    """Yield every kernel, in every variant."""
    yield clip_kernel
