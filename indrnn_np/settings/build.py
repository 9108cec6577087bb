"""Build the task, network, optimizer and schedule from settings (settings.py)."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from .. import _check, backend, networks, tasks
from .._types import Json
from ..layers.recurrent_weight import EXP
from ..networks.sequential import Sequential
from ..optim import optimizers, schedules
from ..tasks import augment
from ..training import records, speed, windows
from ..training.callbacks import Callback, Observer
from ..training.checkpoint import Checkpoint
from ..training.fit import train
from ..training.metrics import LARGER_IS_BETTER
from ..training.plan import Plan
from ..training.result import Result
from .settings import check_use, in_simulator, merge, of_run, of_task
from .tables import DENSE, ENDLESS, INDRNN, RESIDUAL, ROTATING

# Settings that every network takes as arguments.
OPTIONS = (
    "batchnorm", "layernorm", "norm_place", "per_step", "positions", "embedding", "tied", "embedding_dropout",
    "backend", "dtype", "seed",
)  # fmt: skip


def complete(where: str, task: str, *layers: Mapping[str, Any]) -> tuple[Json, Json]:
    """Return all settings of a run, and its small defaults in numba's simulator, which are empty elsewhere.

    Each layer takes precedence over the ones before it. The last one is the command line, and the
    network must use all its settings.
    """
    used, small = merge(task, *layers), dict[str, Any]()
    if backend.get(used["backend"]).device.simulated:
        chosen = {name for layer in layers for name in layer}
        small = in_simulator(task, dict.fromkeys(chosen))
        used = merge(task, small, *layers)
    check_use(used, layers[-1], where)
    return used, small


def task(used: Mapping[str, Any], data: str | None = None) -> tasks.Task:
    """Return the task; `data` replaces the path in the settings."""
    name = used["task"]
    known = of_task(name)
    # The settings of `ir.fit` name some options only; the others have their defaults.
    taken = [option for option in inspect.signature(tasks.maker(name)).parameters if option in known]
    options = {option: used.get(option, known[option].default_for(name)) for option in taken}
    if data is not None and "data" not in known:
        because = "because the task generates its data"
        _check.fail("eval", f"data is {data!r} for task {name}", "no data", because)
    return tasks.get(name, **options | ({} if data is None else {"data": data}))


def settings_of_run(where: str, path: Path, loaded: Checkpoint, seed: int | None = None) -> Json:
    """Return the settings of the run of a checkpoint; for a run of `ir.fit`, its plan and its task's name.

    `seed` replaces the seed of the run.
    """
    records.check_meta(path, loaded.meta, "task", "settings", "plan")
    if loaded.meta["settings"] or not loaded.meta["plan"]:
        used = of_run(where, path, loaded.meta["settings"])
    else:
        used = loaded.meta["plan"] | {"task": (loaded.meta["task"] or {}).get("task")}
    used |= {"backend": loaded.net.backend, "dtype": loaded.net.dtype.name}
    if seed is not None:
        if used["task"] not in ENDLESS:
            because = "because it splits the data"
            _check.fail(where, f"seed is {seed} for task {used['task']}", "no seed", because)
        used["seed"] = seed
    return used


def task_of_run(
    where: str, path: Path, loaded: Checkpoint, used: Mapping[str, Any], data: str | None = None
) -> tasks.Task:
    """Return the task of a run with these settings (`settings_of_run`); `data` as in `task`.

    The task of a run of `ir.fit` is rebuilt from its description in the checkpoint and compared
    with it.

    Raises
    ------
    ValueError
        If the task cannot be rebuilt, or differs from its description.
    """
    if loaded.meta["settings"]:
        return task(used, data)
    name, described = used["task"], loaded.meta["task"] or {}
    if name not in tasks.TASKS:
        problem = f"{path} was trained by ir.fit on {name or 'unnamed data'}, which is in no file"
        hint = f"; in Python ir.load({str(path)!r}).net(x) gives the outputs for x"
        _check.fail(where, problem, "a run on one of " + ", ".join(tasks.TASKS), hint)
    parameters = inspect.signature(tasks.maker(name)).parameters
    if "data" in parameters and data is None:
        _check.fail(where, f"{path} was trained by ir.fit, which stores no path of the data", "--data PATH")
    options = described | {"data": data, "standardise": "mean" in described}
    options |= {name: used[name] for name in ("backend", "dtype", "seed") if name in used}
    rebuilt = tasks.get(name, **{option: options[option] for option in parameters if option in options})
    for key, value in json.loads(json.dumps(rebuilt.describe())).items():
        stored = described.get(key)
        if key != "seed" and value != stored:
            _check.fail(where, f"{key} of the data is {value!r}", f"{stored!r}, the value in {path}")
    return rebuilt


def network(used: Mapping[str, Any], of: tasks.Task) -> Any:
    """Return the network for the task `of`, and set the backend's TF32 mode."""
    backend.get(used["backend"]).device.tf32(used["tf32"])
    options = {name: used[name] for name in OPTIONS if name in used}
    if used["cell"] == INDRNN:
        names = ("gamma", "constrain", "u_form", "input_init", "last_init", "time")
        options |= {name: used[name] for name in names}
    options |= {"output": of.output, "dropout": dropout(used)}
    D, H, K, T = of.input_size, used["hidden"], of.output_size, of.steps
    if used["network"] == DENSE:
        return networks.dense(D, K, T, used["growth"], first=not used.get("embedding"), **options)
    if used["network"] == RESIDUAL:
        return networks.residual(D, H, K, used["blocks"], T, **options)
    return networks.plain(D, H, K, used["layers"], T, cell=used["cell"], **options)


def dropout(used: Mapping[str, Any]) -> dict[str, float]:
    """Return the dropout rate of each place: `dropout`, or the rate in `dropout_places`."""
    text, rates = used["dropout_places"], dict.fromkeys(networks.PLACES[used["network"]], used["dropout"])
    for part in text.split(",") if text else ():
        place, _, rate = part.partition("=")
        try:
            rates[place.strip()] = float(rate)
        except ValueError as error:
            expected = "rates by place such as last=0.3,dense=0.2"
            raise ValueError(f"settings: dropout_places is {text!r}, expected {expected}") from error
    return rates


def optimizer(used: Mapping[str, Any]) -> Any:
    """Return the optimizer with its learning rates and weight decay."""
    if "optimizer" not in used:
        expected = "a run of `indrnn train` whose settings name an optimizer"
        _check.fail("study", "the run was trained by ir.fit", expected)
    recurrent = {INDRNN: ("nu",) if used["u_form"] == EXP else ("u",), ROTATING: ("nu", "theta")}
    rates = dict.fromkeys(recurrent.get(used["cell"], ()), used["lr_u"]) if used["lr_u"] != 1 else None
    more = {"weight_decay": used["weight_decay"], "lr_of": rates}
    if used["optimizer"] == "sgd":
        return optimizers.SGD(used["lr"], momentum=used["momentum"], **more)
    return optimizers.Adam(used["lr"], **more)


def iterations(used: Mapping[str, Any], of: tasks.Task) -> int:
    """Return the total number of iterations of the run."""
    if used["iterations"] is not None:
        return used["iterations"]
    length = of.epoch_length(used["batch"])
    if length is None or used.get("epochs") is None:
        raise ValueError("settings: neither iterations nor epochs is set, expected one of them")
    return max(1, round(used["epochs"] * length), used.get("least_iterations", 0))


def validate_every(used: Mapping[str, Any], of: tasks.Task, total: int) -> int | None:
    """Return the iterations between validations: 50 times a run where epochs may be very short."""
    every, length = used["validate_every"], of.epoch_length(used["batch"])
    if every is not None or length is None or not used.get("least_iterations"):
        return every
    return max(length, total // 50) if "validation" in of.splits else None


def schedule(used: Mapping[str, Any], total: int, metric: str) -> schedules.Schedule:
    """Return the schedule of a run of `total` iterations."""
    lr, factor = used["lr"], used["lr_factor"]
    mode = "max" if LARGER_IS_BETTER[metric] else "min"
    kinds = {
        "constant": lambda: schedules.Constant(lr),
        "step": lambda: schedules.StepDecay(lr, used["lr_every"], factor),
        "plateau": lambda: schedules.Plateau(lr, used["lr_patience"], factor, used["lr_minimum"], mode, 0.5),
        "cosine": lambda: schedules.Cosine(lr, total, used["warmup"]),
        "one-cycle": lambda: schedules.OneCycle(lr, total),
    }
    return kinds[used["schedule"]]()


def parts(
    used: Mapping[str, Any], comm: Any = None
) -> tuple[tasks.Task, Sequential, optimizers.Optimizer, Plan]:
    """Return the task, the network, the optimizer and the plan of a run, without its schedule."""
    of = _augmented(task(used), used)
    plan = Plan(**{field.name: used[field.name] for field in fields(Plan) if field.name in used}, comm=comm)
    return of, network(used, of), optimizer(used), plan


def whole(plan: Plan, used: Mapping[str, Any], of: tasks.Task) -> Plan:
    """Return the plan with its length, its schedule and its validations."""
    total = iterations(used, windows.cut(of, used["update_every"]))
    return replace(
        plan, iterations=total, epochs=None, minutes=used["minutes"], schedule=schedule(used, total, of.metric),
        validate_every=validate_every(used, of, total),
    )  # fmt: skip


def fit(
    used: Mapping[str, Any], directory: Any, resume: Any, reporter: Any, notes: Sequence[str] = (),
    callbacks: Sequence[Callback | Observer] = (), comm: Any = None,
) -> Result:  # fmt: skip
    """Train with these settings into `directory`; `resume` is a run or checkpoint to resume.

    Only rank 0 of the communicator `comm` has a directory.
    """
    of, net, rule, plan = parts(used, comm)
    about = f"{of.name}: {net.size} parameters, {net.backend}, {net.dtype}"
    if directory is not None:
        about += f", into {directory.path}"
    notes = [about, *notes]
    if used["iterations"] is None and used.get("epochs") is None and used["minutes"]:
        used = {**used, **_length(used, net, of, rule, plan)}
        notes.append(f"iterations: {used['iterations']}, from the speed of this machine")
    return train(
        net, of, rule, whole(plan, used, of), callbacks=callbacks, out=directory, resume=resume, progress=reporter,
        settings=dict(used), notes=notes,
    )  # fmt: skip


def _augmented(of: tasks.Task, used: Mapping[str, Any]) -> tasks.Task:
    """Return the task with the random changes of its training samples."""
    jitter, crop = used.get("jitter", 0.0), used.get("crop", 1.0)
    if crop < 1 and used["update_every"]:
        because = "because windows of update_every steps need whole sequences"
        _check.fail("settings", f"crop is {crop} with update_every={used['update_every']}", "crop 1", because)
    cut_statistics = crop < 1 and used["batchnorm"] and not used["layernorm"] and used["per_step"]
    if cut_statistics and not used["bn_batch"]:
        because = "because the last time steps have no statistics otherwise"
        _check.fail("settings", f"crop is {crop} with per_step", "crop 1, or bn_batch above 0", because)
    return augment.Augmented(of, jitter, crop, used["seed"]) if jitter or crop != 1 else of


def _length(used: Mapping[str, Any], net: Any, of: tasks.Task, rule: Any, plan: Plan) -> dict[str, Any]:
    """Return the settings of the length of a run: the iterations that end within its minutes."""
    cut = windows.cut(of, used["update_every"])
    whole = replace(plan, iterations=1).complete(cut, used["lr"])
    return {"iterations": speed.iterations_in(used["minutes"], net, cut, rule, whole), "minutes": 0.0}
