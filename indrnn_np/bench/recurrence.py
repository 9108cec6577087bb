"""The bare scan in and out of place and its backward, beside the rate at which this machine copies.

Arrays are larger than the last-level cache, so that memory decides. Bytes are what has to move: forward reads a and
writes h (2 words an element; a is h in place), backward reads dh and h and writes da (3 words). Noted apart is what the
CPU reads besides, since it fetches a line of memory before it writes to it (not where it has just read it, in place).
The copy is np.copyto between arrays as large, by the same threads; read and written bytes count. It may write past the
caches, which compiled loops do not, so that its rate is one to compare with, not a law.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import _arrays, _machine, _threads
from ..backend import Backend, get
from ..init import recurrent_bound
from .agreement import Agreement, compare
from .cases import Case
from .setup import CHECKED_STEPS, DTYPE, GAMMA, Setup
from .timing import COPY, Candidate

IN_PLACE, OUT_OF_PLACE, BACKWARD, COPYING = "forward, in place", "forward", "backward", "copy"
CACHES = 2  # an array is at least so many times as large as the last-level cache


@dataclass(frozen=True)
class Data:
    """a and dh (T, B, H), u (H,), h0 (B, H); h (T+1, B, H) and da (T, B, H) are written."""

    a: np.ndarray
    dh: np.ndarray
    u: np.ndarray
    h0: np.ndarray
    h: np.ndarray
    da: np.ndarray
    activation: str
    ops: Backend

    def fill(self) -> None:
        """Put the pre-activations where the in-place form finds them."""
        self.ops.assign(self.h[1:], self.a)

    def in_place(self) -> None:
        """h = φ(a + u h_{t-1}), a in h[1:]."""
        self.ops.recurrence.forward(self.h[1:], self.u, self.h0, self.activation, out=self.h)

    def forward(self) -> None:
        """The same from a into h."""
        self.ops.recurrence.forward(self.a, self.u, self.h0, self.activation, out=self.h)

    def backward(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """da, du and dh0 from dh and h."""
        return self.ops.recurrence.backward(self.dh, self.h, self.u, None, self.activation, out=self.da)


def steps(case: Case, cache: int | None = None) -> int:
    """T of the arrays: the case's, or more if an array (T, B, H) would not be `CACHES` times the last-level cache."""
    cache = max(_machine.caches().values(), default=0) if cache is None else cache
    row = case.B * case.H * np.dtype(DTYPE).itemsize
    return max(case.T, -(-CACHES * cache // row))


def draw(case: Case, T: int, backend: str = "cpu") -> Data:
    """Arrays of T steps where a backend computes; always the same numbers."""
    rng, ops = np.random.default_rng(0), get(backend)
    bound = recurrent_bound(case.activation, GAMMA, T)
    u = ops.bring(rng.uniform(-bound, bound, case.H).astype(DTYPE))
    shape = (T, case.B, case.H)
    a, dh, h0 = (ops.bring(_arrays.aligned(rng.standard_normal(s, DTYPE))) for s in (shape, shape, shape[1:]))
    h, da = ops.zeros((T + 1, *shape[1:]), DTYPE), ops.zeros(shape, DTYPE)
    return Data(a, dh, u, h0, h, da, case.activation, ops)


def check(where: str, data: Data) -> dict[str, Agreement]:
    """Compare the three passes with the reference in float64; WrongResult names what is off."""
    op, host = get("reference").recurrence, data.ops.to_host
    exact, u, h0, dh = (host(array).astype(np.float64) for array in (data.a, data.u, data.h0, data.dh))
    h = op.forward(exact, u, h0, data.activation)[1:]
    found = {}
    runs: dict[str, Callable[[], object]] = {IN_PLACE: data.in_place, OUT_OF_PLACE: data.forward}
    for name, run in runs.items():
        data.fill()
        run()
        found[name] = compare(f"{where}, {name}", len(exact), {"h": h}, {"h": host(data.h)[1:]})
    own = host(data.h).astype(np.float64)
    expected = dict(zip(("da", "du", "dh0"), op.backward(dh, own, u, None, data.activation), strict=True))
    actual = dict(zip(expected, map(host, data.backward()), strict=True))
    found[BACKWARD] = compare(f"{where}, {BACKWARD}", len(exact), expected, actual)
    return found


def prepare(case: Case) -> Setup:
    """Check on a few steps, then give the candidates on arrays larger than the last-level cache."""
    agreements = check(case.name, draw(case, min(case.T, CHECKED_STEPS)))
    T = steps(case)
    data = draw(case, T)
    data.fill()
    data.in_place()  # backward reads these states; each forward leaves the same ones
    size = data.a.nbytes
    candidates = {
        IN_PLACE: Candidate(data.in_place, before=data.fill, moved=2 * size),
        OUT_OF_PLACE: Candidate(data.forward, moved=2 * size, allocated=size),
        BACKWARD: Candidate(data.backward, moved=3 * size, allocated=size),
        COPYING: Candidate(lambda: copy(data.a, data.da), COPY, moved=2 * size),
    }
    return Setup(candidates, agreements, steps=T)


def copy(source: np.ndarray, target: np.ndarray) -> None:
    """target = source, in pieces, on the threads of the kernels."""
    source, target = source.reshape(-1), target.reshape(-1)
    _threads.over(
        source.size, source.size, lambda start, end: np.copyto(target[start:end], source[start:end])
    )
