"""Error of numerical derivatives against their step size, also of a complex step and at a kink."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import _check
from .._gradcheck.problem import STEP, Evaluation, evaluation, kinks_between
from .._types import AnyArray, Array, DType
from ..networks.sequential import Sequential
from .finding import Finding, Table
from .objective import LOSSES
from .twins import Twins

WHERE = "study.step_sizes"
CENTRAL, SINGLE, COMPLEX = "central, float64", "central, float32", "complex step"
DTYPES: dict[str, DType] = {
    CENTRAL: np.dtype(np.float64), SINGLE: np.dtype(np.float32), COMPLEX: np.dtype(np.complex128),
}  # fmt: skip
EPS = {name: float(np.finfo(DTYPES[name]).eps) for name in (CENTRAL, SINGLE)}
THIRD = 1e-2  # step size for the third derivative in the theoretical error
GRADCHECK = STEP["central"]
Function = Callable[[Array], "complex | Evaluation"]


@dataclass(frozen=True, repr=False, eq=False)
class StepSizes(Finding):
    """Result of `step_sizes`: medians over directions.

    Attributes
    ----------
    steps : array (S,)
        Step sizes s in units of the parameters, ascending.
    methods : tuple of str (M,)
        Names of the methods.
    errors : array (M, S)
        |numeric - f'| / |f'| with the derivative f' of the backward pass; NaN where f is not
        finite.
    kinks : array (S,)
        Number of relu gates that change within the step, in float64.
    truncation : array (S,)
        s² |f'''| / 6 |f'|, NaN where a kink prevents f'''.
    rounding : array (2, S)
        eps |f| / s |f'| in float64 and float32.
    standard : float
        Step size of `gradcheck`.
    """

    kind: ClassVar[str] = "step_sizes"

    steps: Array
    methods: tuple[str, ...]
    errors: Array
    kinks: Array
    truncation: Array
    rounding: Array
    standard: float = GRADCHECK
    title: str = ""

    def best(self, method: str) -> tuple[float, float]:
        """Return the step size with the smallest error of a method, and that error."""
        errors = self.errors[self.methods.index(method)]
        i = int(np.nanargmin(errors))
        return float(self.steps[i]), float(errors[i])

    def words(self) -> str:
        """Return the minimum of each curve, and the error at the step size of gradcheck."""
        smallest = [
            f"{name}: {max(self.best(name)[1], EPS[CENTRAL]):.1g} at s = {self.best(name)[0]:.0e}"
            for name in self.methods
        ]
        i = int(np.argmin(np.abs(np.log(self.steps / self.standard))))
        here = f"at gradcheck's s = {self.standard:.1g} the error is {self.errors[0, i]:.1g}"
        kinks = f" with {self.kinks[i]:g} kinks within reach" if self.kinks[i] else ""
        return f"smallest error of {', '.join(smallest)}; {here}{kinks}"

    def table(self) -> Table:
        """Return one row for each step size."""
        columns = {"s": self.steps}
        columns |= {f"error, {name}": self.errors[i] for i, name in enumerate(self.methods)}
        return columns | {"kinks": self.kinks, "truncation in theory": self.truncation,
                          "rounding in theory, float64": self.rounding[0],
                          "rounding in theory, float32": self.rounding[1]}  # fmt: skip


def step_sizes(
    net: Sequential, x: Array, target: AnyArray | None = None, loss: str | None = None, lengths: Array | None = None,
    mask: AnyArray | None = None, steps: Array | None = None, directions: int = 5, seed: int = 0, title: str = "",
) -> StepSizes:  # fmt: skip
    """Differentiate the loss numerically along random directions d with many step sizes.

    Central: (f(p + s d) - f(p - s d)) / 2s = f' + s² f''' / 6 + O(s⁴), with a rounding error of
    eps |f| / s (Nocedal & Wright 2006, 8.1). Complex: Im f(p + i s d) / s = f' - s² f''' / 6,
    without cancellation (Squire & Trapp 1998), on the reference backend. d is normal, scaled by the
    root mean square of each parameter, or of all parameters for a zero parameter.

    Parameters
    ----------
    net : Sequential
        Network; copies run as in training in float64, float32 and, without relu, complex128.
    x : array (T, B, D) or (T, B)
        Input, or symbols.
    target, loss, mask
        Loss, as in `objective.loss_and_gradient`, but not a function.
    lengths : array (B,), optional
        Valid steps of each sample.
    steps : array (S,), optional
        Step sizes s. By default 1e-16 to 1, four per decade.
    directions : int
        Number of directions.
    seed : int
        Seed of the directions.
    title : str
        Title of the figures.
    """
    if loss is not None:
        _check.choice(WHERE, "loss", loss, LOSSES)
    data = Twins(net, x, target, loss, lengths, mask)
    exact = data.copy(DTYPES[CENTRAL])
    flat = np.array(exact.device.to_host(exact.flat))
    gradient, rectified = data.gradient(exact)
    names = [CENTRAL, SINGLE] if rectified else [CENTRAL, SINGLE, COMPLEX]
    twins = {DTYPES[name]: data.copy(DTYPES[name]) for name in names}
    d = _units(exact) * np.random.default_rng(seed).standard_normal((directions, flat.size))
    return step_sizes_of(
        lambda p: data.evaluate(twins[p.dtype], p), gradient, flat, d, steps, tuple(names), title
    )  # fmt: skip


def step_sizes_of(
    f: Function, gradient: Array, point: Array, directions: Array, steps: Array | None = None,
    methods: tuple[str, ...] = (CENTRAL, SINGLE, COMPLEX), title: str = "",
) -> StepSizes:  # fmt: skip
    """Measure the errors of `step_sizes` for a function f(p).

    Parameters
    ----------
    f : callable
        Function of p (P,) in float64, float32 or complex128. Returns a number in the dtype of p, or
        a gradcheck.Evaluation with the open relu gates.
    gradient, point : array (P,) of float64
        Exact gradient, and the parameters.
    directions : array (N, P)
        Directions.
    steps : array (S,), optional
        Step sizes s above 0. By default 1e-16 to 1, four per decade.
    methods : tuple of str
        "central, float64" (always included), "central, float32" and "complex step".
    title : str
        Title of the figures.
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
    with np.errstate(over="ignore", invalid="ignore"):  # large steps may overflow: NaN
        lines = [_Line(f, point, d, float(np.dot(gradient, d))) for d in directions]
        measured = np.array([[line.errors(name, s) for name in methods] for line in lines])  # (N, M, 2, S)
        theory = np.stack([line.theory(s) for line in lines])
    truncation, *rounding = _median(theory)
    errors, kinks = _median(measured[:, :, 0]), np.median(measured[:, 0, 1], axis=0)
    return StepSizes(s, methods, errors, kinks, truncation, np.stack(rounding), title=title)


def at_a_kink(distance: float = 1e-4, title: str = "") -> StepSizes:
    """Run `step_sizes_of` on f(p) = sin(1 + relu(p)) at p = distance, where f' = cos(1 + p).

    Steps smaller than the distance do not reach the kink at 0. A larger step s crosses it, and its
    relative error is about (1 - distance / s) / 2 for small p.
    """
    _check.at_least(WHERE, "distance", distance, 0.0, strictly=True)

    def f(p: Array) -> Evaluation:
        return Evaluation(np.sin(1 + np.where(p.real > 0, p, 0)).sum(), (p.real > 0,))

    point = np.array([distance])
    title = title or f"one relu, {distance:g} from its kink"
    return step_sizes_of(f, np.cos(1 + point), point, np.ones((1, 1)), methods=(CENTRAL, SINGLE), title=title)


class _Line:
    """The function f along one direction, with the exact derivative `true`."""

    def __init__(self, f: Function, point: Array, direction: Array, true: float) -> None:
        if true == 0:
            because = "because errors are relative"
            _check.fail(WHERE, "the derivative along a direction is 0", "a direction that changes f", because)
        self.f, self.point, self.direction, self.true = f, point, direction, true
        self.base = self.at(0.0)

    def at(self, s: complex, dtype: DType = DTYPES[CENTRAL]) -> Evaluation:
        """Return f at point + s direction in a dtype."""
        return evaluation(self.f((self.point + s * self.direction).astype(dtype)))

    def errors(self, method: str, steps: Array) -> tuple[Array, Array]:
        """Return relative errors, and numbers of gates that change between -s and s, each (S,)."""
        values = np.array([self._derivative(method, s) for s in steps])
        return np.abs(values[:, 0] - self.true) / abs(self.true), values[:, 1]

    def _derivative(self, method: str, s: float) -> tuple[float, int]:
        dtype = DTYPES[method]
        if method == COMPLEX:
            return float(np.imag(self.at(1j * s, dtype).value)) / s, 0
        minus, plus = self.at(-s, dtype), self.at(s, dtype)
        numeric = float(np.real(plus.value) - np.real(minus.value)) / (2 * s)
        return numeric, kinks_between(minus, self.base, plus)

    def theory(self, steps: Array) -> Array:
        """Return the truncation error and the rounding errors of both dtypes, (3, S)."""
        h, size = THIRD, abs(float(np.real(self.base.value)))
        points = [self.at(k * h) for k in (-2, -1, 1, 2)]
        weights = np.array([-1, 2, -2, 1]) / (2 * h**3)
        third = float(np.dot(weights, [float(np.real(point.value)) for point in points]))
        if any(np.any(g != b) for point in points for g, b in zip(point.gates, self.base.gates, strict=True)):
            third = np.nan
        rounding = [eps * size / steps / abs(self.true) for eps in EPS.values()]
        return np.stack([steps**2 * abs(third) / 6 / abs(self.true), *rounding])


def _median(values: Array) -> Array:
    """Return the median over the first axis, NaN where a value is not finite."""
    return np.median(np.where(np.isfinite(values), values, np.nan), axis=0)


def _units(net: Sequential) -> Array:
    """Return the root mean square of each element's parameter (P,), or of all if it is zero."""
    params = [net.device.to_host(p) for p in net.params.values()]
    whole = float(np.sqrt(np.mean(np.square(net.device.to_host(net.flat))))) or 1.0
    return np.concatenate([np.full(p.size, float(np.sqrt(np.mean(np.square(p)))) or whole) for p in params])
