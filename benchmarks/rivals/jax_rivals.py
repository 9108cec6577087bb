"""JAX on the CPU: one jitted function for both passes, the recurrence as `lax.scan`, the fastest unroll of a few.

XLA's threads are set before JAX is imported (speed.py): the process is pinned to as many cores as there are threads.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jaxlib
import numpy as np

from indrnn_np.bench.cases import Case
from indrnn_np.bench.layer import Data
from indrnn_np.bench.report import figures
from indrnn_np.bench.timing import RIVAL, Candidate, LeftOut

UNROLLS = (1, 2, 4, 8, 16)
CALLS = 2  # of each unroll, the fastest of which counts


def candidates(case: Case, data: Data, threads: int) -> dict[str, Candidate | LeftOut]:
    """The scan with the unroll that is the fastest at this shape."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if cores != threads:
        return {
            "JAX": LeftOut(
                f"XLA takes the {cores} cores of the process, {threads} are asked for: pin the process"
            )
        }
    arrays = converted(data)
    seconds = {unroll: fastest(both_passes(unroll), arrays) for unroll in UNROLLS}
    unroll = min(seconds, key=lambda k: seconds[k])
    function = both_passes(unroll)
    tried = ", ".join(f"{k}: {figures(1e3 * s)} ms" for k, s in seconds.items())
    return {
        "JAX, lax.scan": Candidate(
            lambda: jax.block_until_ready(function(*arrays)), RIVAL, f"XLA, jaxlib {jaxlib.__version__}",
            note=f"unroll {unroll}, the fastest of {tried}", gradients=lambda other: found(function, other),
        )
    }  # fmt: skip


def both_passes(unroll: int) -> Callable[..., Any]:
    """A jitted function of (x, W, u, b, h0, dh) that returns the states and the gradients of the first four."""

    def layer(x: Any, W: Any, u: Any, b: Any, h0: Any) -> Any:
        a = (x.reshape(-1, x.shape[2]) @ W.T).reshape(len(x), *h0.shape) + b

        def step(h: Any, a_t: Any) -> Any:
            h = jax.nn.relu(a_t + u * h)
            return h, h

        return jax.lax.scan(step, h0, a, unroll=unroll)[1]

    @jax.jit
    def both(x: Any, W: Any, u: Any, b: Any, h0: Any, dh: Any) -> Any:
        h, back = jax.vjp(lambda *changed: layer(*changed, h0), x, W, u, b)
        return h, back(dh)

    return both


def found(function: Callable[..., Any], data: Data) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """States and gradients as NumPy arrays."""
    h, gradients = function(*converted(data))
    return np.asarray(h), {name: np.asarray(g) for name, g in zip("xWub", gradients, strict=True)}


def converted(data: Data) -> list[Any]:
    return [jnp.asarray(value) for value in (data.x, data.W, data.u, data.b, data.h0, data.dh)]


def fastest(function: Callable[..., Any], arrays: list[Any]) -> float:
    """Seconds of the fastest of a few calls, after one that compiles."""
    seconds = []
    for _ in range(CALLS + 1):
        start = time.perf_counter()
        jax.block_until_ready(function(*arrays))
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])
