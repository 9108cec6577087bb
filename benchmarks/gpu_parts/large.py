"""The scan over more than 2^31 numbers, where a place no longer fits 32 bits, compared on a few columns.

Columns are independent of each other, so that the reference can run on some of them alone.
"""

from __future__ import annotations

import numpy as np

from indrnn_np.backend import get
from indrnn_np.ops.random import reference as random

from .judge import Judge
from .part import Part

KEYS = (7, 2, 1), (7, 3, 1)
ARRAYS = 3.2  # of T·B·H numbers: a (later da), dh, h, and a little


def large(part: Part) -> None:
    """Draw a and dh on the GPU, run both passes, and compare first, middle and last columns."""
    T, B, H = part.sizes.large
    ops, size = get("cuda"), T * B * H
    free, needed = ops.device.memory()[0], int(ARRAYS * 4 * size)
    if free is not None and free < needed:
        part.note(f"left out: {needed / 2**30:.0f} GiB are needed, {free / 2**30:.0f} GiB are free")
        return
    judge = Judge(part, "float32")
    u = np.random.default_rng(0).uniform(-1, 1, H).astype(np.float32)
    h0 = ops.device.zeros((B, H), "float32")
    a, dh = (ops.random.uniform(key, (T, B, H)) for key in KEYS)
    numbers(judge, a)
    places = [0, (B * H // 2) // H * H, B * H - part.sizes.columns]
    given = [(columns(part, a, j), columns(part, dh, j)) for j in places]
    h = ops.recurrence.forward(a, ops.device.asarray(u), h0)
    da, _, dh0 = ops.recurrence.backward(dh, h, ops.device.asarray(u), out=a)
    reference = get("reference").recurrence
    for j, (a_j, dh_j) in zip(places, given, strict=True):
        own = columns(part, h, j)
        u_j = u[j % H : j % H + part.sizes.columns].astype(np.float64)
        start = np.zeros(a_j.shape[1:])
        right = reference.forward(a_j.astype(np.float64), u_j, start)
        judge.compare("recurrence.forward", f"{part.sizes.large}, columns from {j}", (own, right))
        right_da, _, right_dh0 = reference.backward(dh_j.astype(np.float64), own.astype(np.float64), u_j)
        found = columns(part, da, j), dh0.reshape(1, B * H)[0][j : j + part.sizes.columns].to_host()
        told = f"{part.sizes.large}, columns from {j}"
        judge.compare("recurrence.backward", told, (found[0], right_da), (found[1], right_dh0[0]))
    judge.write()
    part.found["tables"][-1]["title"] = f"A scan of {size:.3g} numbers, {part.sizes.large}, in parts"


def columns(part: Part, array: object, j: int) -> np.ndarray:
    """Neighbouring columns of all steps, (steps, 1, columns)."""
    stop = j + part.sizes.columns
    return np.stack([row.reshape(row.size)[j:stop].to_host() for row in array])[:, None]  # type: ignore[attr-defined]


def numbers(judge: Judge, a: object) -> None:
    """The last numbers of the stream that filled a, bit for bit."""
    seed, stream, iteration = KEYS[0]
    flat = a.reshape(a.size)  # type: ignore[attr-defined]
    first = max(0, flat.size - 4096) // 4 * 4
    blocks = np.arange(first // 4, -(-flat.size // 4), dtype=np.uint64)
    counter = [blocks, *(np.full(len(blocks), word, np.uint64) for word in (stream, iteration, 0))]
    words = np.stack(random.philox(counter, (seed, 0)), axis=1).astype(np.uint32).reshape(-1)
    right = (words >> 8).astype(np.float32) * np.float32(2.0**-24)
    judge.same_bits("random.uniform", f"from {first} on", flat[first:].to_host(), right[: flat.size - first])
