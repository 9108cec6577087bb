"""What the runs in a folder came to, beside the papers' numbers: Markdown for people, JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import _files
from ..training.run_directory import read_metrics
from .rows import BUDGET, FORMS, Row
from .runner import Job

UNITS = {"accuracy": "%", "softmax_cross_entropy": "nats", "mse": "", "bits": "bits", "perplexity": ""}
HEAD = ("row", "form", "paper", "test", "validation", "expected", "iterations", "minutes", "seeds", "machine")
LEGEND = (
    "Means over the seeds, with the lowest and the highest. budget: a shorter run, whose validation is to be compared",
    "with `expected`; full: the paper's settings, whose test value is to be compared with the paper's.",
)


def collect(rows: Iterable[Row], out: str | Path) -> list[dict[str, Any]]:
    """One entry for each row and form that has a run in `out`: the row's facts, and a list of its runs."""
    found = []
    for row in rows:
        for form in FORMS:
            runs = [run for job in _jobs(row, form, Path(out)) if (run := _run(job)) is not None]
            if runs:
                found.append(_entry(row, form, runs))
    return found


def write(entries: Sequence[dict[str, Any]], out: str | Path) -> list[Path]:
    """Write table.md and table.json into the folder and return their paths."""
    text, data = Path(out) / "table.md", Path(out) / "table.json"
    _files.replace("reproduce", text, lambda file: file.write(markdown(entries).encode()))
    _files.replace(
        "reproduce", data, lambda file: file.write((json.dumps(entries, indent=2) + "\n").encode())
    )
    return [text, data]


def markdown(entries: Sequence[dict[str, Any]]) -> str:
    """The table, a legend, and what the papers say about each row."""
    lines = ["# The papers' tables, run again", "", "| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|"]
    lines += ["| " + " | ".join(_cells(entry)) + " |" for entry in entries]
    lines += ["", *LEGEND, ""]
    for entry in entries:
        lines.append(f"- {entry['row']}, {entry['form']}: {entry['says']}.")
        if entry["form"] == BUDGET and entry["because"]:
            lines[-1] += f" Expected: {entry['because']}."
    return "\n".join([*lines, ""])


def _jobs(row: Row, form: str, out: Path) -> list[Job]:
    """The runs of a row that are in the folder, whichever seeds they have."""
    seeds = []
    for path in (out / form / row.table).glob(f"{row.model}-seed*"):
        number = path.name.removeprefix(f"{row.model}-seed")
        seeds += [int(number)] if number.isdigit() else []
    return [Job(row, form, seed, out, {}) for seed in sorted(seeds)]


def _run(job: Job) -> dict[str, Any] | None:
    """One run; None if there is nothing of it yet. An unfinished one has its curve, and no final values."""
    if not job.directory.metrics.is_file():
        return None
    lines = read_metrics(job.directory.metrics)
    summary = job.summary()
    curve = [line for line in lines if line["kind"] == "validation"]
    run = {"seed": job.seed, "ended": None, "iterations": lines[-1]["iteration"] if lines else 0,
           "directory": job.directory.path.relative_to(job.out).as_posix(), "validation": curve}  # fmt: skip
    if summary is None:
        return run
    return run | {
        "ended": summary["ended"], "iterations": summary["iterations"], "minutes": summary["seconds"] / 60,
        "parameters": summary["parameters"], "final": summary["final"], "best": summary["best"],
        "baseline": summary["baseline"], "metric": summary["metric"], "batch": summary["plan"]["batch"],
        "machine": summary["machine"], "versions": summary["versions"],
    }  # fmt: skip


def _entry(row: Row, form: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    done = [run for run in runs if run["ended"] is not None]
    metric = done[0]["metric"] if done else None
    values = {split: [run["final"][split][metric] for run in done if split in run["final"]]
              for split in ("test", "validation")}  # fmt: skip
    expected = row.expected if form == BUDGET else None
    inside = None
    if expected and values["validation"]:
        low, high = expected
        inside = low <= float(np.mean(values["validation"])) <= high
    return {
        "row": row.name, "form": form, "metric": metric, "paper": row.paper, "says": row.says, "reached": values,
        "expected": expected, "because": row.because, "as expected": inside, "paper's curve": dict(row.curve),
        "runs": runs,
    }  # fmt: skip


def _cells(entry: dict[str, Any]) -> list[str]:
    metric, done = entry["metric"], [run for run in entry["runs"] if run["ended"] is not None]
    begun = [run for run in entry["runs"] if run["ended"] is None]
    expected = "" if entry["expected"] is None else " to ".join(_value(v, metric) for v in entry["expected"])
    if entry["as expected"] is not None:
        expected += ": yes" if entry["as expected"] else ": **no**"
    machines = dict.fromkeys(_machine(run["machine"]) for run in done)
    seeds = [str(run["seed"]) for run in done] + [f"({run['seed']}, going on)" for run in begun]
    return [
        entry["row"], entry["form"], _value(entry["paper"], metric), _spread(entry["reached"]["test"], metric),
        _spread(entry["reached"]["validation"], metric), expected,
        _range([run["iterations"] for run in entry["runs"]], "{:.0f}"),
        _range([run["minutes"] for run in done], "{:.1f}"), ", ".join(seeds), "; ".join(machines),
    ]  # fmt: skip


def _machine(found: dict[str, Any]) -> str:
    threads = found["threads"]
    return f"{found['cpu']}, {threads} thread{'s' if threads > 1 else ''}"


def _value(value: float | None, metric: str | None) -> str:
    """A value in its unit; accuracies as percent."""
    if value is None:
        return ""
    if metric == "accuracy":
        return f"{100 * value:.2f} %"
    return f"{value:.4g} {UNITS.get(metric or '', '')}".strip()


def _spread(values: Sequence[float], metric: str | None) -> str:
    if not values:
        return ""
    mean = _value(float(np.mean(values)), metric)
    return (
        mean
        if len(values) == 1
        else f"{mean} ({_value(min(values), metric)} to {_value(max(values), metric)})"
    )


def _range(values: Sequence[float], form: str) -> str:
    ends = list(dict.fromkeys(form.format(v) for v in (min(values), max(values)))) if values else []
    return " to ".join(ends)
