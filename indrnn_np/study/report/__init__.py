"""One HTML file about a trained run: what it learned, how its gradient flows, what its neurons remember and do.

sections.py   which findings a run gets, and how each is to be read
page.py       sections to one file that needs nothing else: pictures inline, light and dark, from a phone's width on
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ... import _files
from ...training import run_directory
from . import page, sections

__all__ = ["report"]

NAME = "report.html"


def report(
    run: str | Path, out: str | Path | None = None, which: str = "last", data: str | None = None,
    backend: str | None = None, tell: Callable[[str], None] | None = None,
) -> Path:  # fmt: skip
    """Study a run of `indrnn train` and write one self-contained HTML file; returns its path.

    Parameters
    ----------
    run
        The run's folder, or one of its checkpoints.
    out
        The file; by default report.html in the run's folder.
    which
        The "last" or the "best" checkpoint.
    data, backend
        Where the task's data is, if it has moved; another backend than the run's.
    tell
        Called with the title of each section before it is measured.

    Raises
    ------
    FileNotFoundError
        If there is no such run.
    ImportError
        Without matplotlib or jinja2 (pip install 'indrnn-np[plot]').
    """
    folder = run_directory.run_of(run)
    path = folder / NAME if out is None else Path(out)
    html = page.render(sections.of_run(run, which, data, backend, tell or (lambda title: None)))
    _files.replace("study.report", path, lambda file: file.write(html.encode()))
    return path
