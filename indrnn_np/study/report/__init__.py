"""HTML report about a trained run: learning curve, gradient flow, memory and states of its neurons.

sections.py            the findings in the report, with explanations
gradient_sections.py   those about gradients
page.py                writes sections to one HTML file that contains its figures, light and dark
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
    run: str | Path, out: str | Path | None = None, which: str | None = None, data: str | None = None,
    backend: str | None = None, tell: Callable[[str], None] | None = None,
) -> Path:  # fmt: skip
    """Study a run of `indrnn train`, write one self-contained HTML file, and return its path.

    Parameters
    ----------
    run : path
        Folder of the run, or one of its checkpoints.
    out : path, optional
        Path of the file. By default report.html in the folder of the run.
    which : {"last", "best"}, optional
        Checkpoint of the run. None: the last one, or the best one with early stopping.
    data : str, optional
        Path of the data, if they have moved.
    backend : str, optional
        Name of a backend. By default that of the run.
    tell : callable, optional
        Called with the title of each section before its measurement.

    Raises
    ------
    FileNotFoundError
        If the run does not exist.
    ImportError
        If matplotlib or jinja2 is not installed (pip install 'indrnn-np[plot]').
    """
    folder = run_directory.run_of(run)
    path = folder / NAME if out is None else _files.user_path("study.report", "out", out)
    html = page.render(sections.of_run(run, which, data, backend, tell or (lambda title: None)))
    _files.replace_text("study.report", path, html)
    return path
