"""Sections of the report about gradients: over time, by online rules, over samples, and their derivative."""

from __future__ import annotations

import numpy as np

from ...training.run_directory import RunDirectory
from ..curvature import curvature
from ..flow import gradient_flow
from ..noise import noise
from ..online import online
from ..subjects import Subject
from .page import Section, Table, sentences

ONLINE_SAMPLES = 8  # sequences whose online gradients are compared
CURVED = 4000  # time steps of all samples together for the curvature, which runs the network a hundred times


def flow(title: str, directory: RunDirectory, before: Subject, after: Subject) -> Section:
    """Return the norm of ∂L/∂h_t by layer and step, before and after training."""
    batch = before.batch(iteration=0)
    flows = [
        gradient_flow(
            subject.net, batch.x, batch.target, subject.task.loss, batch.lengths, batch.mask, subject.title
        )
        for subject in (before, after)
    ]
    columns = {
        "network": np.repeat([flow.title for flow in flows], len(flows[0].layers)),
        "layer": [name for flow in flows for name in flow.layers],
        "at the first step": np.concatenate([flow.norms[:, 0] for flow in flows]),
        "at the last step": np.concatenate([flow.norms[:, -1] for flow in flows]),
        "over all steps": np.concatenate([flow.totals() for flow in flows]),
    }
    return Section(
        title, sentences(*flows), lambda: flows[0].plot(*flows[1:]),
        "The norm of the gradient at each recurrent layer and time step, on a logarithmic scale that both panels "
        "share. If it changes little from right to left, the layer learns from early steps as well as from late "
        "ones. If it falls to the left, the gradient vanishes.",
        (Table("‖∂L/∂h‖ by layer", columns),),
    )  # fmt: skip


def online_rules(title: str, directory: RunDirectory, before: Subject, after: Subject) -> Section:
    """Return the cosines of online gradients with that of BPTT, before and after training."""
    batch = before.batch(iteration=0)
    few = slice(None), slice(ONLINE_SAMPLES)  # time steps, samples
    in_time = batch.target.ndim > 1 and after.task.output == "every"
    x, target = batch.x[few], batch.target[few if in_time else few[1]]
    lengths = None if batch.lengths is None else batch.lengths[few[1]]
    mask = None if batch.mask is None else batch.mask[few if in_time else few[1]]
    first, last = (
        online(s.net, np.ascontiguousarray(x), target, s.task.loss, lengths, mask, title=s.title)
        for s in (before, after)
    )
    return Section(
        title, sentences(first, last), lambda: first.plot(last),
        f"The cosine between the gradient of an online rule and that of back-propagation through time, on {x.shape[1]} "
        "sequences: 1 is the same direction. \"traces\" is exact for the last recurrent layer; a low cosine of a lower "
        "layer means that its errors travel through the memory of the layers above.",
        (Table("Cosines after training", last.table(), folded=True),),
    )  # fmt: skip


def noise_of_samples(title: str, directory: RunDirectory, before: Subject, after: Subject) -> Section:
    """Return the noise of the gradient after training; batch norm uses its running statistics."""
    batch, statistics = after.batch(iteration=0), "running" if after.net.buffers else "batch"
    finding = noise(after.net, batch, after.task.loss, statistics, after.title)
    return Section(
        title, sentences(finding), finding.plot,
        "Left: the norm of each parameter's gradient over the standard deviation of the mean of a batch. Below 1 the "
        "batch says little about that parameter. Right: the cosine of the gradients of each pair of samples. The "
        "noise scale is the batch size at which noise and gradient have the same size; it is infinite if the noise "
        "of this batch hides the gradient.",
        (Table("Parameters", finding.table()),),
    )  # fmt: skip


def curvature_of_loss(title: str, directory: RunDirectory, before: Subject, after: Subject) -> Section:
    """Return the largest eigenvalues of the Hessian after training, on few samples."""
    steps = len(after.batch(iteration=0).x)
    batch = after.batch(max(2, CURVED // steps), 0)
    finding = curvature(after.net, batch, after.task.loss, title=after.title)
    return Section(
        title, sentences(finding), finding.plot,
        f"The largest eigenvalues of the Hessian of the loss and of the Gauss-Newton matrix, on {batch.x.shape[1]} "
        "samples. A large eigenvalue is a direction in which the loss bends strongly, so it limits the learning rate. "
        "A negative eigenvalue of the Hessian is a direction in which the loss bends down.",
        (Table("Eigenvalues and traces", finding.table()),),
    )  # fmt: skip
