"""Reproduce the papers' tables: rows of (task, model) with the paper's number and its settings.

    rows.py     the definition of a row; adding.py, images.py, language.py, skeletons.py: rows of the papers;
                ablations.py, comparisons.py: rows that the papers lack
    runner.py   run rows, and resume interrupted runs
    table.py    results beside the papers' numbers, as Markdown and JSON

Every row has two forms: the paper's settings in full, and a shorter run within a budget. The
budgeted form has a range for its final value, which comes from the authors' learning curves.
"""

from .estimate import Estimate, estimate
from .rows import FORMS, Row, catalogue, find
from .runner import Job, jobs, run
from .table import collect, write

__all__ = [
    "FORMS", "Estimate", "Job", "Row", "catalogue", "collect", "estimate", "find", "jobs", "run", "write",
]  # fmt: skip
