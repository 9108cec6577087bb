"""What a row of the papers' tables is, and where all of them are found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from .. import _check

BUDGET, FULL = FORMS = ("budget", "full")
TABLES = (
    "adding",
    "images",
    "language",
    "skeletons",
    "ablations",
    "comparisons",
)  # files of this package that hold rows


@dataclass(frozen=True)
class Row:
    """One number of the papers.

    Parameters
    ----------
    name
        As the command line has it: TABLE/MODEL, such as "adding-1000/indrnn".
    paper
        The paper's number, in the task's metric (accuracies as a share); None where it gives a curve only.
    says
        What the paper says, and where.
    full
        The settings of the paper, `task` among them (setting_tables.py); what is not named is the task's default.
    budget
        What the budgeted form changes of them.
    expected
        Lowest and highest value of the metric that the budgeted form should end with in validation.
    because
        Where `expected` comes from.
    curve
        {iteration: value} that the paper or the authors' log has, of the same metric in validation.
    """

    name: str
    paper: float | None
    says: str
    full: Mapping[str, Any]
    budget: Mapping[str, Any] = field(default_factory=dict)
    expected: tuple[float, float] | None = None
    because: str = ""
    curve: Mapping[int, float] = field(default_factory=dict)

    @property
    def table(self) -> str:
        """The first part of the name: rows of one table are drawn together."""
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
        """The settings of a form, without the task's name."""
        _check.choice("reproduce", "form", form, FORMS)
        used = {**self.full, **(self.budget if form == BUDGET else {})}
        if form == BUDGET:  # one of them says how long
            for name, other in (("iterations", "epochs"), ("epochs", "iterations")):
                if name in self.budget:
                    used.pop(other, None)
        return {name: value for name, value in used.items() if name != "task"}


def catalogue() -> tuple[Row, ...]:
    """All rows, in the order of the papers."""
    return tuple(row for table in TABLES for row in import_module(f".{table}", __package__).ROWS)


def find(names: Iterable[str], among: Iterable[Row] | None = None) -> list[Row]:
    """The rows of these names; a table's name stands for all its rows, "all" for every row.

    Raises
    ------
    ValueError
        For a name that is neither; the message lists tables and rows.
    """
    known = catalogue() if among is None else tuple(among)
    found: dict[str, Row] = {}
    for name in names:
        chosen = [row for row in known if name in ("all", row.name, row.table)]
        if not chosen:
            tables = dict.fromkeys(row.table for row in known)
            words = [
                f"{table}/ ({', '.join(r.model for r in known if r.table == table)})" for table in tables
            ]
            _check.fail(
                "reproduce", f"row is {name!r}", "all, a table or TABLE/MODEL out of " + "; ".join(words)
            )
        found |= {row.name: row for row in chosen}
    return list(found.values())
