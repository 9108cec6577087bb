"""Tables of the results in a folder, with the numbers of the papers, in Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import _files
from .._sweep import cells
from ..settings import settings
from ..training.progress import duration
from ..training.records import read_metrics
from .rows import BUDGET, FORMS, Row
from .runner import Job

HEAD = (
    "row", "form", "parameters", "paper", "test", "validation", "expected", "iterations", "time", "seeds", "machine",
)  # fmt: skip
LEGEND = (
    "Means over the seeds, with the range in parentheses. budget: a shorter run; compare its validation value",
    "with `expected`. full: the settings of the paper; compare the test value with that of the paper.",
)


def collect(rows: Iterable[Row], out: str | Path) -> list[dict[str, Any]]:
    """Return an entry for each row and form with a run in `out`: the numbers of the row, and its runs."""
    entries, folder = [], _files.user_path("reproduce", "out", out)
    for row in rows:
        for form in FORMS:
            runs = [run for job in _jobs(row, form, folder) if (run := _run(job)) is not None]
            if runs:
                entries.append(_entry(row, form, runs))
    return entries


def write(entries: Sequence[dict[str, Any]], out: str | Path) -> list[Path]:
    """Write table.md and table.json into the folder and return their paths."""
    folder = _files.user_path("reproduce", "out", out)
    text, data = folder / "table.md", folder / "table.json"
    _files.replace_text("reproduce", text, markdown(entries))
    _files.replace_text("reproduce", data, _one_line_a_run(entries))
    return [text, data]


def _one_line_a_run(entries: Sequence[dict[str, Any]]) -> str:
    """Return the entries as JSON, with a line for each entry and for each of its runs."""
    texts = []
    for entry in entries:
        head = json.dumps({name: value for name, value in entry.items() if name != "runs"})
        runs = ",\n  ".join(map(json.dumps, entry["runs"]))
        texts.append(f'{head[:-1]}, "runs": [\n  {runs}\n]}}')
    return "[\n" + ",\n".join(texts) + "\n]\n"


def markdown(entries: Sequence[dict[str, Any]]) -> str:
    """Return the table, its legend and the statement of the paper about each row, in Markdown."""
    lines = ["# Reproduced tables", "", "| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|"]
    lines += ["| " + " | ".join(_cells(entry)) + " |" for entry in entries]
    lines += ["", *LEGEND, ""]
    for entry in entries:
        lines.append(f"- {entry['row']}, {entry['form']}: {entry['says']}.")
        if entry["form"] == BUDGET and entry["because"]:
            lines[-1] += f" Expected: {entry['because']}."
    return "\n".join([*lines, ""])


def _jobs(row: Row, form: str, out: Path) -> list[Job]:
    """Return the runs of a row in the folder, for all seeds."""
    seeds = []
    for path in (out / form / row.table).glob(f"{row.model}-seed*"):
        number = path.name.removeprefix(f"{row.model}-seed")
        seeds += [int(number)] if number.isascii() and number.isdigit() else []
    return [Job(row, form, seed, out, {}) for seed in sorted(seeds)]


def _run(job: Job) -> dict[str, Any] | None:
    """Return a run, None before its first record; an unfinished run has no final values."""
    if not job.directory.metrics.is_file():
        return None
    lines = read_metrics(job.directory.metrics)
    summary = job.summary()
    curve = [line for line in lines if line["kind"] == "validation"]
    run = {"seed": job.seed, "ended": None, "iterations": lines[-1]["iteration"] if lines else 0,
           "directory": job.directory.path.relative_to(job.out).as_posix(), "validation": curve,
           "settings": _settings(job.directory.config)}  # fmt: skip
    if summary is None:
        return run
    return run | cells.kept(summary)


def _settings(path: Path) -> dict[str, Any]:
    """Return the settings in a run's config.toml, without the folder of the data."""
    used = settings.read(path) if path.is_file() else {}
    return {name: value for name, value in used.items() if name != "data"}


def _entry(row: Row, form: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the entry of a row in a form."""
    done = [run for run in runs if run["ended"] is not None]
    metric = done[0]["metric"] if done else None
    values = {split: cells.final(done, split) for split in ("test", "validation")}
    expected = row.expected if form == BUDGET else None
    inside = None
    if expected and values["validation"]:
        low, high = expected
        inside = low <= float(np.mean(values["validation"])) <= high
    return {
        "row": row.name, "form": form, "metric": metric, "paper": row.paper, "says": row.statement, "reached": values,
        "expected": expected, "because": row.because, "as expected": inside, "paper's curve": dict(row.curve),
        **_with_shared_settings(runs),
    }  # fmt: skip


def _with_shared_settings(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the settings that all runs of a row share, and the runs with their other settings."""
    first, *others = (run["settings"].items() for run in runs)
    shared = {name: value for name, value in first if all((name, value) in items for items in others)}
    for run in runs:
        run["settings"] = {name: value for name, value in run["settings"].items() if name not in shared}
    return {"settings": shared, "runs": runs}


def _cells(entry: dict[str, Any]) -> list[str]:
    """Return the cells of an entry in the order of HEAD."""
    metric, done = entry["metric"], [run for run in entry["runs"] if run["ended"] is not None]
    begun = [run for run in entry["runs"] if run["ended"] is None]
    expected = (
        "" if entry["expected"] is None else " to ".join(cells.value(v, metric) for v in entry["expected"])
    )
    if entry["as expected"] is not None:
        expected += ": yes" if entry["as expected"] else ": **no**"
    machines = dict.fromkeys(cells.machine(run["machine"]) for run in done)
    seeds = [str(run["seed"]) for run in done] + [f"({run['seed']}, unfinished)" for run in begun]
    return [
        entry["row"], entry["form"], cells.extent([run["parameters"] for run in done], "{:,}".format),
        cells.value(entry["paper"], metric),
        *(cells.spread(entry["reached"][split], metric) for split in ("test", "validation")), expected,
        cells.extent([run["iterations"] for run in entry["runs"]], str),
        cells.extent([60 * run["minutes"] for run in done], duration), ", ".join(seeds), "; ".join(machines),
    ]  # fmt: skip
