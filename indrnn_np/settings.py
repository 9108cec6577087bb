"""What `indrnn train` can be told: every setting once, with its type, its default for each task and its help.

Precedence: defaults < config file < command line. What was used is written as config.toml, which can be given back.
This file imports no numpy: the command line reads it before the environment is set.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ADDING, MNIST = "adding", "mnist"
TASKS = (ADDING, MNIST)


@dataclass(frozen=True)
class Setting:
    """One setting. default: for all tasks, or by task; None means not set. fixed: part of the network or the data, so a
    resumed run can't change it.
    """

    name: str
    kind: type
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    tasks: tuple[str, ...] = TASKS
    fixed: bool = False

    def default_for(self, task: str) -> Any:
        """Return the default that a task has."""
        return self.default.get(task) if isinstance(self.default, Mapping) else self.default

    @property
    def option(self) -> str:
        """The name on the command line."""
        return "--" + self.name.replace("_", "-")


SETTINGS = (
    Setting("backend", str, "cpu", "which twin of the operations runs: cpu, cuda or reference"),
    Setting("dtype", str, "float32", "float32 or float64", ("float32", "float64"), fixed=True),
    Setting("seed", int, 0, "seed of weights, data and dropout", fixed=True),
    Setting("threads", int, 0, "threads of kernels and matrix products; 0: one a core"),
    Setting("memory", str, "keep", "recompute: keep the states of few steps, at the price of one forward pass more",
            ("keep", "recompute")),
    # data
    Setting("steps", int, 100, "length T of a sequence", tasks=(ADDING,), fixed=True),
    Setting("data", str, None, "folder with the four idx files; without it they are downloaded once", tasks=(MNIST,)),
    Setting("permuted", bool, False, "pixels in one fixed random order", tasks=(MNIST,), fixed=True),
    Setting("batches_per_epoch", int, 0, "0: all training images; the authors' logs count 1700 of 32",
            tasks=(MNIST,), fixed=True),
    # network
    Setting("layers", int, {ADDING: 2, MNIST: 6}, "IndRNN layers", fixed=True),
    Setting("hidden", int, 128, "units H of each layer", fixed=True),
    Setting("batchnorm", bool, {ADDING: False, MNIST: True}, "batch norm after each layer", fixed=True),
    Setting("dropout", float, {ADDING: 0.0, MNIST: 0.1}, "rate, one mask for all steps of a sequence", fixed=True),
    Setting("gamma", float, {ADDING: 2.0, MNIST: 5.0}, "bound of the recurrent weight: |u| <= gamma^(1/T)", fixed=True),
    Setting("input_init", str, {ADDING: "normal", MNIST: "kaiming"}, "W starts as N(0, 0.001^2) or uniform (a = 8)",
            ("normal", "kaiming"), fixed=True),
    Setting("last_init", str, "long", "how u of the last layer starts", ("long", "uniform", "symmetric", "ones"),
            fixed=True),
    # optimizer
    Setting("optimizer", str, "adam", "adam or sgd", ("adam", "sgd"), fixed=True),
    Setting("lr", float, 2e-4, "learning rate; with a schedule, its highest"),
    Setting("lr_u", float, 1.0, "learning rate of the recurrent weights u, as a share of lr"),
    Setting("tf32", bool, False, "backend cuda: matrix products in TF32, faster and with 10 bits of mantissa"),
    Setting("momentum", float, 0.0, "of sgd"),
    Setting("weight_decay", float, {ADDING: 0.0, MNIST: 1e-4}, "L2, on input weights only (not u, b, batch norm)"),
    Setting("clip_norm", float, 0.0, "limit of the gradient's global norm; 0: none"),
    Setting("clip_value", float, {ADDING: 0.0, MNIST: 10.0}, "limit of each element of the gradient; 0: none"),
    # schedule
    Setting("schedule", str, "constant", "how the learning rate goes on",
            ("constant", "step", "plateau", "cosine", "one-cycle")),
    Setting("lr_every", int, {ADDING: 20_000, MNIST: 600_000}, "step: iterations between two reductions"),
    Setting("lr_factor", float, {ADDING: 0.1, MNIST: 0.1}, "step, plateau: factor of a reduction"),
    Setting("lr_minimum", float, 1e-6, "plateau: below it the run ends"),
    Setting("patience", int, 100, "plateau: validations without a new best before a reduction; halved at each"),
    Setting("warmup", int, 0, "cosine: iterations of a linear rise"),
    # the run
    Setting("iterations", int, {ADDING: 10_000}, "updates in the run as a whole"),
    Setting("epochs", float, {MNIST: 20.0}, "the same in passes through the data", tasks=(MNIST,)),
    Setting("batch", int, {ADDING: 50, MNIST: 32}, "sequences in a batch"),
    Setting("validate_every", int, {ADDING: 100}, "iterations between two validations; mnist: an epoch if not set"),
    Setting("log_every", int, 100, "iterations between two lines of the log"),
    Setting("checkpoint_every", int, 1000, "iterations between two checkpoints; 0: only the best, the last"),
    Setting("evaluation_batch", int, 100, "sequences in a batch of an evaluation"),
    Setting("bn_batch", int, {ADDING: 0, MNIST: 500},
            "training sequences that batch norm's statistics for an evaluation come from; 0: running ones"),
)  # fmt: skip
BY_NAME = {setting.name: setting for setting in SETTINGS}


def of_task(task: str) -> dict[str, Setting]:
    """Return the settings that a task has, by name."""
    return {setting.name: setting for setting in SETTINGS if task in setting.tasks}


def merge(task: str, *layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings used: defaults, then each layer over those before it; not set is None."""
    used = {name: setting.default_for(task) for name, setting in of_task(task).items()}
    for layer in layers:
        if layer.get("iterations") is not None and layer.get("epochs") is not None:
            raise ValueError("settings: iterations and epochs are both set, expected one of them")
        for name, other in (("iterations", "epochs"), ("epochs", "iterations")):
            if layer.get(name) is not None and other in used:
                used[other] = None
        used |= layer
    return {"task": task, **used}


def read(path: str | Path) -> dict[str, Any]:
    """Read a TOML file of settings; ValueError names the file and what is wrong in it."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"settings: {path} is not a file, expected a TOML file of settings")
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"settings: {path} is not TOML ({error}), expected lines such as `lr = 0.0002`"
        ) from error
    return found


def check(found: Mapping[str, Any], task: str, where: str) -> dict[str, Any]:
    """Check names and types of settings that came from a file, and return them without the task's name."""
    known = of_task(task)
    if found.get("task", task) != task:
        raise ValueError(f"{where}: task is {found['task']!r}, expected {task!r} as on the command line")
    return {name: _value(name, value, known, where) for name, value in found.items() if name != "task"}


def _value(name: str, value: Any, known: Mapping[str, Setting], where: str) -> Any:
    if name not in known:
        close = difflib.get_close_matches(name, known, 1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise ValueError(f"{where}: unknown setting {name!r}{hint}, expected one of " + ", ".join(known))
    setting = known[name]
    if setting.kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not setting.kind:
        raise ValueError(f"{where}: {name} is {value!r}, expected a value of type {setting.kind.__name__}")
    if setting.choices and value not in setting.choices:
        raise ValueError(f"{where}: {name} is {value!r}, expected one of " + ", ".join(setting.choices))
    return value


def to_toml(used: Mapping[str, Any]) -> str:
    """Write settings as TOML; what is not set is left out."""
    import tomli_w

    head = "# What this run used."
    head += " Give it back with: indrnn train TASK --config THIS_FILE\n" if "task" in used else "\n"
    return head + tomli_w.dumps({name: value for name, value in used.items() if value is not None})


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what a resumed run changes, as words; ValueError for what it can't change."""
    said = []
    for name in sorted(set(before) | set(now)):
        old, new = before.get(name), now.get(name)
        if old == new:
            continue
        if name == "task" or BY_NAME[name].fixed:
            raise ValueError(
                f"resume: {name} is {new!r}, expected {old!r} as in the run, which it is a part of"
            )
        said.append(f"{name}: {old} -> {new}")
    return said
