"""Sections of the report about a run; each measures a part of the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ... import plots
from ..._gradcheck import gradcheck
from ...networks.sequential import Sequential
from ...training import metrics, run_directory
from ...training.progress import duration
from ...training.records import read_summary
from ...training.run_directory import RunDirectory
from ..attribution import attribution
from ..memory import memory
from ..ranking import ranking
from ..subjects import Subject, from_run
from ..traces import traces
from . import gradient_sections
from .page import Document, Section, Table, sentences

CHECKED = 24, 2  # time steps and samples of the gradient check, which runs the network many times


def of_run(
    run: str | Path, which: str | None, data: str | None, backend: str | None, tell: Callable[[str], None]
) -> Document:
    """Return the report of a run; tell(title) is called before each section is measured."""
    trained = from_run(run, which, backend, data, needs_data=False)
    settings, net = trained.settings, trained.net
    fresh = Sequential.from_spec(net.spec(), net.backend, net.dtype)
    before = Subject("before training", fresh, trained.task, settings)
    after = Subject(f"after {net.iteration} iterations", net, trained.task, settings)
    directory = RunDirectory(run_directory.run_of(run))
    subtitle = (
        f"{directory.path.name}: {trained.title} of {settings['task']}, {net.size:,} parameters, "
        f"{net.backend}, {net.dtype.name}"
    )

    def measured() -> Iterator[Section]:
        for title, make in SECTIONS.items():
            tell(title)
            try:
                yield make(title, directory, before, after)
            except ValueError as error:  # the instrument does not apply to this network
                yield Section(title, reading=f"Not measured for this network. {error}")

    return Document(f"Gradients and neurons of a network for {settings['task']}", subtitle, measured())


def _run(title: str, directory: RunDirectory, before: Subject, after: Subject) -> Section:
    """Return the settings, the results and the learning curve of the run."""
    shown = {n: value for n, value in after.settings.items() if n not in ("data", "cache", "exclude")}
    values = ["not set" if value is None else value for value in shown.values()]
    settings = Table("All settings", {"setting": list(shown), "value": values}, folded=True)
    if not directory.summary.is_file():
        return Section(title, ("The run has not ended yet: it has no summary.",), tables=(settings,))
    summary = read_summary(directory.summary)
    lead = [f"{split}: {metrics.text(means)}" for split, means in summary["final"].items()]
    if summary["baseline"] is not None:
        lead.append(f"A blind guess: {summary['metric']} {summary['baseline']:.3g}")
    results = {
        "iterations": summary["iterations"], "ended by": summary["ended"], "time": duration(summary["seconds"]),
        "parameters": summary["parameters"], "backend": summary["backend"], "dtype": summary["dtype"],
        **summary["machine"], **summary["versions"],
    }  # fmt: skip
    table = Table("Results", {"name": list(results), "value": list(results.values())})
    return Section(
        title, tuple(lead), lambda: plots.curve(directory.path),
        "Loss or error in training and validation over the iterations. The dashed line is the blind guess of the "
        "task: a curve that stays on it has learned nothing yet.", (table, settings),
    )  # fmt: skip


def _memory(title: str, directory: RunDirectory, before: Subject, after: Subject) -> Section:
    """Return the memory length of the neurons, before and after training."""
    batch = before.batch(iteration=0)
    first, last = (memory(s.net, batch.x, batch.lengths, title=s.title) for s in (before, after))
    return Section(
        title, sentences(first, last), lambda: first.plot(last),
        "The recurrent weights u of each layer with their bounds, the number of steps that a neuron remembers by its "
        "weight alone and through its gates, and the share of gates that are open at each step. A neuron with u near "
        "1 and open gates accumulates its input; a neuron with a small u or closed gates responds to the current step.",
        (Table("Neurons after training", last.table(), folded=True),),
    )  # fmt: skip


def _traces(title: str, directory: RunDirectory, before: Subject, after: Subject) -> Section:
    """Return the states of all neurons over one sequence."""
    batch = after.batch(iteration=0)
    finding = traces(after.net, batch.x, lengths=batch.lengths)
    return Section(
        title, (f"{finding.words()}.",), finding.plot,
        "Each line is the state of a neuron over one training sequence, run as in inference. Spikes respond to single "
        "inputs; a line that rises in steps and stays is a memory (Li et al. 2018, figure 3).",
        (Table("Neurons", finding.table(), folded=True),),
    )  # fmt: skip


def _ranking(title: str, directory: RunDirectory, before: Subject, after: Subject) -> Section:
    """Return the contributions of neurons to the output."""
    finding = ranking(after.net, after.batch(iteration=0), title=after.title)
    return Section(
        title, (f"{finding.words()}.",), finding.plot,
        "The contribution of each neuron of the last recurrent layer to the output, with the weights of the read-out: "
        "the more it varies between outputs, the more the output depends on the neuron. If a few contributions are "
        "large, the network uses few neurons.",
        (Table("Neurons by contribution", finding.table(), folded=True),),
    )  # fmt: skip


def _attribution(title: str, directory: RunDirectory, before: Subject, after: Subject) -> Section:
    """Return the terms of the time steps of one sequence in the largest output."""
    batch = after.batch(iteration=0)
    x = np.ascontiguousarray(after.net.device.to_host(batch.x)[:, :1])
    lengths = None if batch.lengths is None else batch.lengths[:1]
    finding = attribution(after.net, x, None, lengths, marks=after.marks(x[:, 0]))
    return Section(
        title, (f"{finding.words()}.",), finding.plot,
        "Between its kinks a relu network is linear, so its output is a sum of one term for each time step and each "
        "bias. Left: the terms of the time steps of one training sequence. Right: their sum, the terms of the biases, "
        "and the output that all of them add up to.",
    )  # fmt: skip


def _checked(title: str, directory: RunDirectory, before: Subject, after: Subject) -> Section:
    """Return the comparison of the network's gradients with finite differences."""
    batch, (steps, samples) = after.batch(iteration=0), CHECKED
    x = np.ascontiguousarray(after.net.device.to_host(batch.x)[:steps, :samples])
    net = after.net.astype("float64")
    rows = gradcheck(net, x if x.dtype.kind in "iu" else x.astype(np.float64), raises=False).rows
    passed = sum(row.status == "passed" for row in rows)
    columns = {
        "gradient of": [row.name for row in rows], "backward pass": [row.analytic for row in rows],
        "finite difference": [row.numeric for row in rows], "relative error": [row.error for row in rows],
        "result": [row.status for row in rows],
    }  # fmt: skip
    return Section(
        title, (f"{passed} of {len(rows)} gradients of this network agree with finite differences.",),
        reading=f"The backward pass of this network in float64 on {steps} steps of {samples} sequences, along one "
        "random direction for each array. Undecided: a relu gate changed within the step, so the finite difference is "
        "no derivative.",
        tables=(Table("Gradients", columns, folded=True),),
    )  # fmt: skip


def _parameters(title: str, directory: RunDirectory, before: Subject, after: Subject) -> Section:
    """Return the shape of each array and its change by training."""
    host = after.net.device.to_host
    trained = {name: host(array) for name, array in after.net.params.items()}
    initial = {name: host(before.net.params[name]) for name in trained}
    columns = {
        "name": list(trained), "shape": [" × ".join(map(str, a.shape)) for a in trained.values()],
        "mean": [float(a.mean(dtype=np.float64)) for a in trained.values()],
        "standard deviation": [float(a.std(dtype=np.float64)) for a in trained.values()],
        "minimum": [float(a.min()) for a in trained.values()], "maximum": [float(a.max()) for a in trained.values()],
        "change (norm)": [float(np.linalg.norm(trained[n].astype(np.float64) - initial[n])) for n in trained],
    }  # fmt: skip
    lead = f"{after.net.size:,} parameters in {len(trained)} arrays."
    return Section(title, (lead,), tables=(Table("Arrays", columns),))


Make = Callable[[str, RunDirectory, Subject, Subject], Section]
SECTIONS: dict[str, Make] = {
    "The run": _run,
    "Gradient flow": gradient_sections.flow,
    "Online gradients": gradient_sections.online_rules,
    "Noise of the gradient": gradient_sections.noise_of_samples,
    "Curvature of the loss": gradient_sections.curvature_of_loss,
    "Memory of the neurons": _memory,
    "States of the neurons": _traces,
    "Contributions of the neurons": _ranking,
    "Time steps that made an answer": _attribution,
    "Gradient check": _checked,
    "Parameters": _parameters,
}
