"""The recurrence alone, in place and out of place, and its backward pass, compared with the copy rate.

Arrays exceed the last-level cache, so memory bandwidth is the limit. Forward reads a and writes h
(2 words per element), backward reads dh and h and writes da (3 words). `allocated` counts
write-allocate traffic: the CPU reads a cache line before it writes to it, unless it has just read
that line (in place). The copy is np.copyto between arrays of the same size, on the same threads;
bytes read and written count. np.copyto may use non-temporal stores, which compiled loops do not, so
its rate is not a bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import _machine
from .._cpu import arrays, threads
from ..backend import Backend, get
from ..init import recurrent_bound
from .agreement import Agreement, compare
from .cases import Case
from .setup import CHECKED_STEPS, DTYPE, GAMMA, Setup
from .timing import COPY, Candidate

IN_PLACE, OUT_OF_PLACE, BACKWARD, COPYING = "forward, in place", "forward", "backward", "copy"
CACHES = 2  # minimum size of an array in last-level caches


@dataclass(frozen=True)
class Data:
    """Inputs a and dh (T, B, H), u (H,), h0 (B, H), and outputs h (T+1, B, H) and da (T, B, H)."""

    a: np.ndarray
    dh: np.ndarray
    u: np.ndarray
    h0: np.ndarray
    h: np.ndarray
    da: np.ndarray
    activation: str
    ops: Backend

    def fill(self) -> None:
        """Copy the pre-activations into h[1:] for the in-place pass."""
        self.ops.device.assign(self.h[1:], self.a)

    def in_place(self) -> None:
        """Compute h_t = φ(a_t + u ⊙ h_{t-1}) with a in h[1:]."""
        self.ops.recurrence.forward(self.h[1:], self.u, self.h0, self.activation, out=self.h)

    def forward(self) -> None:
        """Compute the states from a into h."""
        self.ops.recurrence.forward(self.a, self.u, self.h0, self.activation, out=self.h)

    def backward(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return da, du and dh0 from dh and h."""
        return self.ops.recurrence.backward(self.dh, self.h, self.u, None, self.activation, out=self.da)


def steps(case: Case, cache: int | None = None) -> int:
    """Return T of the case, or the T that makes an array (T, B, H) `CACHES` times the last-level cache."""
    cache = max(_machine.caches().values(), default=0) if cache is None else cache
    row = case.B * case.H * np.dtype(DTYPE).itemsize
    return max(case.T, -(-CACHES * cache // row))


def draw(case: Case, T: int, backend: str = "cpu") -> Data:
    """Return arrays of T steps on the device of a backend, with constant random numbers."""
    rng, ops = np.random.default_rng(0), get(backend)
    bound = recurrent_bound(case.activation, GAMMA, T)
    u = ops.device.bring(rng.uniform(-bound, bound, case.H).astype(DTYPE))
    shape = (T, case.B, case.H)
    numbers = (rng.standard_normal(s, DTYPE) for s in (shape, shape, shape[1:]))
    a, dh, h0 = (ops.device.bring(arrays.aligned(array)) for array in numbers)
    h, da = ops.device.zeros((T + 1, *shape[1:]), DTYPE), ops.device.zeros(shape, DTYPE)
    return Data(a, dh, u, h0, h, da, case.activation, ops)


def check(where: str, data: Data) -> dict[str, Agreement]:
    """Compare the three passes with the reference in float64; raise WrongResult if they differ."""
    op, host = get("reference").recurrence, data.ops.device.to_host
    exact, u, h0, dh = (host(array).astype(np.float64) for array in (data.a, data.u, data.h0, data.dh))
    h = op.forward(exact, u, h0, data.activation)[1:]
    agreements = {}
    runs: dict[str, Callable[[], object]] = {IN_PLACE: data.in_place, OUT_OF_PLACE: data.forward}
    for name, run in runs.items():
        data.fill()
        run()
        agreements[name] = compare(f"{where}, {name}", len(exact), {"h": h}, {"h": host(data.h)[1:]})
    states = host(data.h).astype(np.float64)
    expected = dict(zip(("da", "du", "dh0"), op.backward(dh, states, u, None, data.activation), strict=True))
    actual = dict(zip(expected, map(host, data.backward()), strict=True))
    agreements[BACKWARD] = compare(f"{where}, {BACKWARD}", len(exact), expected, actual)
    return agreements


def prepare(case: Case) -> Setup:
    """Check a few steps and return the candidates, on arrays larger than the last-level cache."""
    agreements = check(case.name, draw(case, min(case.T, CHECKED_STEPS)))
    T = steps(case)
    data = draw(case, T)
    data.fill()
    data.in_place()  # backward reads these states; each forward pass writes the same states
    size = data.a.nbytes
    candidates = {
        IN_PLACE: Candidate(data.in_place, before=data.fill, moved=2 * size),
        OUT_OF_PLACE: Candidate(data.forward, moved=2 * size, allocated=size),
        BACKWARD: Candidate(data.backward, moved=3 * size, allocated=size),
        COPYING: Candidate(lambda: copy(data.a, data.da), COPY, moved=2 * size),
    }
    return Setup(candidates, agreements, steps=T)


def copy(source: np.ndarray, target: np.ndarray) -> None:
    """Copy source to target in pieces, on the threads of the kernels."""
    source, target, n = source.reshape(-1), target.reshape(-1), source.size
    threads.parallel_for(n, n, lambda start, end: np.copyto(target[start:end], source[start:end]))
