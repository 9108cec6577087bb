"""What a gradient check found: one row for each array and direction, a table in words, and the error to raise.

Knows no layer, no backend and no way to differentiate; `finite_differences` fills it in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

PASSED, FAILED, UNDECIDED = "passed", "failed", "undecided"


class GradientError(AssertionError):
    """A backward and a numerical derivative disagree; the message names array, both numbers and worst element."""


@dataclass(frozen=True)
class Element:
    """One element of a gradient, derived twice."""

    name: str
    index: tuple[int, ...]
    analytic: float
    numeric: float
    searched: int  # how many elements were derived one by one to find it

    def __str__(self) -> str:
        place = f"{self.name}[{', '.join(map(str, self.index))}]" if self.index else self.name
        among = f" of {self.searched} looked at" if self.searched > 1 else ""
        return f"worst element{among} {place}: backward {self.analytic:.9g}, numeric {self.numeric:.9g}"


@dataclass(frozen=True)
class Row:
    """The derivative of the loss along one random direction of one array.

    `error` and `tolerance` are relative to the size that such a derivative typically has. `kinks` counts the rectifiers
    whose gate changes within the first step that was tried, `kinks_left` those within `step`, the one that the
    numbers belong to (smaller, if the first disagreed), in units of the array.
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
        told = f"backward says {self.analytic:.9g}, {_METHODS[self.method]} "
        told += f"(step {self.step:.1e}) say {self.numeric:.9g}"
        text = f"{self.name}: {told} along a random direction; error {self.error:.1e}, tolerated {self.tolerance:.1e}"
        if self.kinks:
            text += f"; {self.kinks} pre-activations within reach of the first step change their gate"
            text += f", {self.kinks_left} within reach of this one"
        if self.kinks_left and self.status == UNDECIDED:
            text += " (small random numbers in biases that are 0 move most of them away from the kink)"
        return text + (f"; {self.worst}" if self.worst else "")


_METHODS = {"central": "central differences", "complex": "complex steps"}
_HEADER = ("gradient of", "backward", "numeric", "error", "tolerance", "kinks", "result")


@dataclass(frozen=True)
class Report:
    """All rows of one check. True where every row passed; `passed` says the same."""

    what: str
    method: str
    rows: tuple[Row, ...] = field(default_factory=tuple)

    @property
    def passed(self) -> bool:
        """Whether every row passed; an undecided row is no pass."""
        return all(row.status == PASSED for row in self.rows)

    @property
    def failed(self) -> tuple[Row, ...]:
        """The rows whose derivatives disagree with no kink to blame."""
        return tuple(row for row in self.rows if row.status == FAILED)

    @property
    def undecided(self) -> tuple[Row, ...]:
        """The rows that neither agree nor show a fault: a kink or rounding is in the way at each step."""
        return tuple(row for row in self.rows if row.status == UNDECIDED)

    @property
    def kinks(self) -> int:
        """The pre-activations within reach of the step, over all rows."""
        return sum(row.kinks for row in self.rows)

    @property
    def error(self) -> float:
        """The largest error of a row (0 without rows)."""
        return max((row.error for row in self.rows), default=0.0)

    def __bool__(self) -> bool:
        return self.passed

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> Row:
        """The first row of the array `name`."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"no row for {name!r}; there are {', '.join(sorted({row.name for row in self.rows}))}")

    def __repr__(self) -> str:
        cells = [_HEADER] + [
            (
                row.name,
                f"{row.analytic:.9g}",
                f"{row.numeric:.9g}",
                f"{row.error:.1e}",
                f"{row.tolerance:.1e}",
                str(row.kinks),
                row.status,
            )
            for row in self.rows
        ]
        widths = [max(len(line[i]) for line in cells) for i in range(len(_HEADER))]
        lines = [f"gradients of {self.what} by {_METHODS[self.method]}: {self.summary()}"]
        for line in cells:
            first, *numbers, last = (text for text in line)
            aligned = [text.rjust(width) for text, width in zip(numbers, widths[1:-1], strict=True)]
            lines.append("  " + "  ".join([first.ljust(widths[0]), *aligned, last]))
        lines += [f"  {row}" for row in (*self.failed, *self.undecided)]
        return "\n".join(lines)

    def summary(self) -> str:
        """How many rows passed, failed and stayed undecided, in words."""
        good = len(self.rows) - len(self.failed) - len(self.undecided)
        parts = [f"{good} of {len(self.rows)} passed"]
        parts += [f"{len(self.failed)} failed"] if self.failed else []
        parts += [f"{len(self.undecided)} undecided"] if self.undecided else []
        parts += [f"{self.kinks} kinks within reach"] if self.kinks else []
        return ", ".join(parts)

    def raise_failures(self) -> None:
        """Raise GradientError if a row failed; an undecided row is no fault of the backward."""
        if self.failed:
            told = "\n".join(f"  {row}" for row in self.failed)
            names = ", ".join(dict.fromkeys(row.name for row in self.failed))
            raise GradientError(f"{self.what}: wrong gradient of {names}\n{told}")
