"""The table of a sweep: means and ranges over seeds, and the runs that failed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from .. import _check, _files
from .._files import locks
from .._types import DataFrame, Figure, Json
from ..training.progress import duration
from . import cells
from .job import FAILED, FINISHED, Job, Outcome

SPLITS = ("test", "validation")


@dataclass(frozen=True, repr=False)
class Sweep:
    """Result of `ir.sweep`.

    Parameters
    ----------
    runs : list of dict
        Each run: its "settings", its "seed", its "directory" in `out`, its "state" ("finished",
        "interrupted", "failed" or "waiting"), its "error", and entries of its summary.json.
    out : Path
        Folder of the sweep.
    """

    runs: list[Json]
    out: Path

    def entries(self) -> list[Json]:
        """Return an entry for each combination of settings: the final metric of its runs, and the runs."""
        combinations: list[Json] = []
        for run in self.runs:
            if run["settings"] not in combinations:
                combinations.append(run["settings"])
        return [
            _entry(chosen, [run for run in self.runs if run["settings"] == chosen]) for chosen in combinations
        ]

    def markdown(self) -> str:
        """Return the table in Markdown: a row for each combination, then a row for each run without a result."""
        entries = self.entries()
        names = cells.varied(entries) or list(entries[0]["settings"])
        head = [*names, "metric", *SPLITS, "iterations", "time", "seeds"]
        lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
        for entry in entries:
            chosen = [cells.text(entry["settings"][name]) for name in names]
            lines += ["| " + " | ".join([*chosen, *row]) + " |" for row in _rows(entry)]
        lines += ["", "Means of the final values over the seeds, with the range in parentheses."]
        return "\n".join([*lines, ""])

    def plot(self, path: str | Path | None = None, theme: str = "light") -> Figure:
        """Draw mean and range of the metric over seeds, and return a matplotlib Figure (extra `plot`).

        Parameters
        ----------
        path : path, optional
            File to write the figure to. Its suffix selects the format (.png, .svg, .pdf).
        theme : {"light", "dark"}
            Colours of the figure.

        Raises
        ------
        ValueError
            If no run has finished.
        """
        from ..plots import style, sweep

        return style.draw(sweep, self.entries(), path=path, theme_name=theme)

    def write(self) -> list[Path]:
        """Write table.md and table.json, and with matplotlib and a finished run sweep.png; return their paths."""
        from ..plots import style

        text, data, plot = (self.out / name for name in ("table.md", "table.json", "sweep.png"))
        with locks.only_writer("sweep", self.out, results=True):
            _files.replace_text("sweep", text, self.markdown())
            _files.replace_text("sweep", data, json.dumps(self.entries(), indent=2) + "\n")
            if style.no_plot(plot.name) or not any(
                entry["reached"][s] for entry in self.entries() for s in SPLITS
            ):
                return [text, data]
            self.plot(plot)
        return [text, data, plot]

    def to_pandas(self) -> DataFrame:
        """Return the runs as a pandas DataFrame, a row for each run (extra `notebook`)."""
        pandas = _check.optional("Sweep.to_pandas", "pandas", "notebook")
        columns = ("state", "error", "metric", "iterations", "minutes", "directory")
        rows = []
        for run in self.runs:
            values = {
                split: next(iter(cells.final([run], split)), None) for split in SPLITS if "final" in run
            }
            rows.append(
                {
                    **run["settings"],
                    "seed": run["seed"],
                    **values,
                    **{name: run.get(name) for name in columns},
                }
            )
        return pandas.DataFrame(rows)

    def __repr__(self) -> str:
        states = [run["state"] for run in self.runs]
        counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        return f"<Sweep of {len(states)} runs in {self.out}: {counts}>"


def record(job: Job, outcome: Outcome, out: Path) -> Json:
    """Return the entry of a run in `Sweep.runs`."""
    chosen = dict(job.choice)
    run = {"seed": chosen.pop("seed"), "settings": chosen, "state": outcome.state, "error": outcome.error}
    run["directory"] = Path(job.folder).relative_to(out.absolute()).as_posix()
    return run | ({} if outcome.summary is None else cells.kept(outcome.summary))


def _entry(chosen: Json, runs: list[Json]) -> Json:
    """Return the entry of a combination."""
    done = [run for run in runs if run["state"] == FINISHED]
    reached = {split: cells.final(done, split) for split in SPLITS}
    about = {name: done[0][name] if done else None for name in ("metric", "baseline")}
    return {"settings": chosen, **about, "reached": reached, "runs": runs}


def _rows(entry: Json) -> list[list[str]]:
    """Return the cells of an entry: one row for the finished runs, and one for each other run."""
    metric, rows = entry["metric"], []
    if done := [run for run in entry["runs"] if run["state"] == FINISHED]:
        means = (cells.spread(entry["reached"][split], metric) for split in SPLITS)
        iterations = cells.extent([run["iterations"] for run in done], str)
        time = cells.extent([60 * run["minutes"] for run in done], duration)
        rows.append([metric, *means, iterations, time, ", ".join(str(run["seed"]) for run in done)])
    for run in entry["runs"]:
        if run["state"] != FINISHED:
            reason = " ".join(run["error"].partition(", expected ")[0].split()).replace("|", "\\|")
            text = f"failed: {reason}" if run["state"] == FAILED else run["state"]
            rows.append([text, "", "", "", "", str(run["seed"])])
    return rows
