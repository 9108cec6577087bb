"""Optimizers, learning-rate schedules and losses."""

from __future__ import annotations

from .clipping import clip_norm, clip_value
from .optimizers import SGD, Adam

__all__ = ["SGD", "Adam", "clip_norm", "clip_value"]
