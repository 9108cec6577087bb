"""Explain the strategy of the CPU cell for a shape, for `indrnn info --explain`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import _machine
from ..._cpu import tiles
from ..._cpu.threads import thread_count
from . import chunks, cpu, few_inputs, tiled_products

FILES = {cpu.FEW_INPUTS: "few_inputs.py", cpu.TILES: "tiled_loop.py", cpu.BLAS: "blas_loop.py"}


def explain(T: int, B: int, D: int, H: int, dtype: str = "float32") -> dict[str, Any]:
    """Return the strategy for x (T, B, D) and W (H, D), its file, its reason, and sizes (bytes)."""
    itemsize = np.dtype(dtype).itemsize
    n = thread_count(T * B * H, T)
    way = cpu.strategy(T, B, D, H, itemsize, n)
    spans = cpu.cut(way, T, B, D, H, itemsize, n, False)
    return {
        "strategy": way,
        "file": f"indrnn_np/ops/indrnn/{FILES[way]}",
        "why": reason(way, B, D, H, itemsize, B * chunks.shortest(spans)),
        "W": H * D * itemsize,
        "L2 cache": _machine.caches().get("L2"),
        "inputs": D,
        "threads": n,
        "chunks": 1 if way == cpu.FEW_INPUTS else len(spans),
        "steps of a chunk": T if way == cpu.FEW_INPUTS else chunks.longest(spans),
    }


def reason(way: str, B: int, D: int, H: int, itemsize: int, rows: int) -> str:
    """Return a sentence with the reason for a strategy; `rows` are those of the shortest chunk."""
    half = tiled_products.L2_SHARE * _machine.caches().get("L2", 2**20)
    sizes = f"W takes {H * D * itemsize / 2**10:.4g} KiB, half of the L2 cache is {half / 2**10:.4g} KiB"
    if way == cpu.FEW_INPUTS:
        return f"D = {D} is at most {few_inputs.INPUTS}: W x_t is computed inside the recurrence"
    if way == cpu.TILES:
        return f"W fits in half of the L2 cache: {sizes}"
    if tiles.size(itemsize) is None:
        return "no tile is known for this CPU, or kernels are not compiled (NUMBA_DISABLE_JIT)"
    if min(D, H) < tiled_products.LEAST_SIDE:
        return f"W is {H} x {D}, and a side below {tiled_products.LEAST_SIDE} leaves most of a tile empty"
    if H * D * itemsize > half:
        return f"W does not fit in half of the L2 cache: {sizes}"
    return f"chunks of {rows} rows (steps x B, with B = {B}) are shorter than a tile"
