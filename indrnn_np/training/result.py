"""The result of `fit`: the history of a run and its summary."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import _check
from .._check.sequences import TIME_MAJOR
from .._cpu import provenance
from .._types import Array, ArrayInput, DataFrame, Figure, Json
from ..layers.chain import check_layers
from ..networks.sequential import Sequential
from ..tasks.targets import SOFTMAX
from . import metrics
from .progress import duration
from .records import KINDS
from .trainer import Trainer

PROBABILITIES = (SOFTMAX, "binary_cross_entropy")  # losses of networks that predict labels


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
    layout : str
        Layout of the arrays in `fit`, which `predict` and `predict_proba` use too.
    """

    net: Sequential
    history: list[Json]
    summary: Json
    layout: str = TIME_MAJOR

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
        known = known or {*metrics.LARGER_IS_BETTER, *metrics.MEASURED}
        others = sorted({line["kind"] for line in self.history if name in line})
        if others and name not in known:
            because = f"because only these lines contain {name!r}"
            _check.fail("Result.curve", f"kind is {kind!r}", " or ".join(map(repr, others)), because)
        _check.choice("Result.curve", "name", name, sorted(known))
        lines = [line for line in lines if name in line]
        return [line["iteration"] for line in lines], [line[name] for line in lines]

    @property
    def classes(self) -> Array:
        """Labels of the outputs, (K,): the labels of the data, or 0 to K - 1."""
        names = self.summary["task"].get("classes")
        if isinstance(names, list):  # some tasks store the number of their classes
            return np.array(names)
        return np.arange(check_layers("Result", self.net.layers) or 0)

    def predict(self, x: ArrayInput, lengths: ArrayInput = None, layout: str | None = None) -> Array:
        """Return predictions: labels, booleans for binary_cross_entropy, else the outputs.

        Parameters
        ----------
        x, lengths
            Inputs as in `fit`. Predictions beyond a sample's length have no meaning.
        layout : str, optional
            Layout of x. None: the layout in `fit`.

        Returns
        -------
        array (B, ...), or with an output for every step an array in `layout`
            Labels have no axis K.

        Raises
        ------
        ValueError
            If an output is not finite and the prediction is a label.
        """
        layout, loss = layout or self.layout, self.summary["loss"]
        y = self._outputs(x, lengths, layout)
        if loss not in PROBABILITIES:
            return y
        _check.finite("Result.predict", "net(x)", y)
        return y > 0 if loss != SOFTMAX else self.classes[y.argmax(axis=self._outputs_axis(y, layout))]

    def predict_proba(self, x: ArrayInput, lengths: ArrayInput = None, layout: str | None = None) -> Array:
        """Return the probability of each output: of the classes, or of each label by itself.

        Parameters
        ----------
        x, lengths, layout
            Inputs as in `predict`.

        Raises
        ------
        ValueError
            If the loss is neither "softmax_cross_entropy" nor "binary_cross_entropy".
        """
        import scipy.special

        _check.choice("Result.predict_proba", "loss", self.summary["loss"], PROBABILITIES)
        layout = layout or self.layout
        y = self._outputs(x, lengths, layout)
        if self.summary["loss"] != SOFTMAX:
            return scipy.special.expit(y)
        return scipy.special.softmax(y, axis=self._outputs_axis(y, layout))

    def _outputs(self, x: ArrayInput, lengths: ArrayInput, layout: str) -> Array:
        """Return the outputs of the network in NumPy."""
        return self.net.device.to_host(self.net(x, lengths=lengths, layout=layout))

    @staticmethod
    def _outputs_axis(y: Array, layout: str) -> int:
        """Return the axis of the K outputs."""
        return 1 if y.ndim == 2 else layout.index("d")

    def plot(self, path: str | Path | None = None, theme: str = "light") -> Figure:
        """Draw the learning curve, and return a matplotlib Figure (extra `plot`).

        Parameters
        ----------
        path : path, optional
            File to write the figure to. Its suffix selects the format (.png, .svg, .pdf).
        theme : {"light", "dark"}
            Colours of the figure.

        Raises
        ------
        ValueError
            If the run logged no training loss and had no validation.
        """
        if not any(line["kind"] in ("train", "validation") for line in self.history):
            expected = f"log_every of at most {self.summary['iterations']} iterations, or validation"
            _check.fail("Result.plot", "the history has no line to draw", expected)
        from ..plots import curves, style

        return style.draw(curves.figure, self.history, self.summary, path=path, theme_name=theme)

    def to_pandas(self) -> DataFrame:
        """Return the history as a pandas DataFrame, a row for each line (extra `notebook`)."""
        return _check.optional("Result.to_pandas", "pandas", "notebook").DataFrame(self.history)

    def __repr__(self) -> str:
        final = "".join(f", {split} {metrics.text(means)}" for split, means in self.summary["final"].items())
        iterations, time = self.summary["iterations"], duration(self.summary["seconds"])
        return f"<Result of {self.summary['task']['task']}: {iterations} iterations in {time}{final}>"


def summary_of(trainer: Trainer) -> Json:
    """Return the summary of a run as JSON, the content of summary.json."""
    from .. import __version__

    net, plan = trainer.net, trainer.plan
    last = [line for line in trainer.journal.history if line["kind"] == "train"][-1:]
    about = ("kind", "split", "iteration", "seconds")
    final = {line["split"]: {name: value for name, value in line.items() if name not in about}
             for line in trainer.journal.history if line["kind"] == "final"}  # fmt: skip
    baseline = trainer.task.baseline if trainer.metric == trainer.task.metric else None
    return {
        "task": trainer.task.describe(), "ended": trainer.ended, "iterations": trainer.done,
        "parameters": net.size, "seconds": round(trainer.journal.elapsed(), 3),
        "loss": plan.loss_name, "train": last[0].get(plan.loss_name) if last else None, "final": final,
        "metric": trainer.metric, "best": trainer.best, "baseline": baseline,
        "gradients": trainer.step.gradient_pass.about, "backend": net.backend, "dtype": net.dtype.name,
        "optimizer": trainer.optimizer.spec(), "schedule": trainer.schedule.spec(), "plan": plan.spec(),
        "machine": provenance.machine(), "versions": {"indrnn_np": __version__, **provenance.versions()},
    }  # fmt: skip
