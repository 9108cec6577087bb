"""The tables behind `indrnn train`: every setting once, and what each task changes of the defaults.

This file imports no numpy: the command line reads it before the environment is set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# What the defaults are for each task, where they differ from those in SETTINGS.
DEFAULTS: dict[str, dict[str, Any]] = {
    "adding": {"iterations": 10_000, "batch": 50, "validate_every": 100, "lr_every": 20_000},
    "mnist": {
        "epochs": 20.0, "layers": 6, "batchnorm": True, "dropout": 0.1, "gamma": 5.0, "input_init": "kaiming",
        "weight_decay": 1e-4, "clip_value": 10.0, "bn_batch": 500,
    },
}  # fmt: skip
TASKS = tuple(DEFAULTS)
ADDING, MNIST = "adding", "mnist"
ENDLESS = (ADDING,)  # tasks whose data has no end, so that they have no epochs
FINITE = tuple(task for task in TASKS if task not in ENDLESS)


@dataclass(frozen=True)
class Setting:
    """One setting. default: None means not set. tasks: those that have it. data: those whose class takes it under its
    name. fixed: part of the network or the data, so a resumed run can't change it.
    """

    name: str
    kind: type
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    tasks: tuple[str, ...] = TASKS
    fixed: bool = False
    data: tuple[str, ...] = ()

    def default_for(self, task: str) -> Any:
        """Return the default that a task has."""
        return DEFAULTS[task].get(self.name, self.default)

    @property
    def option(self) -> str:
        """The name on the command line."""
        return "--" + self.name.replace("_", "-")


SETTINGS = (
    Setting("backend", str, "cpu", "which twin of the operations runs: cpu, cuda or reference", data=(ADDING,)),
    Setting("dtype", str, "float32", "float32 or float64", ("float32", "float64"), fixed=True, data=TASKS),
    Setting("seed", int, 0, "seed of weights, data and dropout", fixed=True, data=TASKS),
    Setting("threads", int, 0, "threads of kernels and matrix products; 0: one a core"),
    Setting("memory", str, "keep", "recompute: keep the states of few steps, at the price of one forward pass more",
            ("keep", "recompute")),
    # data
    Setting("steps", int, 100, "length T of a sequence", tasks=(ADDING,), fixed=True, data=(ADDING,)),
    Setting("data", str, None, "folder with the four idx files; without it they are downloaded once", tasks=(MNIST,),
            data=(MNIST,)),
    Setting("permuted", bool, False, "pixels in one fixed random order", tasks=(MNIST,), fixed=True,
            data=(MNIST,)),
    Setting("batches_per_epoch", int, 0, "0: all training images; the authors' logs count 1700 of 32",
            tasks=(MNIST,), fixed=True, data=(MNIST,)),
    # network
    Setting("layers", int, 2, "IndRNN layers", fixed=True),
    Setting("hidden", int, 128, "units H of each layer", fixed=True),
    Setting("batchnorm", bool, False, "batch norm after each layer", fixed=True),
    Setting("dropout", float, 0.0, "rate, one mask for all steps of a sequence", fixed=True),
    Setting("gamma", float, 2.0, "bound of the recurrent weight: |u| <= gamma^(1/T)", fixed=True),
    Setting("input_init", str, "normal", "W starts as N(0, 0.001^2) or uniform (a = 8)",
            ("normal", "kaiming"), fixed=True),
    Setting("last_init", str, "long", "how u of the last layer starts", ("long", "uniform", "symmetric", "ones"),
            fixed=True),
    # optimizer
    Setting("optimizer", str, "adam", "adam or sgd", ("adam", "sgd"), fixed=True),
    Setting("lr", float, 2e-4, "learning rate; with a schedule, its highest"),
    Setting("lr_u", float, 1.0, "learning rate of the recurrent weights u, as a share of lr"),
    Setting("tf32", bool, False, "backend cuda: matrix products in TF32, faster and with 10 bits of mantissa"),
    Setting("momentum", float, 0.0, "of sgd"),
    Setting("weight_decay", float, 0.0, "L2, on input weights only (not u, b, batch norm)"),
    Setting("clip_norm", float, 0.0, "limit of the gradient's global norm; 0: none"),
    Setting("clip_value", float, 0.0, "limit of each element of the gradient; 0: none"),
    # schedule
    Setting("schedule", str, "constant", "how the learning rate goes on",
            ("constant", "step", "plateau", "cosine", "one-cycle")),
    Setting("lr_every", int, 600_000, "step: iterations between two reductions"),
    Setting("lr_factor", float, 0.1, "step, plateau: factor of a reduction"),
    Setting("lr_minimum", float, 1e-6, "plateau: below it the run ends"),
    Setting("patience", int, 100, "plateau: validations without a new best before a reduction; halved at each"),
    Setting("warmup", int, 0, "cosine: iterations of a linear rise"),
    # the run
    Setting("iterations", int, None, "updates in the run as a whole"),
    Setting("epochs", float, None, "the same in passes through the data", tasks=FINITE),
    Setting("minutes", float, 0.0, "end after so many minutes, though iterations are left; 0: no limit"),
    Setting("batch", int, 32, "sequences in a batch"),
    Setting("validate_every", int, None, "iterations between two validations; an epoch if not set"),
    Setting("log_every", int, 100, "iterations between two lines of the log"),
    Setting("checkpoint_every", int, 1000, "iterations between two checkpoints; 0: only the best, the last"),
    Setting("evaluation_batch", int, 100, "sequences in a batch of an evaluation"),
    Setting("bn_batch", int, 0,
            "training sequences that batch norm's statistics for an evaluation come from; 0: running ones"),
)  # fmt: skip
BY_NAME = {setting.name: setting for setting in SETTINGS}
