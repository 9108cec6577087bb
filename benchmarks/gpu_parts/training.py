"""Training on the GPU: the adding problem to a goal, sequential MNIST for some time, with their curves."""

from __future__ import annotations

import time
from typing import Any

from indrnn_np.settings import build, settings
from indrnn_np.training.plan import Plan
from indrnn_np.training.trainer import Trainer

from .part import Part

ADDING = {
    "steps": 5000,
    "iterations": 20_000,
    "lr": 1e-3,
    "lr_u": 0.02,
    "schedule": "one-cycle",
    "clip_norm": 1.0,
}
MNIST = {"batch": 64, "lr": 2e-3, "schedule": "one-cycle", "dropout": 0.0}
TINY: dict[str, dict[str, Any]] = {
    "adding": {"steps": 6, "hidden": 3, "batch": 2, "iterations": 2},
    "mnist": {"hidden": 3, "layers": 1, "batch": 2, "evaluation_batch": 2, "bn_batch": 2},
}
GOAL = 0.002  # mean squared error on the test sequences
EVERY = 250  # iterations between two evaluations
PROBES = 20  # iterations that tell how many there is time for
EPOCHS = 12  # of MNIST, at most
EVALUATED = 8  # times in a run of MNIST
SHARE = 0.85  # of the time is for iterations


def adding(part: Part) -> None:
    """Train until the test error is below the goal, or the iterations or the time are over."""
    used, every = chosen(part, "adding", ADDING), EVERY
    task: Any = build.task(used)
    if part.sizes.dry:
        task.evaluation_size, every = 2, 1
    trainer = build_trainer(used, build.iterations(used, task), task)
    header = "iteration", "minutes", "ms each", "train mse", "test mse"
    table = part.table(f"The adding problem, {used['steps']} steps", *header)
    start, total, error = time.monotonic(), trainer.plan.iterations, float("inf")
    while trainer.net.iteration < total and error >= GOAL and part.left > 5:
        before, losses = time.monotonic(), []
        while len(losses) < every and trainer.net.iteration < total and part.left > 5:
            losses.append(trainer.iterate())
        each = (time.monotonic() - before) / len(losses)
        error = trainer.evaluate("test")["mse"]
        minutes, mean = (time.monotonic() - start) / 60, sum(losses) / len(losses)
        cells = f"{minutes:.2f}", f"{1e3 * each:.3g}", f"{mean:.5f}", f"{error:.5f}"
        table.row(trainer.net.iteration, *cells, minutes=minutes, train=mean, test=error)
    reached = "reached" if error < GOAL else "not reached"
    part.note(f"test mse {error:.5f} after {trainer.net.iteration} iterations and "
              f"{(time.monotonic() - start) / 60:.2f} minutes: the goal of {GOAL} is {reached}")  # fmt: skip


def mnist(part: Part) -> None:
    """Train as many iterations as fit the time, and test."""
    used = chosen(part, "mnist", MNIST | ({"data": part.options["data"]} if part.options.get("data") else {}))
    task = build.task(used)
    most = int(EPOCHS * task.epoch_length(used["batch"]))
    total = 2 if part.sizes.dry else fitting(part, used, task, most)
    trainer = build_trainer(used | {"iterations": total}, total, task)
    table = part.table("Sequential MNIST", "iteration", "minutes", "train loss", "validation accuracy")
    start, every = time.monotonic(), max(1, total // EVALUATED)
    while trainer.net.iteration < total and part.left > 15 * (not part.sizes.dry):
        losses = [trainer.iterate() for _ in range(min(every, total - trainer.net.iteration))]
        minutes, mean = (time.monotonic() - start) / 60, sum(losses) / len(losses)
        accuracy = "-" if part.sizes.dry else f"{trainer.evaluate('validation')['accuracy']:.2%}"
        table.row(
            trainer.net.iteration, f"{minutes:.2f}", f"{mean:.4f}", accuracy, minutes=minutes, train=mean
        )
    trained = (time.monotonic() - start) / 60
    test = trainer.evaluate("test")["accuracy"]
    table.row("test", f"{(time.monotonic() - start) / 60:.2f}", "-", f"{test:.2%}", accuracy=test)
    part.note(
        f"test accuracy {test:.2%} after {trainer.net.iteration} of {total} iterations in {trained:.2f} minutes"
    )


def fitting(part: Part, used: dict[str, Any], task: Any, most: int) -> int:
    """How many iterations there is time for, by trying some."""
    trainer = build_trainer(used | {"iterations": PROBES}, PROBES, task)
    for _ in range(3):
        trainer.iterate()
    start = time.monotonic()
    for _ in range(PROBES - 3):
        trainer.iterate()
    each = (time.monotonic() - start) / (PROBES - 3)
    part.note(f"an iteration takes {1e3 * each:.3g} ms, the making of its batch included")
    return max(1, min(most, int(SHARE * part.left / each)))


def chosen(part: Part, task: str, defaults: dict[str, Any]) -> dict[str, Any]:
    """The settings of `indrnn train`: its defaults, this script's, those of --set."""
    given = dict(pair.split("=", 1) for pair in part.options.get("set", ()))
    known = settings.of_task(task)
    typed = {name: _typed(known[name].kind, text) if name in known else text for name, text in given.items()}
    tiny = TINY[task] if part.sizes.dry else {}
    used = settings.merge(
        task, defaults, tiny, settings.check(typed, task, "gpu.py --set"), {"backend": "cuda"}
    )
    told = {name: value for name, value in used.items() if value is not None and name != "data"}
    part.note("settings: " + ", ".join(f"{name} {value}" for name, value in told.items()))
    return used


def _typed(kind: type, text: str) -> Any:
    return text.lower() in ("1", "true", "yes") if kind is bool else kind(text)


def build_trainer(used: dict[str, Any], total: int, task: Any) -> Trainer:
    """A run of so many iterations that writes no files."""
    names = ("batch", "clip_norm", "clip_value", "bn_batch", "evaluation_batch", "memory", "graph")
    schedule = build.schedule(used, total, task.metric)
    plan = Plan(total, schedule=schedule, validate_every=0, **{name: used[name] for name in names})
    network, optimizer = build.network(used, task), build.optimizer(used)
    return Trainer(network, task, optimizer, plan.complete(task, optimizer.lr))
