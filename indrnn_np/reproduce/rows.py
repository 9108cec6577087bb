"""The definition of a row of the papers' tables, and the catalogue of all rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from .. import _check

BUDGET, FULL = FORMS = ("budget", "full")
NEW = "in no paper"  # start of the statement of a row that the papers lack
# Modules of this package that define rows.
TABLES = ("adding", "images", "language", "skeletons", "ablations", "comparisons", "rivals")


@dataclass(frozen=True)
class Row:
    """Number in the papers, and the run that reproduces it.

    Parameters
    ----------
    name : str
        TABLE/MODEL on the command line, such as "adding-1000/indrnn".
    paper : float or None
        The paper's number in the task's metric (accuracies from 0 to 1). None: the paper shows only
        a curve.
    statement : str
        The statement of the paper, with its source.
    full : mapping
        The settings of the paper, including `task` (settings/tables.py). Other settings have the
        defaults of the task.
    budget : mapping
        Changes to `full` in the budgeted form.
    expected : pair of float, optional
        Range of the final validation metric of the budgeted form.
    because : str
        The source of `expected`.
    curve : mapping
        {iteration: value}, the validation metric in the paper or the authors' log.
    """

    name: str
    paper: float | None
    statement: str
    full: Mapping[str, Any]
    budget: Mapping[str, Any] = field(default_factory=dict)
    expected: tuple[float, float] | None = None
    because: str = ""
    curve: Mapping[int, float] = field(default_factory=dict)

    @property
    def table(self) -> str:
        """The first part of the name. The rows of a table share a plot."""
        return self.name.split("/")[0]

    @property
    def model(self) -> str:
        """The second part of the name."""
        return self.name.split("/")[1]

    @property
    def task(self) -> str:
        """The task that the row trains on."""
        return self.full["task"]

    def settings(self, form: str) -> dict[str, Any]:
        """Return the settings of a form, without the task's name."""
        _check.choice("reproduce", "form", form, FORMS)
        used = {**self.full, **(self.budget if form == BUDGET else {})}
        if form == BUDGET:  # only one of them sets the length of the run
            for name, other in (("iterations", "epochs"), ("epochs", "iterations")):
                if name in self.budget:
                    used.pop(other, None)
        return {name: value for name, value in used.items() if name != "task"}


def catalogue() -> tuple[Row, ...]:
    """Return all rows in the order of the papers."""
    return tuple(row for table in TABLES for row in import_module(f".{table}", __package__).ROWS)


def find(names: Iterable[str], among: Iterable[Row] | None = None) -> list[Row]:
    """Return the rows with these names; the name of a table selects its rows, "all" selects every row.

    Raises
    ------
    ValueError
        If a name is unknown; the message lists the tables and rows.
    """
    known = catalogue() if among is None else tuple(among)
    selected: dict[str, Row] = {}
    for name in names:
        matches = [row for row in known if name in ("all", row.name, row.table)]
        if not matches:
            models: dict[str, list[str]] = {}
            for row in known:
                models.setdefault(row.table, []).append(row.model)
            listed = "; ".join(f"{table}/ ({', '.join(group)})" for table, group in models.items())
            _check.fail("reproduce", f"row is {name!r}", f"all, a table or TABLE/MODEL out of {listed}")
        selected |= {row.name: row for row in matches}
    return list(selected.values())
