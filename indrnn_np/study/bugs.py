"""The gallery of wrong backward passes: which a gradient check catches, and in which cases each hides from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..gradcheck.finite_differences import RTOL, Evaluation, check_function
from . import backwards
from .finding import Finding, Table

FLOOR = float(np.finfo(np.float64).eps)  # relative errors are told from here up
SHOWS = "random numbers"  # the case that shows a mistake
Arrays = dict[str, np.ndarray]


class Setting(NamedTuple):
    """A function of arrays, f(**arrays), with what a backward of it takes and whose gradients it returns."""

    f: Callable[..., Evaluation]
    arrays: Arrays
    arguments: tuple[Any, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Bug:
    """A mistake: the wrong and the right backward, where they are checked, and by words cases that hide it."""

    name: str
    wrong: Callable[..., tuple[np.ndarray, ...]]
    right: Callable[..., tuple[np.ndarray, ...]]
    setting: Callable[..., Setting]
    options: Mapping[str, Any] = field(default_factory=dict)
    hides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, repr=False, eq=False)
class Bugs(Finding):
    """What `bugs` found: a row for each mistake and case.

    bugs, cases, hides (N,): the mistake, the case in words, and whether it is one of those in which the mistake makes
    no difference. errors (N,): the largest relative error of a derivative; right (N,): that of the right backward in
    the same case. caught (N,): whether the check fails. wrong (N,): which gradients fail, "" for none. tolerance: of
    the check. All errors are told from 2.2e-16 up.
    """

    kind: ClassVar[str] = "bugs"

    bugs: tuple[str, ...]
    cases: tuple[str, ...]
    hides: np.ndarray
    errors: np.ndarray
    right: np.ndarray
    caught: np.ndarray
    wrong: tuple[str, ...]
    tolerance: float
    title: str = ""

    def words(self) -> str:
        """How many are caught, and how many pass where they hide."""
        shown, hidden = ~self.hides, self.hides
        least = self.errors[shown].min()
        return (
            f"{int(self.caught[shown].sum())} of {int(shown.sum())} wrong backwards are caught, with errors from "
            f"{least:.1g} up (tolerance {self.tolerance:.0e}); in {int((~self.caught[hidden]).sum())} of "
            f"{int(hidden.sum())} chosen cases the same mistakes pass"
        )

    def table(self) -> Table:
        """A line for each mistake and case."""
        return {
            "mistake": self.bugs,
            "case": self.cases,
            "error": self.errors,
            "error of the right one": self.right,
            "result": ["caught" if caught else "passes" for caught in self.caught],
            "wrong gradients": self.wrong,
        }


def bugs(seed: int = 0) -> Bugs:
    """Check every wrong backward of the gallery, in a case that shows it and in those that hide it.

    By central differences, as `gradcheck` does; the right backward is checked in the same cases. seed: of the arrays
    that are drawn.
    """
    rows = []
    for bug in GALLERY:
        for words, options in {SHOWS: {}, **bug.hides}.items():
            setting = bug.setting(np.random.default_rng(seed), **{**bug.options, **options})
            wrong, right = (_check(setting, backward, bug.name) for backward in (bug.wrong, bug.right))
            rows.append((bug.name, words, words in bug.hides, wrong, right))
    names, cases, hides, wrongs, rights = zip(*rows, strict=True)
    return Bugs(
        names, cases, np.array(hides), np.array([max(one.error, FLOOR) for one in wrongs]),
        np.array([max(one.error, FLOOR) for one in rights]), np.array([bool(one.failed) for one in wrongs]),
        tuple(", ".join(f"d{row.name}" for row in one.failed) for one in wrongs), RTOL["central"],
    )  # fmt: skip


def _check(setting: Setting, backward: Callable[..., tuple[np.ndarray, ...]], what: str) -> Any:
    gradients = dict(zip(setting.names, backward(*setting.arguments), strict=True))
    return check_function(setting.f, gradients, setting.arrays, raises=False, what=what)


def scan(
    rng: np.random.Generator, T: int = 6, B: int = 3, H: int = 5, activation: str = "relu", h0: float = 1.0,
    gates: str = "mixed", lengths: bool = False, padded: bool = False, last: bool = True, output: bool = True,
) -> Setting:  # fmt: skip
    """h_t = φ(a_t + u ⊙ h_{t-1}), L = Σ dh ⊙ h + Σ dhT ⊙ last state.

    gates: "mixed"; "open", all above 0; "rest", h_t = h_0 for all t. h0: factor on it. lengths: samples end early if
    `padded`. last, output: whether the last state and the outputs are read.
    """
    a, u, h_0 = rng.normal(size=(T, B, H)), rng.uniform(0.3, 0.9, H), h0 * rng.normal(size=(B, H))
    if gates != "mixed":
        h_0, a = np.abs(h_0) + 0.1, np.abs(a) + 0.1
    if gates == "rest":
        a = np.broadcast_to((1 - u) * h_0, a.shape).copy()
    ends = np.maximum(T - np.arange(B), 1) if padded else np.full(B, T)
    dh, dhT = output * rng.normal(size=a.shape), last * rng.normal(size=(B, H))

    def f(a: np.ndarray, u: np.ndarray, h0: np.ndarray) -> Evaluation:
        h = _run(a, u, h0, activation, ends)
        terms = dh * h[1:], dhT * h[ends, np.arange(B)]
        gates = (h[1:] > 0,) if activation == "relu" else ()
        return Evaluation(sum(np.sum(t) for t in terms), gates, sum(float(np.linalg.norm(t)) for t in terms))

    h = _run(a, u, h_0, activation, ends)
    arguments = (dh, dhT, h, u, SLOPE[activation], *([ends] if lengths else []))
    return Setting(f, {"a": a, "u": u, "h0": h_0}, arguments, ("a", "u", "h0"))


def _run(a: np.ndarray, u: np.ndarray, h0: np.ndarray, activation: str, ends: np.ndarray) -> np.ndarray:
    """The states (T + 1, B, H), zero after a sample's end."""
    h = np.zeros((len(a) + 1, *h0.shape))
    h[0] = h0
    for t in range(len(a)):
        h[t + 1] = np.where((t < ends)[:, None], PHI[activation](a[t] + u * h[t]), 0)
    return h


PHI: dict[str, Callable[[np.ndarray], np.ndarray]] = {"relu": lambda p: np.maximum(p, 0), "tanh": np.tanh}
SLOPE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda h: (h > 0) * 1.0,
    "tanh": lambda h: 1 - h * h,
}


def matrix(rng: np.random.Generator, B: int = 4, D: int = 5, symmetric: bool = False) -> Setting:
    """y = x Wᵀ with a square W."""
    x, W, dy = rng.normal(size=(B, D)), rng.normal(size=(D, D)), rng.normal(size=(B, D))
    W = W + W.T if symmetric else W
    return Setting(lambda x, W: Evaluation(np.sum(dy * (x @ W.T))), {"x": x, "W": W}, (dy, x, W), ("x", "W"))


def dropped(rng: np.random.Generator, T: int = 4, B: int = 3, H: int = 5, rate: float = 0.5) -> Setting:
    """y = x ⊙ mask, one mask (B, H) for all steps."""
    x, dy = rng.normal(size=(T, B, H)), rng.normal(size=(T, B, H))
    mask = np.random.default_rng(7).random((B, H)) >= rate
    return Setting(lambda x: Evaluation(np.sum(dy * x * mask / (1 - rate))), {"x": x}, (dy, rate, 7), ("x",))


OPEN: dict[str, dict[str, Any]] = {"all gates open": {"gates": "open"}}
ONE_STEP: dict[str, dict[str, Any]] = {"T = 1": {"T": 1}}
RIGHT, WITH_LENGTHS = backwards.recurrence, backwards.recurrence_with_lengths
GALLERY = (
    Bug("h_0 forgotten in du", backwards.h0_forgotten, RIGHT, scan, hides={"h_0 = 0": {"h0": 0.0}}),
    Bug("wrong time index in du", backwards.time_index, RIGHT, scan, hides={"a state at rest": {"gates": "rest"}}),
    Bug("gate of step 0 for all steps", backwards.gate_of_step_0, RIGHT, scan, hides=OPEN | ONE_STEP),
    Bug("φ' of the step before", backwards.slope_of_step_before, RIGHT, scan, hides=OPEN),
    Bug("carry forgotten", backwards.carry_forgotten, RIGHT, scan, hides=ONE_STEP),
    Bug("= in the place of +=", backwards.assigned, RIGHT, scan,
        hides={"only the last state is read": {"output": False}}),
    Bug("mean for a sum", backwards.mean_for_sum, RIGHT, scan, hides={"B = 1": {"B": 1}}),
    Bug("padding not masked", backwards.padding_not_masked, WITH_LENGTHS, scan,
        {"activation": "tanh", "lengths": True, "padded": True},
        {"all of one length": {"padded": False}, "relu, last state not read": {"activation": "relu", "last": False}}),
    Bug("matrix not transposed", backwards.not_transposed, backwards.product, matrix,
        hides={"a symmetric matrix": {"symmetric": True}}),
    Bug("dropout mask drawn anew", backwards.mask_drawn_anew, backwards.dropout, dropped,
        hides={"rate 0": {"rate": 0.0}}),
)  # fmt: skip
