"""What a run's report holds: each section measures when it is its turn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ... import build, plots
from ...gradcheck import gradcheck
from ...training import run_directory
from ...training.run_directory import RunDirectory
from ..flow import gradient_flow
from ..memory import memory
from ..ranking import ranking
from ..subjects import Subject, from_run
from ..traces import traces
from .page import Document, Section, Table

CHECKED = 24, 2  # steps and samples of the gradient check: finite differences run the network many times


def of_run(
    run: str | Path, which: str, data: str | None, backend: str | None, tell: Callable[[str], None]
) -> Document:
    """The report of a run; sections are measured while they are taken."""
    trained = from_run(run, which, backend, data)
    used = trained.settings
    before = Subject("before training", build.network(used, trained.task), trained.task, used)
    after = Subject(f"after {trained.net.iteration} iterations", trained.net, trained.task, used)
    directory = RunDirectory(run_directory.run_of(run))
    subtitle = (
        f"{directory.path.name}: {trained.title} of {used['task']}, {trained.net.size:,} parameters, "
        f"{trained.net.backend}, {trained.net.dtype.name}"
    )

    def told() -> Iterator[Section]:
        for title, make in SECTIONS.items():
            tell(title)
            try:
                yield make(title, directory, before, after)
            except ValueError as error:  # an instrument that this network has no place for says why
                yield Section(title, reading=f"Not measured for this network. {error}")

    return Document(f"Gradients and neurons of a network for {used['task']}", subtitle, told())


def _run(title: str, directory: RunDirectory, before: Subject, after: Subject) -> Section:
    """Settings, what the run came to, and its learning curve."""
    used = {name: value for name, value in after.settings.items() if name not in ("data", "cache", "exclude")}
    tables = [
        Table("All settings", {"setting": list(used), "value": ["not set" if v is None else v for v in used.values()]},
              folded=True)
    ]  # fmt: skip
    if not directory.summary.is_file():
        return Section(title, ("The run has not ended yet: there is no summary.",), tables=tuple(tables))
    summary = json.loads(directory.summary.read_text(encoding="utf-8"))
    lead = [
        f"{split}: " + ", ".join(f"{name} {value:.5g}" for name, value in means.items())
        for split, means in summary["final"].items()
    ]
    if summary["baseline"] is not None:
        lead.append(f"A blind guess: {summary['metric']} {summary['baseline']:.3g}")
    told = {
        "iterations": summary["iterations"], "ended by": summary["ended"], "minutes": summary["seconds"] / 60,
        "parameters": summary["parameters"], "backend": summary["backend"], "dtype": summary["dtype"],
        **summary["machine"], **summary["versions"],
    }  # fmt: skip
    tables.insert(0, Table("What it came to", {"what": list(told), "value": list(told.values())}))
    return Section(
        title, tuple(lead), lambda: plots.curve(directory.path),
        "Loss or error in training and validation over the updates. A blind guess, if there is one, is the dashed "
        "line: a curve that stays on it has learned nothing yet.", tuple(tables),
    )  # fmt: skip


def _flow(title: str, directory: RunDirectory, before: Subject, after: Subject) -> Section:
    """The norm of ∂L/∂h_t by layer and step, before training and now."""
    batch = before.batch(iteration=0)
    found = [
        gradient_flow(one.net, batch.x, batch.target, one.task.loss, batch.lengths, batch.mask, one.title)
        for one in (before, after)
    ]
    columns = {
        "network": np.repeat([one.title for one in found], len(found[0].layers)),
        "layer": [name for one in found for name in one.layers],
        "at the first step": np.concatenate([one.norms[:, 0] for one in found]),
        "at the last step": np.concatenate([one.norms[:, -1] for one in found]),
        "over all steps": np.concatenate([one.totals() for one in found]),
    }
    return Section(
        title, tuple(f"{one.title}: {one.words()}." for one in found), lambda: found[0].plot(*found[1:]),
        "Each row is a recurrent layer, each column a time step; the colour is the size of the gradient that arrives "
        "there, on a logarithmic scale that both panels share. Colours that change little from right to left: the "
        "layer learns from early steps as well as from late ones. A fade to the left is a vanishing gradient.",
        (Table("‖∂L/∂h‖ by layer", columns),),
    )  # fmt: skip


def _memory(title: str, directory: RunDirectory, before: Subject, after: Subject) -> Section:
    """How long the neurons remember, before training and now."""
    batch = before.batch(iteration=0)
    found = [memory(one.net, batch.x, batch.lengths, title=one.title) for one in (before, after)]
    return Section(
        title, tuple(f"{one.title}: {one.words()}." for one in found), lambda: found[0].plot(*found[1:]),
        "The recurrent weights u of each layer with the bounds that they are kept in, how many steps a neuron "
        "remembers by its weight alone and through its gates, and the share of gates that are open at each step. A "
        "neuron with u near 1 and open gates accumulates; one with a small u or closed gates answers to the moment.",
        (Table("Neurons after training", found[1].table(), folded=True),),
    )  # fmt: skip


def _traces(title: str, directory: RunDirectory, before: Subject, after: Subject) -> Section:
    """The states of all neurons over one sequence."""
    batch = after.batch(iteration=0)
    found = traces(after.net, batch.x, lengths=batch.lengths)
    return Section(
        title, (f"{found.words()}.",), found.plot,
        "Each line is a neuron of the layer over the steps of one training sequence, run as in inference. Spikes "
        "answer to single inputs; a line that climbs in steps and stays is a memory (Li et al. 2018, figure 3).",
        (Table("Neurons", found.table(), folded=True),),
    )  # fmt: skip


def _ranking(title: str, directory: RunDirectory, before: Subject, after: Subject) -> Section:
    """Which neurons make the output."""
    found = ranking(after.net, after.batch(iteration=0), title=after.title)
    return Section(
        title, (f"{found.words()}.",), found.plot,
        "What each neuron of the last recurrent layer adds to the output, as the read-out weighs it: the more it "
        "varies from answer to answer, the more the output hangs on it. A few large ones: the network has "
        "found a simple way.",
        (Table("Neurons by what they move", found.table(), folded=True),),
    )  # fmt: skip


def _checked(title: str, directory: RunDirectory, before: Subject, after: Subject) -> Section:
    """The gradients of this very network against finite differences."""
    batch, (steps, samples) = after.batch(iteration=0), CHECKED
    x = np.ascontiguousarray(after.net.ops.to_host(batch.x)[:steps, :samples])
    net = after.net.astype("float64")
    found = gradcheck(net, x if x.dtype.kind in "iu" else x.astype(np.float64), raises=False)
    rows = found.rows
    passed = sum(row.status == "passed" for row in rows)
    columns = {
        "gradient of": [row.name for row in rows], "worked out": [row.analytic for row in rows],
        "by differences": [row.numeric for row in rows], "relative error": [row.error for row in rows],
        "verdict": [row.status for row in rows],
    }  # fmt: skip
    return Section(
        title, (f"{passed} of {len(rows)} gradients of this network agree with finite differences.",),
        reading=f"The backward pass of this network in float64 on {steps} steps of {samples} sequences, along one "
        "random direction for each array. Undecided: a relu was switched within the step, so that the "
        "difference is no derivative.",
        tables=(Table("Gradients", columns, folded=True),),
    )  # fmt: skip


def _parameters(title: str, directory: RunDirectory, before: Subject, after: Subject) -> Section:
    """Every array: shape, and how far training moved it."""
    host = after.net.ops.to_host
    now = {name: host(array) for name, array in after.net.params.items()}
    was = {name: host(before.net.params[name]) for name in now}
    columns = {
        "name": list(now), "shape": [" × ".join(map(str, a.shape)) for a in now.values()],
        "mean": [float(a.mean(dtype=np.float64)) for a in now.values()],
        "standard deviation": [float(a.std(dtype=np.float64)) for a in now.values()],
        "least": [float(a.min()) for a in now.values()], "largest": [float(a.max()) for a in now.values()],
        "moved by (norm)": [float(np.linalg.norm(now[n].astype(np.float64) - was[n])) for n in now],
    }  # fmt: skip
    return Section(title, (f"{after.net.size:,} parameters in {len(now)} arrays.",),
                   tables=(Table("Arrays", columns),))  # fmt: skip


Make = Callable[[str, RunDirectory, Subject, Subject], Section]
SECTIONS: dict[str, Make] = {
    "The run": _run,
    "How the gradient flows": _flow,
    "What the neurons can remember": _memory,
    "What the neurons do": _traces,
    "Which neurons matter": _ranking,
    "Are the gradients right?": _checked,
    "Parameters": _parameters,
}
