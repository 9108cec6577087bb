"""Report of a gradient check: rows for each array and direction, their table, and the error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .. import _check
from .._types import DataFrame, Figure

PASSED, FAILED, UNDECIDED = "passed", "failed", "undecided"


class GradientError(AssertionError):
    """Error for a wrong gradient; names the array, both derivatives and the worst element."""


@dataclass(frozen=True)
class Element:
    """Element with its analytic and numeric derivative; `searched` elements were compared."""

    name: str
    index: tuple[int, ...]
    analytic: float
    numeric: float
    searched: int

    def __str__(self) -> str:
        place = f"{self.name}[{', '.join(map(str, self.index))}]" if self.index else self.name
        among = f" of {self.searched} compared" if self.searched > 1 else ""
        return f"worst element{among} {place}: backward {self.analytic:.9g}, numeric {self.numeric:.9g}"


@dataclass(frozen=True)
class Row:
    """Derivative of the loss along one random direction of one array.

    Attributes
    ----------
    name : str
        Name of the array.
    analytic, numeric : float
        Derivative by the backward pass, and numerical derivative.
    error, tolerance : float
        Relative to the typical size of the derivative.
    kinks, kinks_left : int
        Rectifiers whose gate changes within the first step that was tried, and within `step`.
    status : {"passed", "failed", "undecided"}
        Result.
    step : float
        Step size of `numeric` in units of the array; smaller than the first one after a mismatch.
    method : str
        "central", "complex" or "jvp".
    worst : Element or None
        Worst element of a wrong gradient.
    """

    name: str
    analytic: float
    numeric: float
    error: float
    tolerance: float
    kinks: int
    status: str
    step: float
    method: str = "central"
    kinks_left: int = 0
    worst: Element | None = None

    def __str__(self) -> str:
        text = f"{self.name}: backward {self.analytic:.9g}, {_METHODS[self.method]} {self.numeric:.9g} "
        text += f"(step {self.step:.1e}) along a random direction; error {self.error:.1e}, "
        text += f"tolerance {self.tolerance:.1e}"
        if self.kinks:
            text += f"; {self.kinks} gates change within the first step, {self.kinks_left} within this step"
        if self.kinks_left and self.status == UNDECIDED:
            text += " (small random biases instead of 0 move most pre-activations away from the kink)"
        return text + (f"; {self.worst}" if self.worst else "")


_METHODS = {"central": "central differences", "complex": "complex steps", "jvp": "tangents"}
_HEADER = ("gradient of", "backward", "numeric", "error", "tolerance", "kinks", "result")


@dataclass(frozen=True)
class Report:
    """Rows of a gradient check; its truth value is `passed`."""

    what: str
    method: str
    rows: tuple[Row, ...] = field(default_factory=tuple)

    @property
    def passed(self) -> bool:
        """Whether every row passed; an undecided row has not passed."""
        return all(row.status == PASSED for row in self.rows)

    @property
    def failed(self) -> tuple[Row, ...]:
        """Rows whose derivatives differ without a kink within reach."""
        return tuple(row for row in self.rows if row.status == FAILED)

    @property
    def undecided(self) -> tuple[Row, ...]:
        """Rows that kinks or rounding errors leave undecided at each step size."""
        return tuple(row for row in self.rows if row.status == UNDECIDED)

    @property
    def kinks(self) -> int:
        """Number of kinks within reach of the first step, summed over all rows."""
        return sum(row.kinks for row in self.rows)

    @property
    def error(self) -> float:
        """Largest error of a row, 0 without rows."""
        return max((row.error for row in self.rows), default=0.0)

    def __bool__(self) -> bool:
        return self.passed

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> Row:
        """Return the first row of an array."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"no row for {name!r}; there are {', '.join(sorted({row.name for row in self.rows}))}")

    def plot(self, path: str | Path | None = None, theme: str = "light") -> Figure:
        """Draw the error and the tolerance of each row, and return a matplotlib Figure (extra `plot`).

        Parameters
        ----------
        path : path, optional
            File to write the figure to. Its suffix selects the format (.png, .svg, .pdf).
        theme : {"light", "dark"}
            Colours of the figure.
        """
        from ..plots.gradient_check import gradient_check
        from ..plots.style import draw

        return draw(gradient_check, self, path=path, theme_name=theme)

    def to_pandas(self) -> DataFrame:
        """Return a pandas DataFrame with a row for each array and direction (extra `notebook`)."""
        pandas = _check.optional("Report.to_pandas", "pandas", "notebook")
        return pandas.DataFrame([asdict(row) | {"worst": str(row.worst or "")} for row in self.rows])

    def __repr__(self) -> str:
        return f"<{self.title()}>"

    def title(self) -> str:
        """Return what was checked, the method, and the number of rows that passed, in one line."""
        return f"gradients of {self.what} by {_METHODS[self.method]}: {self.summary()}"

    def __str__(self) -> str:
        cells = [_HEADER] + [
            (row.name, f"{row.analytic:.9g}", f"{row.numeric:.9g}", f"{row.error:.1e}", f"{row.tolerance:.1e}",
             str(row.kinks), row.status)
            for row in self.rows
        ]  # fmt: skip
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [self.title()]
        for first, *numbers, last in cells:
            aligned = [text.rjust(width) for text, width in zip(numbers, widths[1:-1], strict=True)]
            lines.append("  " + "  ".join([first.ljust(widths[0]), *aligned, last]))
        lines += [f"  {row}" for row in (*self.failed, *self.undecided)]
        return "\n".join(lines)

    def summary(self) -> str:
        """Return the numbers of rows that passed, failed and are undecided, as text."""
        good = len(self.rows) - len(self.failed) - len(self.undecided)
        parts = [f"{good} of {len(self.rows)} passed"]
        parts += [f"{len(self.failed)} failed"] if self.failed else []
        parts += [f"{len(self.undecided)} undecided"] if self.undecided else []
        parts += [f"{self.kinks} kinks within reach"] if self.kinks else []
        return ", ".join(parts)

    def raise_failures(self) -> None:
        """Raise GradientError if a row failed; undecided rows raise no error."""
        if self.failed:
            rows = "\n".join(f"  {row}" for row in self.failed)
            names = ", ".join(dict.fromkeys(row.name for row in self.failed))
            raise GradientError(f"{self.what}: wrong gradient of {names}\n{rows}")
