"""Task, network, optimizer and schedule out of settings (settings.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import backend, networks, optim, schedules, tasks
from ..settings import of_task
from ..training.metrics import LARGER_IS_BETTER


def task(used: Mapping[str, Any], data: str | None = None) -> tasks.Task:
    """Return the task; `data` is another folder than the one that the settings name."""
    name = used["task"]
    options = {own: used[own] for own, setting in of_task(name).items() if name in setting.data}
    return tasks.get(name, **options | ({} if data is None else {"data": data}))


def network(used: Mapping[str, Any], of: tasks.Task) -> Any:
    """Return the plain stack of the paper; how its backend multiplies is set with it."""
    backend.get(used["backend"]).tf32(used["tf32"])
    return networks.plain(
        of.input_size, used["hidden"], of.output_size, used["layers"], of.steps, batchnorm=used["batchnorm"],
        dropout=used["dropout"], output=of.output, gamma=used["gamma"], last_init=used["last_init"],
        input_init=used["input_init"], backend=used["backend"], dtype=used["dtype"], seed=used["seed"],
    )  # fmt: skip


def optimizer(used: Mapping[str, Any]) -> Any:
    """Return the optimizer."""
    more = {"weight_decay": used["weight_decay"], "lr_of": {"u": used["lr_u"]} if used["lr_u"] != 1 else None}
    kinds = {
        "adam": lambda: optim.Adam(used["lr"], **more),
        "sgd": lambda: optim.SGD(used["lr"], momentum=used["momentum"], **more),
    }
    return kinds[used["optimizer"]]()


def iterations(used: Mapping[str, Any], of: tasks.Task) -> int:
    """Return how many updates the run has as a whole."""
    if used["iterations"] is not None:
        return used["iterations"]
    length = of.epoch_length(used["batch"])
    if length is None or used.get("epochs") is None:
        raise ValueError("settings: neither iterations nor epochs is set, expected one of them")
    return max(1, round(used["epochs"] * length))


def schedule(used: Mapping[str, Any], total: int, metric: str) -> schedules.Schedule:
    """Return the schedule of a run of `total` updates."""
    lr = used["lr"]
    mode = "max" if LARGER_IS_BETTER[metric] else "min"
    kinds = {
        "constant": lambda: schedules.Constant(lr),
        "step": lambda: schedules.Step(lr, used["lr_every"], used["lr_factor"]),
        "plateau": lambda: schedules.Plateau(
            lr, used["patience"], used["lr_factor"], used["lr_minimum"], mode, 0.5
        ),
        "cosine": lambda: schedules.Cosine(lr, total, used["warmup"]),
        "one-cycle": lambda: schedules.OneCycle(lr, total),
    }
    return kinds[used["schedule"]]()
