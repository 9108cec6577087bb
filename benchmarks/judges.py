"""The four judges of benchmarks/four_judges.py, the networks that they judge, and mistakes to plant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

import indrnn_np as ir
from indrnn_np.gradients.traces import Traces
from indrnn_np.ops.indrnn import reference as indrnn
from indrnn_np.ops.recurrence import reference as recurrence
from indrnn_np.ops.recurrence.activation import ACTIVATIONS

Array = np.ndarray
B, H, STEPS = 8, 32, 100  # batch, units and time steps of the comparison
KINK = "relu, a neuron at its kink"
CASES = {"tanh": "float64", "relu": "float64", KINK: "float64", "relu, float32": "float32"}


class Case(NamedTuple):
    """A network with a batch; its loss is the mean squared error."""

    net: ir.Sequential
    x: Array
    target: Array

    def loss(self) -> float:
        """The loss of a pass without a tape."""
        return float(ir.mse(self.net.infer(self.x)[0], self.target)[0])


def case(name: str, T: int = STEPS, batch: int = B, units: int = H, backend: str = "cpu") -> Case:
    """A case by its name in CASES, with random biases."""
    activation, dtype = name.split(",")[0], CASES[name]
    net = ir.plain(2, units, 1, 2, T, activation=activation, input_init=0.1, backend=backend, dtype=dtype)
    rng = np.random.default_rng(0)
    for bias in (array for name, array in net.params.items() if name.endswith(".b")):
        bias[...] = 0.02 * rng.standard_normal(bias.size)
    if name == KINK:  # its pre-activation is 0 at each step
        net.params["0.W"][0], net.params["0.b"][0] = 0, 0
    data = ir.tasks.get("adding", steps=T, dtype=dtype).batch(0, batch)
    return Case(net, data.x, data.target)


def bptt(case: Case) -> Array:
    """One forward and one backward pass."""
    y, _, tape = case.net.forward(case.x)
    return np.array(case.net.backward(ir.mse(y, case.target)[1], tape, input_gradient=False)[2].flat)


def rtrl(case: Case) -> Array:
    """One pass that carries the derivatives of the states."""
    learner = ir.online(case.net)
    learner.run(case.x, case.target)
    gradient = learner.gradient()
    return np.concatenate([gradient[name].ravel() for name in case.net.params])


def forward_mode(case: Case, directions: int | None = None) -> Array:
    """A tangent pass for each parameter, or for the first `directions` of them."""
    net = case.net
    dy = ir.mse(net.forward(case.x)[0], case.target)[1]
    found = np.zeros(net.size if directions is None else directions)
    for i in range(len(found)):
        unit = np.zeros_like(net.flat)
        unit[i] = 1
        found[i] = np.sum(dy * net.jvp(case.x, unit).y_dot)
    return found


def differences(case: Case, directions: int | None = None) -> Array:
    """Two forward passes for each parameter, or for the first `directions` of them."""
    return np.array([(plus - minus) / width for plus, minus, width in moved(case, Case.loss, directions)])


def moved(
    case: Case, look: Callable[[Case], Any], directions: int | None = None
) -> Iterator[tuple[Any, Any, float]]:
    """Yield look(case) with each parameter a step above and below its value, and the distance of both."""
    flat = case.net.flat
    for i, step in enumerate(step_sizes(case.net)[:directions]):
        value = flat[i]
        flat[i] = above = value + step
        plus = look(case)
        flat[i] = below = value - step
        minus = look(case)
        flat[i] = value
        yield plus, minus, float(above - below)


def step_sizes(net: ir.Sequential) -> Array:
    """The step size of each parameter: eps^(1/3) times the root mean square of its array, as in gradcheck."""
    eps = np.finfo(net.dtype).eps
    sizes = [np.full(a.size, np.sqrt(np.mean(np.square(a)))) for a in net.params.values()]
    return (eps ** (1 / 3) * np.concatenate(sizes)).astype(net.dtype)


def difference(case: Case, v: Array) -> float:
    """The central difference along a direction."""
    flat, values = case.net.flat, []
    before = flat.copy()
    for step in (1e-6, -1e-6):
        flat[...] = before + step * v
        values.append(case.loss())
    flat[...] = before
    return (values[0] - values[1]) / 2e-6


def gates(case: Case) -> Array:
    """The open gates of all relu layers; none for tanh."""
    found = case.net.gates(case.net.forward(case.x)[2])
    return np.stack(found) if found else np.zeros(0, bool)


JUDGES: dict[str, Callable[[Case], Array]] = {
    "BPTT": bptt, "RTRL": rtrl, "jvp": forward_mode, "finite differences": differences,
}  # fmt: skip


def forgetful(function: Callable[..., Any], place: int) -> Callable[..., Any]:
    """The function with zeros for its argument number `place`."""
    return lambda *args, **options: function(*args[:place], 0 * args[place], *args[place + 1 :], **options)


def step_without_path(traces: Traces, *args: Any) -> Array:
    """A step of the traces whose e^u forgets u ⊙ e^u of the step before."""
    h = STEP(traces, *args)
    traces.e["u"] = traces.slope * traces.h_prev
    return h


STEP = Traces.step
MISTAKES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "none": nullcontext,
    "BPTT: no path through time": lambda: patch.object(
        recurrence, "backward", forgetful(recurrence.backward, 2)
    ),
    "RTRL: no path through time in the trace of u": lambda: patch.object(Traces, "step", step_without_path),
    "jvp: no direction of u": lambda: patch.object(recurrence, "tangent", forgetful(recurrence.tangent, 3)),
    "φ' of tanh: 1 - |h| for 1 - h²": lambda: patch.dict(
        ACTIVATIONS, tanh=replace(ACTIVATIONS["tanh"], array_dphi=lambda h: 1 - np.abs(h))
    ),
    "forward pass: no bias": lambda: patch.object(indrnn, "forward", forgetful(indrnn.forward, 3)),
}
