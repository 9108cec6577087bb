"""Comparison of a fast twin with the reference: the results of one computation on both, array by array.

Errors are taken over the largest entry of the reference's array. Gates of rectifiers are compared apart: where some
differ, rounding has carried a pre-activation over its kink, and a mismatch is undecided instead of a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import op_cases
from .hosted import hosted
from .report import FAILED, PASSED, UNDECIDED

TOLERANCE = {"float32": 2e-5, "float64": 1e-12}
REFERENCE = "reference"
Arrays = dict[str, np.ndarray]
Compute = Callable[[Any, np.random.Generator, str], Arrays]


@dataclass(frozen=True)
class Outcome:
    """The worst of what one check found."""

    error: float
    tolerance: float
    kinks: int = 0
    status: str = PASSED
    detail: str = ""

    @property
    def badness(self) -> tuple[bool, bool, float]:
        """How to compare two outcomes: failures, then undecided ones, then by error over tolerance."""
        ratio = self.error / self.tolerance
        return self.status == FAILED, self.status == UNDECIDED, np.inf if np.isnan(ratio) else ratio


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of several variants; their kinks are added up."""
    found = list(outcomes)
    first = max(found, key=lambda outcome: outcome.badness)
    return Outcome(first.error, first.tolerance, sum(o.kinks for o in found), first.status, first.detail)


def compare(compute: Compute, backend: str, dtype: str, seed: int) -> Outcome:
    """Run a computation on the reference and on a backend, and compare all that it returns."""
    results = [compute(hosted(name), np.random.default_rng(seed), dtype) for name in (REFERENCE, backend)]
    expected, actual = results
    kinks = int(np.count_nonzero(expected.pop("gates") != actual.pop("gates"))) if "gates" in expected else 0
    first = worst(compare_arrays(name, actual[name], expected[name], dtype, kinks) for name in expected)
    return Outcome(first.error, first.tolerance, kinks, first.status, first.detail)


def compare_arrays(
    name: str, actual: np.ndarray, expected: np.ndarray, dtype: str, kinks: int = 0
) -> Outcome:
    """Compare one array; integers (bits) must be equal."""
    tolerance = TOLERANCE[dtype]
    if expected.dtype.kind != "f":
        wrong = int(np.count_nonzero(actual != expected))
        return Outcome(
            float(wrong), tolerance, 0, FAILED if wrong else PASSED, f"{name}: {wrong} elements differ"
        )
    off = np.abs(actual.astype(np.float64) - expected)
    error = float(off.max(initial=0.0)) / (float(np.abs(expected).max(initial=0.0)) or 1.0)
    if error <= tolerance and actual.dtype == expected.dtype:
        return Outcome(error, tolerance)
    place = tuple(int(i) for i in np.unravel_index(int(np.argmax(off)), off.shape))
    told = f"{name}{list(place)}: {actual[place]} ({actual.dtype}), reference {expected[place]} ({expected.dtype})"
    return Outcome(error, tolerance, 0, UNDECIDED if kinks else FAILED, told)


def op_twin(name: str, seed: int, options: dict[str, Any]) -> Compute:
    """Forward and backward of an op on the arrays of `op_cases`."""

    def compute(ops: Any, _: np.random.Generator, dtype: str) -> Arrays:
        case = op_cases.draw(name, seed, **options)
        arrays = {n: a.astype(dtype) for n, a in case.arrays.items()}
        outputs, kept = case.forward(ops, arrays)
        weights = {n: w.astype(dtype) for n, w in case.cotangents(outputs, seed).items()}
        gradients = case.backward(ops, arrays, kept, weights)
        found = {f"gradient of {n}": np.asarray(g) for n, g in gradients.items()} | outputs
        return found | ({"gates": next(iter(outputs.values())) > 0} if case.rectified else {})

    return compute


def sgd(ops: Any, rng: np.random.Generator, dtype: str) -> Arrays:
    """Three updates with each form of momentum and weight decay."""
    found: Arrays = {}
    for momentum, nesterov in ((0.0, False), (0.9, False), (0.9, True)):
        for weight_decay in (0.0, 0.01):
            p, g, kind = rng.standard_normal((3, 103)).astype(dtype)
            m, decay = np.zeros_like(p), (kind > 0).astype(dtype)
            for _ in range(3):
                ops.sgd.update(p, g, m, 0.1, momentum, nesterov, weight_decay, decay)
            told = f" with momentum {momentum}, nesterov {nesterov}, weight decay {weight_decay}"
            found |= {f"p{told}": p, f"m{told}": m}
    return found


def adam(ops: Any, rng: np.random.Generator, dtype: str) -> Arrays:
    """Three updates with coupled, decoupled and no weight decay."""
    found: Arrays = {}
    for weight_decay, decoupled in ((0.0, False), (0.01, False), (0.01, True)):
        p, g, kind = rng.standard_normal((3, 103)).astype(dtype)
        m, v, decay = np.zeros_like(p), np.zeros_like(p), (kind > 0).astype(dtype)
        for t in (1, 2, 3):
            ops.adam.update(p, g, m, v, t, 0.01, 0.9, 0.999, 1e-8, weight_decay, decoupled, decay)
        told = f" with weight decay {weight_decay}, decoupled {decoupled}"
        found |= {f"p{told}": p, f"m{told}": m, f"v{told}": v}
    return found


def clipping(ops: Any, rng: np.random.Generator, dtype: str) -> Arrays:
    """Norm, both clippings, the projection of u, and the search for the first non-finite number."""
    g, by_norm, by_value, u = rng.standard_normal((4, 1009)).astype(dtype)
    norms = np.array([ops.gradient.norm(g), ops.gradient.clip_norm(by_norm, 1.0)])
    ops.gradient.clip_value(by_value, 0.5)
    ops.project.project(u, 1.0)
    g[517] = np.nan
    first = np.array([ops.finite.first(g)])
    return {"norms": norms, "clipped by norm": by_norm, "clipped by value": by_value, "u": u, "first": first}


def random(ops: Any, rng: np.random.Generator, dtype: str) -> Arrays:
    """Bits, and uniform numbers as bits."""
    key = tuple(int(k) for k in rng.integers(1 << 30, size=3))
    uniform = ops.random.uniform(key, (17, 59), dtype)
    return {"bits": ops.random.bits(key, 1003), "uniform": uniform.view(f"u{uniform.itemsize}")}


def adding(ops: Any, rng: np.random.Generator, dtype: str) -> Arrays:
    """A part of a batch of the adding problem, as bits."""
    key = tuple(int(k) for k in rng.integers(1 << 30, size=3))
    x, target = ops.adding.draw(key, 37, 11, dtype, 3, 5)
    return {"x": x.view(f"u{x.itemsize}"), "target": target.view(f"u{x.itemsize}")}


def rows(ops: Any, rng: np.random.Generator, dtype: str) -> Arrays:
    """Rows copied, added, and put side by side."""
    x, row = (rng.standard_normal(shape).astype(dtype) for shape in ((9, 4, 5), (4, 5)))
    lengths = np.array([9, 0, 3, 1])
    spread = np.empty_like(x)
    ops.rows.spread(row, spread)
    joined = ops.rows.join(x, spread)
    return {
        "spread": spread, "sum": ops.rows.add(x, spread), "total": ops.rows.total(row),
        "last": ops.rows.last(x, lengths, row), "at last": ops.rows.at_last(row, 9, lengths),
        "reached": ops.rows.reached(row, lengths), "without padding": ops.rows.without_padding(x, lengths),
        "joined": joined, "part": ops.rows.part(joined, 3, 4),
    }  # fmt: skip


PLAIN_OPS: list[tuple[str, Compute]] = [
    ("op sgd, 3 updates", sgd),
    ("op adam, 3 updates", adam),
    ("ops gradient, project, finite", clipping),
    ("op random, bit for bit", random),
    ("op rows", rows),
    ("op adding, bit for bit", adding),
]
