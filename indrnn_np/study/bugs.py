"""Wrong backward passes that the gradient check catches, and the cases that hide each mistake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np

from .._gradcheck.finite_differences import check_function
from .._gradcheck.problem import RTOL, Evaluation
from .._gradcheck.report import Report
from .._types import Array, Function, Json, Value
from ..ops.recurrence.activation import ACTIVATIONS
from . import backwards
from .finding import Finding, Table

FLOOR = float(np.finfo(np.float64).eps)  # smallest relative error reported
SHOWS = "random numbers"  # the case that exposes a mistake
Arrays = dict[str, Array]


class Setting(NamedTuple):
    """A function f(**arrays), the arguments of its backward pass, and the names of gradients."""

    f: Function[Evaluation]
    arrays: Arrays
    arguments: tuple[Value, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Bug:
    """A mistake: wrong and correct backward pass, their setting, and named cases that hide it."""

    name: str
    wrong: Function[backwards.Gradients]
    right: Function[backwards.Gradients]
    setting: Function[Setting]
    options: Json = field(default_factory=dict)
    hides: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, repr=False, eq=False)
class Bugs(Finding):
    """Result of `bugs`: N rows, one for each mistake and case.

    Attributes
    ----------
    bugs, cases : tuple of str (N,)
        Names of the mistakes and descriptions of the cases.
    hides : array (N,)
        Whether the mistake makes no difference in this case.
    errors, right : array (N,)
        Largest relative errors of the wrong and of the correct backward pass, at least 2.2e-16.
    caught : array (N,)
        Whether the gradient check fails.
    wrong : tuple of str (N,)
        Gradients that fail, "" for none.
    tolerance : float
        Relative tolerance of the check.
    """

    kind: ClassVar[str] = "bugs"

    bugs: tuple[str, ...]
    cases: tuple[str, ...]
    hides: Array
    errors: Array
    right: Array
    caught: Array
    wrong: tuple[str, ...]
    tolerance: float
    title: str = ""

    def words(self) -> str:
        """Return how many mistakes are caught, and how many pass in cases that hide them."""
        shown, hidden = ~self.hides, self.hides
        least = self.errors[shown].min()
        return (
            f"{int(self.caught[shown].sum())} of {int(shown.sum())} wrong backward passes are caught, with errors of "
            f"at least {least:.1g} (tolerance {self.tolerance:.0e}); in {int((~self.caught[hidden]).sum())} of "
            f"{int(hidden.sum())} chosen cases the same mistakes pass"
        )

    def table(self) -> Table:
        """Return one row for each mistake and case."""
        return {
            "mistake": self.bugs,
            "case": self.cases,
            "error": self.errors,
            "error of the right one": self.right,
            "result": ["caught" if caught else "passes" for caught in self.caught],
            "wrong gradients": self.wrong,
        }


def bugs(seed: int = 0) -> Bugs:
    """Check each wrong backward pass in a case that exposes it and in the cases that hide it.

    The check uses central differences, as `gradcheck` does. The correct backward pass is checked in
    the same cases.

    Parameters
    ----------
    seed : int
        Seed of the random arrays.
    """
    rows = []
    for bug in GALLERY:
        for case, options in {SHOWS: {}, **bug.hides}.items():
            setting = bug.setting(np.random.default_rng(seed), **{**bug.options, **options})
            wrong, right = (_check(setting, backward, bug.name) for backward in (bug.wrong, bug.right))
            rows.append((bug.name, case, case in bug.hides, wrong, right))
    names, cases, hides, wrongs, rights = zip(*rows, strict=True)
    return Bugs(
        names, cases, np.array(hides), np.array([max(check.error, FLOOR) for check in wrongs]),
        np.array([max(check.error, FLOOR) for check in rights]), np.array([bool(check.failed) for check in wrongs]),
        tuple(", ".join(f"d{row.name}" for row in check.failed) for check in wrongs), RTOL["central"],
    )  # fmt: skip


def _check(setting: Setting, backward: Function[backwards.Gradients], name: str) -> Report:
    """Return the report of the gradient check."""
    gradients = dict(zip(setting.names, backward(*setting.arguments), strict=True))
    return check_function(setting.f, gradients, setting.arrays, raises=False, what=name)


def scan(
    rng: np.random.Generator, T: int = 6, B: int = 3, H: int = 5, activation: str = "relu", h0: float = 1.0,
    gates: str = "mixed", lengths: str | None = None, last: bool = True, output: bool = True,
) -> Setting:  # fmt: skip
    """Return the setting of h_t = φ(a_t + u ⊙ h_{t-1}) with L = Σ dh ⊙ h + Σ dhT ⊙ last state.

    Parameters
    ----------
    h0 : float
        Scale of h_0.
    gates : {"mixed", "open", "rest"}
        "open": all states are positive. "rest": h_t = h_0 for all t.
    lengths : {None, "full", "ragged"}
        "full": each sample has T steps. "ragged": samples end early.
    last, output : bool
        Whether L reads the last state and the outputs.
    """
    a, u, h_0 = rng.normal(size=(T, B, H)), rng.uniform(0.3, 0.9, H), h0 * rng.normal(size=(B, H))
    if gates != "mixed":
        h_0, a = np.abs(h_0) + 0.1, np.abs(a) + 0.1
    if gates == "rest":
        a = np.broadcast_to((1 - u) * h_0, a.shape).copy()
    ends = np.maximum(T - np.arange(B), 1) if lengths == "ragged" else np.full(B, T)
    dh, dhT = output * rng.normal(size=a.shape), last * rng.normal(size=(B, H))

    def f(a: Array, u: Array, h0: Array) -> Evaluation:
        h = _run(a, u, h0, activation, ends)
        rectifiers = (h[1:] > 0,) if ACTIVATIONS[activation].rectified else ()
        return Evaluation.of_sum((dh * h[1:], dhT * h[ends, np.arange(B)]), rectifiers)

    h = _run(a, u, h_0, activation, ends)
    arguments = (dh, dhT, h, u, ACTIVATIONS[activation].array_dphi, *([ends] if lengths else []))
    return Setting(f, {"a": a, "u": u, "h0": h_0}, arguments, ("a", "u", "h0"))


def _run(a: Array, u: Array, h0: Array, activation: str, ends: Array) -> Array:
    """Return the states (T + 1, B, H), zero beyond a sample's length."""
    h = np.zeros((len(a) + 1, *h0.shape))
    h[0] = h0
    for t in range(len(a)):
        h[t + 1] = np.where((t < ends)[:, None], ACTIVATIONS[activation].array_phi(a[t] + u * h[t]), 0)
    return h


def matrix(rng: np.random.Generator, B: int = 4, D: int = 5, symmetric: bool = False) -> Setting:
    """Return the setting of y = x Wᵀ with a square W."""
    x, W, dy = rng.normal(size=(B, D)), rng.normal(size=(D, D)), rng.normal(size=(B, D))
    W = W + W.T if symmetric else W
    return Setting(lambda x, W: Evaluation(np.sum(dy * (x @ W.T))), {"x": x, "W": W}, (dy, x, W), ("x", "W"))


def dropped(rng: np.random.Generator, T: int = 4, B: int = 3, H: int = 5, rate: float = 0.5) -> Setting:
    """Return the setting of y = x ⊙ mask with one mask (B, H) for all steps."""
    x, dy = rng.normal(size=(T, B, H)), rng.normal(size=(T, B, H))
    mask = np.random.default_rng(7).random((B, H)) >= rate
    return Setting(lambda x: Evaluation(np.sum(dy * x * mask / (1 - rate))), {"x": x}, (dy, rate, 7), ("x",))


OPEN: dict[str, Json] = {"all gates open": {"gates": "open"}}
ONE_STEP: dict[str, Json] = {"T = 1": {"T": 1}}
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
        {"activation": "tanh", "lengths": "ragged"},
        {"all of one length": {"lengths": "full"}, "relu, last state not read": {"activation": "relu", "last": False}}),
    Bug("matrix not transposed", backwards.not_transposed, backwards.product, matrix,
        hides={"a symmetric matrix": {"symmetric": True}}),
    Bug("dropout mask drawn anew", backwards.mask_drawn_anew, backwards.dropout, dropped,
        hides={"rate 0": {"rate": 0.0}}),
)  # fmt: skip
