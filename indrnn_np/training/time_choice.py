"""Replace `time="auto"` in the layers of a network before the first update of a run.

Checkpoints store the options of the layers, so evaluations and resumed runs repeat the choice, on
any backend and with any table. Outside of runs, a layer with `time="auto"` chooses in each pass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from .. import _check
from ..layers import Bidirectional, Layer, time_table
from ..layers.containers import Container
from ..layers.recurrent import Independent
from ..networks.sequential import Sequential
from ..networks.specs import layer_from_spec
from ..tasks import Task
from .checkpoint import Contents
from .plan import RunPlan


def settle(net: Sequential, task: Task, plan: RunPlan, contents: Contents | None = None) -> list[str]:
    """Replace "auto" in the layers of a network; return a line for the log, or none without "auto".

    A new run chooses by the table, for the longest sequence and the batch of the task. A run that
    is resumed from the checkpoint `contents` repeats the choice that is stored there.

    Raises
    ------
    ValueError
        If the plan has a table and no layer has time="auto", or if the table has no entry.
    """
    layers = dict(recurrences(net.layers))
    auto = {path: layer for path, layer in layers.items() if layer.time == time_table.AUTO}
    if not auto:
        if plan.time_table is not None:
            because = "because no layer of the network has time='auto'"
            _check.fail("train", f"time_table is {str(plan.time_table)!r}", "None", because)
        return []
    if contents is None:
        times, source = _by_table(net, task, plan, auto)
    else:
        specs = contents.header["network"]["layers"]
        stored = dict(recurrences([layer_from_spec(spec) for spec in specs]))
        times, source = {path: stored[path].time for path in auto}, f"as stored in {contents.path}"
    net.replace_layers([with_times(layer, str(i), times) for i, layer in enumerate(net.layers)])
    return [f"time: {_summary(times)} ({source})"]


def recurrences(layers: Sequence[Layer], prefix: str = "") -> Iterator[tuple[str, Independent]]:
    """Yield the path and the object of each layer with the option `time`."""
    for i, layer in enumerate(layers):
        path = f"{prefix}{i}"
        if isinstance(layer, Container):
            yield from recurrences(layer.layers, f"{path}.")
        inner = layer.layer if isinstance(layer, Bidirectional) else layer
        if isinstance(inner, Independent):
            yield path, inner


def with_times(layer: Layer, path: str, times: Mapping[str, str]) -> Layer:
    """Return the layer at a path with other options `time`, in it and in its inner layers, by path."""
    if isinstance(layer, Container):
        inner = [with_times(part, f"{path}.{i}", times) for i, part in enumerate(layer.layers)]
        return dataclasses.replace(layer, layers=inner)
    if path not in times:
        return layer
    if isinstance(layer, Bidirectional):
        half = dataclasses.replace(layer.layer, time=times[path])  # type: ignore[type-var]
        return dataclasses.replace(layer, layer=half)
    return dataclasses.replace(layer, time=times[path])  # type: ignore[type-var]


def _by_table(
    net: Sequential, task: Task, plan: RunPlan, auto: Mapping[str, Independent]
) -> tuple[dict[str, str], str]:
    """Return the choice of the table for each layer by path, and a text about its source."""
    table = time_table.shipped() if plan.time_table is None else time_table.read(plan.time_table)
    T, B = task.steps, -(-task.batch(net.iteration, plan.batch).x.shape[1] // plan.shards)
    times = {
        path: table.choice(net.backend, layer.activation, T, B * layer.state_size)
        for path, layer in auto.items()
    }
    return times, f"T = {T}, B = {B}, by {table.origin}"


def _summary(times: Mapping[str, str]) -> str:
    """Return the choices as text: one word if all layers agree, else the layers of each."""
    if len(chosen := set(times.values())) == 1:
        return chosen.pop()
    groups = {time: [path for path, chosen in times.items() if chosen == time] for time in time_table.TIMES}
    return "; ".join(f"{time} in layers {', '.join(paths)}" for time, paths in groups.items() if paths)
