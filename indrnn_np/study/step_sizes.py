"""How wrong a numerical derivative is, by its step: the V of central differences, the complex step, a kink."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import _check
from ..gradcheck.finite_differences import STEP, Evaluation
from ..sequential import Sequential
from .finding import Finding, Table
from .objective import LOSSES
from .twins import Twins

WHERE = "study.step_sizes"
CENTRAL, SINGLE, COMPLEX = "central, float64", "central, float32", "complex step"
DTYPES: dict[str, np.dtype[Any]] = {
    CENTRAL: np.dtype(np.float64),
    SINGLE: np.dtype(np.float32),
    COMPLEX: np.dtype(np.complex128),
}
EPS = {name: float(np.finfo(DTYPES[name]).eps) for name in (CENTRAL, SINGLE)}
THIRD = 1e-2  # step of the third derivative, which the theory's line asks for
GRADCHECK = STEP["central"]
Function = Callable[[np.ndarray], "complex | Evaluation"]


@dataclass(frozen=True, repr=False, eq=False)
class StepSizes(Finding):
    """What `step_sizes` measured: medians over directions.

    steps (S,): s, in units of the parameters, ascending. methods (M,): their names. errors (M, S): |numeric - f'| over
    |f'| for the derivative f' along a direction, with that of the backward as the true one; NaN where f was not finite.
    kinks (S,): rectifiers whose gate changes within the step, in float64. truncation (S,): s² |f'''| / 6 |f'|, NaN
    where a kink is in the way of f'''. rounding (2, S): eps |f| / s |f'| in float64 and float32. standard: the step
    that `gradcheck` takes.
    """

    kind: ClassVar[str] = "step_sizes"

    steps: np.ndarray
    methods: tuple[str, ...]
    errors: np.ndarray
    kinks: np.ndarray
    truncation: np.ndarray
    rounding: np.ndarray
    standard: float = GRADCHECK
    title: str = ""

    def best(self, method: str) -> tuple[float, float]:
        """The step with a method's smallest error, and that error."""
        errors = self.errors[self.methods.index(method)]
        i = int(np.nanargmin(errors))
        return float(self.steps[i]), float(errors[i])

    def words(self) -> str:
        """The bottom of each curve, and what is known at gradcheck's step."""
        told = [
            f"{name}: {max(self.best(name)[1], EPS[CENTRAL]):.1g} at s = {self.best(name)[0]:.0e}"
            for name in self.methods
        ]
        i = int(np.argmin(np.abs(np.log(self.steps / self.standard))))
        here = f"at gradcheck's s = {self.standard:.1g} the error is {self.errors[0, i]:.1g}"
        kinks = f" with {self.kinks[i]:g} kinks within reach" if self.kinks[i] else ""
        return f"smallest error of {', '.join(told)}; {here}{kinks}"

    def table(self) -> Table:
        """A line for each step."""
        columns = {"s": self.steps}
        columns |= {f"error, {name}": self.errors[i] for i, name in enumerate(self.methods)}
        return columns | {"kinks": self.kinks, "truncation in theory": self.truncation,
                          "rounding in theory, float64": self.rounding[0],
                          "rounding in theory, float32": self.rounding[1]}  # fmt: skip


def step_sizes(
    net: Sequential, x: np.ndarray, target: Any = None, loss: str | None = None, lengths: np.ndarray | None = None,
    mask: Any = None, steps: np.ndarray | None = None, directions: int = 5, seed: int = 0, title: str = "",
) -> StepSizes:  # fmt: skip
    """Derive the loss along random directions of all parameters with many steps; the network is not changed.

    Central: (f(p + s d) - f(p - s d)) / 2s = f' + s² f''' / 6 + O(s⁴), and rounding of eps |f| / s (Nocedal & Wright
    2006, 8.1). Complex, Im f(p + i s d) / s = f' - s² f''' / 6, without a difference (Squire & Trapp 1998), through the
    reference. d: normal numbers times the root mean square of each parameter; for one of zeros that of all together.

    Parameters
    ----------
    net
        The network; copies run, as in training, in float64, in float32, and, if nothing is rectified, in complex128.
    x
        (T, B, D), or (T, B) symbols.
    target, loss, mask
        "mse" or "softmax_cross_entropy"; None takes what fits the target, and the sum of all outputs without one.
    lengths
        (B,) valid steps of each sample.
    steps
        s, (S,); None: 1e-16 to 1, four to a decade.
    directions
        How many; medians are told.
    seed
        Of the directions.
    title
        Whose finding it is, for pictures.
    """
    if loss is not None:
        _check.choice(WHERE, "loss", loss, LOSSES)
    data = Twins(net, x, target, loss, lengths, mask)
    exact = data.copy(DTYPES[CENTRAL])
    flat = np.array(exact.ops.to_host(exact.flat))
    gradient, rectified = data.gradient(exact)
    names = [CENTRAL, SINGLE] if rectified else [CENTRAL, SINGLE, COMPLEX]
    twins = {DTYPES[name]: data.copy(DTYPES[name]) for name in names}
    units = _units(exact)
    drawn = units * np.random.default_rng(seed).standard_normal((directions, flat.size))
    return step_sizes_of(
        lambda p: data.evaluate(twins[p.dtype], p), gradient, flat, drawn, steps, tuple(names), title
    )  # fmt: skip


def step_sizes_of(
    f: Function, gradient: np.ndarray, point: np.ndarray, directions: np.ndarray, steps: np.ndarray | None = None,
    methods: tuple[str, ...] = (CENTRAL, SINGLE, COMPLEX), title: str = "",
) -> StepSizes:  # fmt: skip
    """The same for a function of your own, f(p (P,)) in the dtype of p: float64, float32 or complex128.

    Parameters
    ----------
    f
        Returns a number, or a gradcheck.Evaluation that also tells which rectifiers are open.
    gradient
        Its gradient at `point`, (P,) float64: what is right.
    point
        (P,) float64.
    directions
        (N, P): what a step of 1 adds to the point.
    steps
        s, (S,), above 0; None: 1e-16 to 1, four to a decade.
    methods
        Out of "central, float64" (always taken), "central, float32" and "complex step".
    title
        Whose finding it is.
    """
    s = np.sort(np.logspace(-16, 0, 65) if steps is None else np.asarray(steps, np.float64))
    _check.at_least(WHERE, "number of steps", s.size, 1)
    _check.at_least(WHERE, "the smallest step", s[0], 0.0, strictly=True)
    _check.at_least(WHERE, "directions", len(directions), 1)
    for name in methods:
        _check.choice(WHERE, "method", name, DTYPES)
    methods = (CENTRAL, *(name for name in methods if name != CENTRAL))
    _check.shape(WHERE, "gradient", gradient, point.shape, "as the point has")
    _check.shape(WHERE, "directions", directions, (len(directions), point.size), "one row each")
    with np.errstate(over="ignore", invalid="ignore"):  # a long step may leave the numbers: NaN, as told
        lines = [_Line(f, point, d, float(np.dot(gradient, d))) for d in directions]
        found = np.stack([[line.errors(name, s) for name in methods] for line in lines])  # (N, M, 2, S)
        theory = np.stack([line.theory(s) for line in lines])
    truncation, *rounding = _median(theory)
    errors, kinks = _median(found[:, :, 0]), np.median(found[:, 0, 1], axis=0)
    return StepSizes(s, methods, errors, kinks, truncation, np.stack(rounding), title=title)


def at_a_kink(distance: float = 1e-4, title: str = "") -> StepSizes:
    """One rectified pre-activation p at that distance from its kink: f(p) = sin(1 + relu(p)), so f' = cos(1 + p).

    Steps within the distance know nothing of the kink. A longer one sees f(0) at its lower end, and is off by about a
    half: (1 - distance / s) / 2 for small p.
    """
    _check.at_least(WHERE, "distance", distance, 0.0, strictly=True)

    def f(p: np.ndarray) -> Evaluation:
        return Evaluation(np.sin(1 + np.where(p.real > 0, p, 0)).sum(), (p.real > 0,))

    point = np.array([distance])
    title = title or f"one relu, {distance:g} from its kink"
    return step_sizes_of(f, np.cos(1 + point), point, np.ones((1, 1)), methods=(CENTRAL, SINGLE), title=title)


class _Line:
    """f along one direction, where its derivative is `true`."""

    def __init__(self, f: Function, point: np.ndarray, direction: np.ndarray, true: float) -> None:
        if true == 0:
            because = "to take relative errors"
            _check.fail(WHERE, "the derivative along a direction is 0", "a direction that changes f", because)
        self.f, self.point, self.direction, self.true = f, point, direction, true
        self.base = self.at(0.0)

    def at(self, s: complex, dtype: np.dtype = DTYPES[CENTRAL]) -> Evaluation:
        found = self.f((self.point + s * self.direction).astype(dtype))
        return found if isinstance(found, Evaluation) else Evaluation(found)

    def errors(self, method: str, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Relative errors, and the gates that are not the same at -s, 0 and s, each (S,)."""
        measure = self._complex if method == COMPLEX else self._central
        found = np.array([measure(s, DTYPES[method]) for s in steps])
        return np.abs(found[:, 0] - self.true) / abs(self.true), found[:, 1]

    def _complex(self, s: float, dtype: np.dtype) -> tuple[float, float]:
        return float(np.imag(self.at(1j * s, dtype).value)) / s, 0

    def _central(self, s: float, dtype: np.dtype) -> tuple[float, float]:
        minus, plus = self.at(-s, dtype), self.at(s, dtype)
        triples = zip(minus.gates, self.base.gates, plus.gates, strict=True)
        kinks = sum(int(np.count_nonzero((m != b) | (b != p))) for m, b, p in triples)
        return float(np.real(plus.value) - np.real(minus.value)) / (2 * s), kinks

    def theory(self, steps: np.ndarray) -> np.ndarray:
        """Truncation, and rounding in both dtypes, (3, S)."""
        h, size = THIRD, abs(float(np.real(self.base.value)))
        found = [self.at(k * h) for k in (-2, -1, 1, 2)]
        weights = np.array([-1, 2, -2, 1]) / (2 * h**3)
        third = float(np.dot(weights, [float(np.real(one.value)) for one in found]))
        if any(np.any(g != b) for one in found for g, b in zip(one.gates, self.base.gates, strict=True)):
            third = np.nan
        rounding = [eps * size / steps / abs(self.true) for eps in EPS.values()]
        return np.stack([steps**2 * abs(third) / 6 / abs(self.true), *rounding])


def _median(values: np.ndarray) -> np.ndarray:
    """Over the first axis; NaN where a value is not finite."""
    return np.median(np.where(np.isfinite(values), values, np.nan), axis=0)


def _units(net: Sequential) -> np.ndarray:
    """Of each number (P,): the root mean square of its parameter, for one of zeros that of all."""
    params = [net.ops.to_host(p) for p in net.params.values()]
    whole = float(np.sqrt(np.mean(np.square(net.ops.to_host(net.flat))))) or 1.0
    return np.concatenate([np.full(p.size, float(np.sqrt(np.mean(np.square(p)))) or whole) for p in params])
