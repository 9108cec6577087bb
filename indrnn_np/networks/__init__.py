"""Networks of the papers: plain stacks, residual blocks and dense blocks (docs/networks.md).

A = Li et al. 2018, arXiv:1803.04831; B = Li et al. 2019, arXiv:1910.06251.
"""

from __future__ import annotations

from . import dense_blocks, plain_stack, residual_blocks
from .dense_blocks import DROPOUT, dense
from .parts import NORMS, OUTPUTS
from .plain_stack import CELLS, plain
from .residual_blocks import residual

__all__ = ["CELLS", "DROPOUT", "NORMS", "OUTPUTS", "PLACES", "dense", "plain", "residual"]

# Places of dropout in each network.
PLACES = {
    "plain": plain_stack.PLACES,
    "residual": residual_blocks.PLACES,
    "dense": dense_blocks.PLACES,
}
