"""How long a run goes on and what it does on the way."""

from __future__ import annotations

from dataclasses import dataclass

from .. import _check
from ..recompute import KEEP, MEMORY
from . import metrics


@dataclass(frozen=True)
class Plan:
    """The numbers of a run; 0 leaves a thing out.

    iterations: where it ends. minutes: where it ends before that, pauses not counted. clip_norm: limit of the
    gradient's global norm. clip_value: of each of its elements (with both, the elements come first). *_every:
    iterations between two log lines, validations, checkpoints.
    evaluation_batch: batch of an evaluation. bn_batch: batch that batch norm's statistics are taken from for an
    evaluation. memory: "keep" all states for backward, or "recompute" them from a few (recompute.py). graph: launch an
    iteration as two CUDA graphs (_graph.py), with backend "cuda".
    """

    iterations: int
    batch: int = 32
    loss: str = "mse"
    clip_norm: float = 0.0
    clip_value: float = 0.0
    log_every: int = 100
    validate_every: int = 0
    checkpoint_every: int = 1000
    evaluation_batch: int = 100
    bn_batch: int = 0
    memory: str = KEEP
    minutes: float = 0.0
    graph: bool = False

    def __post_init__(self) -> None:
        for name in ("iterations", "batch", "log_every", "evaluation_batch"):
            _check.at_least("train", name, getattr(self, name), 1)
        for name in ("clip_norm", "clip_value", "validate_every", "checkpoint_every", "bn_batch", "minutes"):
            _check.at_least("train", name, getattr(self, name), 0)
        _check.choice("train", "loss", self.loss, metrics.LOSSES)
        _check.choice("train", "memory", self.memory, MEMORY)
