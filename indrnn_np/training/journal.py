"""Record of a run's metrics: kept in memory, appended to metrics.jsonl, and shown to the user."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .._types import Json
from . import metrics
from .metrics import derived
from .progress import Reporter, duration, short
from .run_directory import RunDirectory


@dataclass
class Totals:
    """Sums since the last log line. Checkpoints store them, so a resumed run logs the same means."""

    loss: float = 0.0
    norm: float = 0.0
    iterations: int = 0
    steps: int = 0
    seconds: float = 0.0

    def add(self, loss: float, norm: float, steps: int, seconds: float) -> None:
        """Add the values of one iteration."""
        self.loss += loss
        self.norm += norm
        self.iterations += 1
        self.steps += steps
        self.seconds += seconds

    def means(self, loss: str) -> Json:
        """Return the mean loss under its name, the mean gradient norm, and the time steps per second."""
        return {
            loss: self.loss / self.iterations,
            "gradient_norm": self.norm / self.iterations,
            "steps_per_second": round(self.steps / self.seconds),
        }


class Journal:
    """The lines of one run.

    Each line has a kind ("train", "validation" or "final"), the iteration, and the measured values.
    `seconds` is the time since the beginning of the run. It includes evaluations, and excludes the
    pause between an interruption and its resumption. Each of the `observers` is called with each
    line after it was written.
    """

    def __init__(
        self, directory: RunDirectory | None, reporter: Reporter, iterations: int,
        observers: Iterable[Callable[[Json], object]] = (),
    ) -> None:  # fmt: skip
        self.directory, self.reporter, self.iterations = directory, reporter, iterations
        self.observers = tuple(observers)
        self.history: list[Json] = []
        self.totals = Totals()
        self.start = self._lap = time.perf_counter()

    def elapsed(self) -> float:
        """Return the seconds since the run began."""
        return time.perf_counter() - self.start

    def log(self, text: str) -> None:
        """Show a line of text."""
        self.reporter.log(text)

    def begin(self) -> None:
        """Start the clock of the next update."""
        self._lap = time.perf_counter()

    def update(self, iteration: int, loss: float, norm: float, steps: int) -> None:
        """Add a complete update and the seconds since the last call of this method or of `begin`."""
        now, totals = time.perf_counter(), self.totals
        totals.add(loss, norm, steps, now - self._lap)
        self._lap = now
        self.reporter.update(iteration, loss, totals.steps / totals.seconds)

    def train(self, iteration: int, loss: str, lr: float, epoch: float | None, metric: str = "") -> None:
        """Write the means since the last such line, and the metric if it is a function of the loss."""
        totals, self.totals = self.totals, Totals()
        means = totals.means(loss)
        from_loss = derived(metric, means[loss])
        means |= from_loss
        name = metric if from_loss else loss
        where = {} if epoch is None else {"epoch": epoch}
        left = (self.iterations - iteration) * totals.seconds / totals.iterations
        text = (
            f"{name} {means[name]:.5g}  lr {lr:.3g}  gradient norm {means['gradient_norm']:.3g}  "
            f"{short(means['steps_per_second'])} steps/s  {duration(left)} left"
        )
        self._write({"kind": "train", "iteration": iteration, **where, "lr": lr, **means}, text)

    def validation(self, iteration: int, means: dict[str, float], metric: str, improved: bool) -> None:
        """Write the result of a validation."""
        text = f"validation {metric} {means[metric]:.5g}" + ("  (best so far)" if improved else "")
        self._write({"kind": "validation", "iteration": iteration, **means}, text)

    def last_validation(self, iteration: int) -> dict[str, float | None] | None:
        """Return the result of the last line if it is a validation after the same update, else None."""
        last = self.history[-1] if self.history else {}
        if last.get("kind") != "validation" or last["iteration"] != iteration:
            return None
        return {name: value for name, value in last.items() if name not in ("kind", "iteration", "seconds")}

    def final(self, iteration: int, split: str, means: Mapping[str, float | None]) -> None:
        """Write the evaluation of a split at the end of the run."""
        text = f"{split} at the end: " + metrics.text(means)
        self._write({"kind": "final", "iteration": iteration, "split": split, **means}, text)

    def _write(self, line: Json, text: str) -> None:
        line["seconds"] = round(self.elapsed(), 3)
        for name, value in line.items():
            if isinstance(value, float) and not math.isfinite(value):
                line[name] = None  # JSON has no NaN
        self.history.append(line)
        if self.directory is not None:
            self.directory.append(line)
        self.log(f"iteration {line['iteration']}/{self.iterations}  {text}")
        for observe in self.observers:
            observe(line)
