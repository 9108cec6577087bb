"""The kinds of tiles that this CPU has, for tests that are to see each of them."""

from __future__ import annotations

import contextlib

import numba
import pytest
from llvmlite import binding

from indrnn_np._cpu import tiles
from indrnn_np.ops.indrnn import tiled_products
from indrnn_np.ops.recurrence import few_columns

SIZES = [name for name in tiles.SIZES if binding.get_host_cpu_features().get(name)]
needs_tiles = pytest.mark.skipif(
    numba.config.DISABLE_JIT or not SIZES, reason="nothing is compiled, or no tile is known for this CPU"
)


@contextlib.contextmanager
def only(vectors):
    """Tiles of these vectors, of those that this CPU has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "SIZES", {vectors: tiles.SIZES[vectors]})
        forget_sizes()
        yield
    forget_sizes()


def forget_sizes():
    """Clear the caches of what depends on the kind of tiles."""
    tiled_products.tile_for.cache_clear()
    few_columns.widths.cache_clear()


each_kind = pytest.mark.parametrize("vectors", SIZES)
