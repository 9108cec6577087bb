"""The papers' tables, run again: rows of (task, model), each with the paper's number and what it takes.

    rows.py     what a row is; adding.py, images.py, language.py, skeletons.py: the rows of the papers; ablations.py and
                comparisons.py: what they lack
    runner.py   runs rows, goes on where it was stopped
    table.py    reached beside the paper's, as Markdown and JSON

Every row has two forms: the paper's settings in full, and a budgeted one with the range that the authors' own learning
curves lead to expect at its end.
"""

from .rows import FORMS, Row, catalogue, find
from .runner import Job, jobs, run
from .table import collect, write

__all__ = ["FORMS", "Job", "Row", "catalogue", "collect", "find", "jobs", "run", "write"]
