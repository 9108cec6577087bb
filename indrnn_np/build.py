"""Task, network, optimizer and schedule out of settings (settings.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import backend, networks, optim, schedules, tasks
from .settings import INDRNN, of_task
from .train import Result
from .train import fit as train
from .training.metrics import LARGER_IS_BETTER

# Settings of all networks, and the names of what they set.
OPTIONS = {
    "batchnorm": "batchnorm", "bn_place": "norm", "bn_per_step": "per_step", "bn_positions": "positions",
    "embedding": "embedding", "tied": "tied",
    "embedding_dropout": "weight_dropout", "backend": "backend", "dtype": "dtype", "seed": "seed",
}  # fmt: skip


def task(used: Mapping[str, Any], data: str | None = None) -> tasks.Task:
    """Return the task; `data` is another folder than the one that the settings name."""
    name = used["task"]
    options = {own: used[own] for own, setting in of_task(name).items() if name in setting.data}
    return tasks.get(name, **options | ({} if data is None else {"data": data}))


def network(used: Mapping[str, Any], of: tasks.Task) -> Any:
    """Return the network; how its backend multiplies is set with it."""
    backend.get(used["backend"]).tf32(used["tf32"])
    name, hidden = used["network"], used["hidden"]
    options = {to: used[own] for own, to in OPTIONS.items() if own in used}
    if used["cell"] == INDRNN:
        options |= {own: used[own] for own in ("gamma", "constrain", "input_init", "last_init")}
    options |= {"output": of.output, "dropout": dropout(used)}
    kinds = {
        "plain": lambda: networks.plain(
            of.input_size, hidden, of.output_size, used["layers"], of.steps, cell=used["cell"], **options
        ),
        "residual": lambda: networks.residual(
            of.input_size, hidden, of.output_size, used["blocks"], of.steps, **options
        ),
        "dense": lambda: networks.dense(
            of.input_size,
            of.output_size,
            of.steps,
            used["growth"],
            first=not used.get("embedding"),
            **options,
        ),
    }
    return kinds[name]()


def dropout(used: Mapping[str, Any]) -> dict[str, float]:
    """Return the rate at each place of the network: `dropout`, unless `dropout_places` names another one."""
    text, rates = used["dropout_places"], dict.fromkeys(networks.PLACES[used["network"]], used["dropout"])
    for part in text.split(",") if text else ():
        place, _, rate = part.partition("=")
        try:
            rates[place.strip()] = float(rate)
        except ValueError as error:
            raise ValueError(
                f"settings: dropout_places is {text!r}, expected rates by place such as last=0.3,dense=0.2"
            ) from error
    return rates


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


PLANNED = (
    "batch", "clip_norm", "clip_value", "bn_batch", "evaluation_batch", "memory", "minutes", "validate_every",
    "log_every", "checkpoint_every", "graph",
)  # fmt: skip


def fit(
    used: Mapping[str, Any], directory: Any, resume: Any, reporter: Any, notes: Sequence[str] = (),
    stop: Callable[[], bool] | None = None,
) -> Result:  # fmt: skip
    """Train as the settings say, into `directory`; `resume` is the run or the checkpoint to go on from."""
    of = task(used)
    net, total = network(used, of), iterations(used, of)
    about = f"{of.name}: {net.size} parameters, {net.backend}, {net.dtype}, into {directory.path}"
    return train(
        net, of, optimizer(used), iterations=total, schedule=schedule(used, total, of.metric), out=directory.path,
        resume=resume, settings=dict(used), reporter=reporter, notes=[about, *notes], stop=stop,
        **{name: used[name] for name in PLANNED},
    )  # fmt: skip
