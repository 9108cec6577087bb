"""The result of `fit`: the history of a run and its summary."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .. import _check
from .._cpu import provenance
from .._types import DataFrame, Figure, Json
from ..networks.sequential import Sequential
from . import metrics
from .records import KINDS
from .trainer import Trainer

# Values in the lines of a run, besides the metrics.
MEASURED = ("lr", "gradient_norm", "steps_per_second", "epoch", "seconds")


@dataclass(frozen=True, repr=False)
class Result:
    """Result of a run.

    Parameters
    ----------
    net : Sequential
        Trained network.
    history : list of dict
        Lines of metrics.jsonl.
    summary : dict
        Content of summary.json.
    """

    net: Sequential
    history: list[Json]
    summary: Json

    def curve(self, name: str, kind: str = "train") -> tuple[list[int], list[float]]:
        """Return the iterations and the values of a metric.

        Parameters
        ----------
        name : str
            Metric, such as "mse" or "accuracy".
        kind : {"train", "validation", "final"}
            Kind of the lines.

        Raises
        ------
        ValueError
            If no line has this kind or this name.
        """
        _check.choice("Result.curve", "kind", kind, KINDS)
        lines = [line for line in self.history if line["kind"] == kind]
        known = {key for line in lines for key, value in line.items() if not isinstance(value, str)}
        _check.choice("Result.curve", "name", name, sorted(known or (*metrics.LARGER_IS_BETTER, *MEASURED)))
        lines = [line for line in lines if name in line]
        return [line["iteration"] for line in lines], [line[name] for line in lines]

    def plot(self, path: str | Path | None = None, theme: str = "light") -> Figure:
        """Draw the learning curve, and return a matplotlib Figure (extra `plot`).

        Parameters
        ----------
        path : path, optional
            File to write the figure to. Its suffix selects the format (.png, .svg, .pdf).
        theme : {"light", "dark"}
            Colours of the figure.
        """
        from ..plots import curves, style

        return style.draw(curves.figure, self.history, self.summary, path=path, theme_name=theme)

    def to_pandas(self) -> DataFrame:
        """Return the history as a pandas DataFrame, a row for each line (extra `notebook`)."""
        return _check.optional("Result.to_pandas", "pandas", "notebook").DataFrame(self.history)

    def __repr__(self) -> str:
        final = "".join(f", {split} {metrics.text(means)}" for split, means in self.summary["final"].items())
        iterations, seconds = self.summary["iterations"], self.summary["seconds"]
        return (
            f"<Result of {self.summary['task']['task']}: {iterations} iterations in {seconds:.1f} s{final}>"
        )


def summary_of(trainer: Trainer) -> Json:
    """Return the summary of a run as JSON, the content of summary.json."""
    from .. import __version__

    net, plan = trainer.net, trainer.plan
    last = [line for line in trainer.journal.history if line["kind"] == "train"][-1:]
    about = ("kind", "split", "iteration", "seconds")
    final = {line["split"]: {name: value for name, value in line.items() if name not in about}
             for line in trainer.journal.history if line["kind"] == "final"}  # fmt: skip
    return {
        "task": trainer.task.describe(), "ended": trainer.ended, "iterations": net.iteration,
        "parameters": net.size, "seconds": round(trainer.journal.elapsed(), 3),
        "loss": plan.loss, "train": last[0][plan.loss] if last else None, "final": final,
        "metric": trainer.task.metric, "best": trainer.best, "baseline": trainer.task.baseline,
        "backend": net.backend, "dtype": net.dtype.name, "optimizer": trainer.optimizer.spec(),
        "schedule": trainer.schedule.spec(), "plan": plan.spec(),
        "machine": provenance.machine(), "versions": {"indrnn_np": __version__, **provenance.versions()},
    }  # fmt: skip
