"""The recurrence over more than 2^31 numbers, where positions exceed 32 bits, compared on a few columns.

Columns are independent of each other, so the reference can run on some of them alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from indrnn_np.backend import get
from indrnn_np.ops.random import reference as random

from .judge import Judge
from .part import Part

KEYS = (7, 2, 1), (7, 3, 1)
ARRAYS = 3.2  # of T·B·H numbers: a (later da), dh, h, and small ones


def large(part: Part) -> None:
    """Draw a and dh on the GPU, run both passes, and compare first, middle and last columns."""
    T, B, H = part.sizes.large
    ops, size = get("cuda"), T * B * H
    free, needed = ops.device.memory()[0], int(ARRAYS * 4 * size)
    if free is not None and free < needed:
        part.note(f"left out: {needed / 2**30:.0f} GiB are needed, {free / 2**30:.0f} GiB are free")
        return
    judge = Judge(part, "float32", f"a recurrence of {size:.3g} numbers, in parts")
    u = np.random.default_rng(0).uniform(-1, 1, H).astype(np.float32)
    h0 = ops.device.zeros((B, H), "float32")
    a, dh = (ops.random.uniform(key, (T, B, H)) for key in KEYS)
    compare_numbers(judge, a)
    judge.write()
    places = [0, (B * H // 2) // H * H, B * H - part.sizes.columns]
    drawn = [(columns(part, a, j), columns(part, dh, j)) for j in places]
    h = ops.recurrence.forward(a, ops.device.asarray(u), h0)
    da, _, dh0 = ops.recurrence.backward(dh, h, ops.device.asarray(u), out=a)
    reference = get("reference").recurrence
    for j, (a_j, dh_j) in zip(places, drawn, strict=True):
        states = columns(part, h, j)
        u_j = u[j % H : j % H + part.sizes.columns].astype(np.float64)
        title = f"{part.sizes.large}, columns from {j}"
        expected = reference.forward(a_j.astype(np.float64), u_j, np.zeros(a_j.shape[1:]))
        judge.compare("recurrence.forward", title, (states, expected))
        expected_da, _, expected_dh0 = reference.backward(
            dh_j.astype(np.float64), states.astype(np.float64), u_j
        )
        dh0_j = dh0.reshape(1, B * H)[0][j : j + part.sizes.columns].to_host()
        pairs = (columns(part, da, j), expected_da), (dh0_j, expected_dh0[0])
        judge.compare("recurrence.backward", title, *pairs)
    judge.write()


def columns(part: Part, array: Any, j: int) -> np.ndarray:
    """Return neighbouring columns of all time steps, (steps, 1, columns)."""
    stop = j + part.sizes.columns
    return np.stack([row.reshape(row.size)[j:stop].to_host() for row in array])[:, None]


def compare_numbers(judge: Judge, a: Any) -> None:
    """Compare the last numbers of the stream that filled `a` bit for bit."""
    seed, stream, iteration = KEYS[0]
    flat = a.reshape(a.size)
    first = max(0, flat.size - 4096) // 4 * 4
    blocks = np.arange(first // 4, -(-flat.size // 4), dtype=np.uint64)
    counter = [blocks, *(np.full(len(blocks), word, np.uint64) for word in (stream, iteration, 0))]
    words = np.stack(random.philox(counter, (seed, 0)), axis=1).astype(np.uint32).reshape(-1)
    expected = (words >> 8).astype(np.float32) * np.float32(2.0**-24)
    judge.same_bits(
        "random.uniform", f"from {first} on", flat[first:].to_host(), expected[: flat.size - first]
    )
