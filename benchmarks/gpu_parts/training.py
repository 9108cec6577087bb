"""Training on the GPU, with iterations as CUDA graphs: the adding problem to a target, and sequential MNIST.

Both runs have as many iterations as their time permits, since the learning rate must reach the end of its schedule.
"""

from __future__ import annotations

import time
from typing import Any

from indrnn_np.settings import build, settings
from indrnn_np.training.plan import Plan
from indrnn_np.training.trainer import Trainer

from .fake_device import spend
from .part import Part
from .targets import ADDING as TARGET

ADDING = {
    "steps": 5000, "iterations": 5000, "lr": 1e-3, "lr_u": 0.02, "schedule": "one-cycle", "clip_norm": 100.0,
    "graph": True,
}  # fmt: skip
MNIST = {"batch": 64, "epochs": 20.0, "lr": 2e-3, "schedule": "one-cycle", "graph": True}
TINY: dict[str, dict[str, Any]] = {
    "adding": {"steps": 6, "hidden": 3, "batch": 2, "iterations": 2},
    "mnist": {"hidden": 3, "layers": 1, "batch": 2, "evaluation_batch": 2, "bn_batch": 2, "iterations": 2},
}
WARM_UP, PROBES = (
    3,
    20,
)  # iterations before the timing of one, and in all: the second batch records the graphs
EVALUATIONS = {"adding": 20, "mnist": 8}  # of a run
SHARE = 0.85  # of the time is for iterations; the rest for evaluations and data
RESERVE = 8  # seconds for the last evaluation


def adding(part: Part) -> None:
    """Train until the test error is below its target, or the iterations or the time are over."""
    used = chosen(part, "adding", ADDING)
    task: Any = build.task(used)
    if part.sizes.dry:
        task.evaluation_size = 2
    train(part, used, task, "test", "mse")


def mnist(part: Part) -> None:
    """Train, validate, and test at the end."""
    data = {"data": part.options["data"]} if part.options.get("data") else {}
    used = chosen(part, "mnist", MNIST | data)
    trainer = train(part, used, build.task(used), "validation", "accuracy")
    accuracy = trainer.evaluation.evaluate("test")["accuracy"]
    part.table("Test", "accuracy").row(f"{accuracy:.2%}", accuracy=accuracy)


def train(part: Part, used: dict[str, Any], task: Any, split: str, metric: str) -> Trainer:
    """Run the iterations that fit the time, evaluate on the way, and return the trainer."""
    used, total = fitting(part, used, task)
    trainer = build_trainer(used, total, task)
    header = "iteration", "seconds", "ms per iteration", "training loss", f"{split} {metric}"
    table = part.table(f"{used['task']}, {total} iterations", *header)
    start, every = time.monotonic(), max(1, total // EVALUATIONS[used["task"]])
    while trainer.net.iteration < total and part.left > RESERVE:
        before, losses = time.monotonic(), []
        while len(losses) < every and trainer.net.iteration < total and part.left > RESERVE:
            losses.append(trainer.iterate())
        each, mean = (time.monotonic() - before) / len(losses), sum(losses) / len(losses)
        value, seconds = trainer.evaluation.evaluate(split)[metric], time.monotonic() - start
        table.row(
            trainer.net.iteration, f"{seconds:.1f}", f"{1e3 * each:.3g}", f"{mean:.5f}", f"{value:.5f}",
            iterations_seconds=seconds, training_loss=mean, **{split: value},
        )  # fmt: skip
        spend(part.clock, part.sizes.ready_seconds)
        if metric == "mse" and value < TARGET:
            break
    part.note(f"{trainer.net.iteration} of {total} iterations in {time.monotonic() - start:.1f} s")
    return trainer


def fitting(part: Part, used: dict[str, Any], task: Any) -> tuple[dict[str, Any], int]:
    """Return the settings, without graphs if they fail, and the number of iterations that fit the time."""
    most = build.iterations(used, task)
    if part.sizes.dry:
        return used, most
    try:
        each = seconds_of_iteration(used, task)
    except Exception as error:  # training without graphs is better than none
        if not used["graph"]:
            raise
        part.fail(f"{used['task']}: as graphs: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
        used = used | {"graph": False}
        each = seconds_of_iteration(used, task)
    part.note(f"an iteration takes {1e3 * each:.3g} ms with its batch, graph {used['graph']}")
    return used, max(1, min(most, int(SHARE * (part.left - RESERVE) / each)))


def seconds_of_iteration(used: dict[str, Any], task: Any) -> float:
    """Time some iterations of a trainer of its own."""
    trainer = build_trainer(used, PROBES, task)
    for _ in range(WARM_UP):
        trainer.iterate()
    start = time.monotonic()
    for _ in range(PROBES - WARM_UP):
        trainer.iterate()
    return (time.monotonic() - start) / (PROBES - WARM_UP)


def chosen(part: Part, task: str, defaults: dict[str, Any]) -> dict[str, Any]:
    """Return the settings: the defaults of `indrnn train`, this script's, and those of --set."""
    pairs = dict(pair.split("=", 1) for pair in part.options.get("set", ()))
    known = settings.of_task(task)
    typed = {name: _typed(known[name].kind, text) if name in known else text for name, text in pairs.items()}
    tiny = TINY[task] if part.sizes.dry else {}
    used = settings.merge(
        task, defaults, tiny, settings.check(typed, task, "gpu.py --set"), {"backend": "cuda"}
    )
    shown = {name: value for name, value in used.items() if value is not None and name != "data"}
    part.note("settings: " + ", ".join(f"{name} {value}" for name, value in shown.items()))
    return used


def _typed(kind: type, text: str) -> Any:
    return text.lower() in ("1", "true", "yes") if kind is bool else kind(text)


def build_trainer(used: dict[str, Any], total: int, task: Any) -> Trainer:
    """Return a run of `total` iterations that writes no files."""
    names = ("batch", "clip_norm", "clip_value", "bn_batch", "evaluation_batch", "memory", "graph")
    schedule = build.schedule(used, total, task.metric)
    plan = Plan(total, schedule=schedule, validate_every=0, **{name: used[name] for name in names})
    network, optimizer = build.network(used, task), build.optimizer(used)
    return Trainer(network, task, optimizer, plan.complete(task, optimizer.lr))
