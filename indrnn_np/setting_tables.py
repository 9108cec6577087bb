"""The tables behind `indrnn train`: every setting once, and what each task changes of the defaults.

This file imports no numpy: the command line reads it before the environment is set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Language models, after Li et al. 2019, arXiv:1910.06251, 5.1 and 5.3.
LANGUAGE: dict[str, Any] = {
    "gamma": 1.0, "last_init": "uniform", "input_init": "kaiming", "batchnorm": True, "bn_place": "before",
    "bn_per_step": True, "reset": 0.1, "lr": 2e-3, "schedule": "cosine", "clip_norm": 5.0, "evaluation_batch": 32,
    "bn_batch": 100,
}  # fmt: skip
# What the defaults are for each task, where they differ from those in SETTINGS.
DEFAULTS: dict[str, dict[str, Any]] = {
    "adding": {"iterations": 10_000, "batch": 50, "validate_every": 100, "lr_every": 20_000},
    "mnist": {
        "epochs": 20.0, "layers": 6, "batchnorm": True, "dropout": 0.1, "gamma": 5.0, "input_init": "kaiming",
        "weight_decay": 1e-4, "clip_value": 10.0, "bn_batch": 500,
    },
    "copying": {
        "iterations": 10_000, "batch": 50, "validate_every": 500, "batchnorm": True, "input_init": "kaiming",
        "last_init": "uniform", "lr": 2e-3, "schedule": "one-cycle", "clip_norm": 1.0,
    },
    "uea": {
        "epochs": 60.0, "batchnorm": True, "dropout": 0.2, "input_init": "kaiming",
        "lr": 2e-3, "schedule": "one-cycle",
    },
    "sequences": {"epochs": 20.0},
    "skeleton": {
        "epochs": 500.0, "steps": 20, "held_out": 0.05, "layers": 6, "hidden": 512, "batchnorm": True, "dropout": 0.25,
        "gamma": 5.0, "input_init": "kaiming", "batch": 128, "weight_decay": 1e-4, "clip_value": 10.0,
        "schedule": "plateau", "evaluation_batch": 2000, "bn_batch": 1000,
    },
    # A stream has no end: |u| <= 1. Batch norm may not look ahead, and needs windows that start anew.
    "chars": LANGUAGE | {"epochs": 10.0, "hidden": 256},
    "words": LANGUAGE | {"epochs": 40.0, "hidden": 256, "embedding": 256, "tied": True, "dropout": 0.4},
}  # fmt: skip
TASKS = tuple(DEFAULTS)
ADDING, MNIST = "adding", "mnist"
COPYING, UEA, SEQUENCES, SKELETON = "copying", "uea", "sequences", "skeleton"
HELD_OUT = (UEA, SEQUENCES, SKELETON)  # tasks that hold out a share of their training data, as told
ENDLESS = (ADDING, COPYING)  # tasks whose data has no end, so that they have no epochs
FINITE = tuple(task for task in TASKS if task not in ENDLESS)
SYMBOLS = ("chars", "words")  # tasks whose input is symbols
NUMBERS = tuple(task for task in TASKS if task not in SYMBOLS)
PLAIN, RESIDUAL, DENSE = NETWORKS = ("plain", "residual", "dense")
INDRNN = "indrnn"


@dataclass(frozen=True)
class Setting:
    """One setting. default: None means not set. tasks: those that have it. data: those whose class takes it under its
    name. fixed: part of the network or the data, so a resumed run can't change it. networks: those that use it.
    of_indrnn: only cells of that kind have it.
    """

    name: str
    kind: type
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    tasks: tuple[str, ...] = TASKS
    fixed: bool = False
    data: tuple[str, ...] = ()
    networks: tuple[str, ...] = NETWORKS
    of_indrnn: bool = False

    def default_for(self, task: str) -> Any:
        """Return the default that a task has."""
        return DEFAULTS[task].get(self.name, self.default)

    @property
    def option(self) -> str:
        """The name on the command line."""
        return "--" + self.name.replace("_", "-")


SETTINGS = (
    Setting("backend", str, "cpu", "which twin of the operations runs: cpu, cuda or reference", data=(ADDING,)),
    Setting("dtype", str, "float32", "float32 or float64", ("float32", "float64"), fixed=True, data=NUMBERS),
    Setting("seed", int, 0, "seed of weights, data and dropout", fixed=True, data=TASKS),
    Setting("threads", int, 0, "threads of kernels and matrix products; 0: one a core"),
    Setting("memory", str, "keep", "recompute: keep the states of few steps, at the price of one forward pass more",
            ("keep", "recompute")),
    # data
    Setting("steps", int, 100, "length T of a sequence, or of a text's windows", tasks=(ADDING, SKELETON, *SYMBOLS),
            fixed=True, data=(ADDING, SKELETON, *SYMBOLS)),
    Setting("reset", float, 0.0, "share of the windows that start with no state (docs/language.md)", tasks=SYMBOLS,
            fixed=True, data=SYMBOLS),
    Setting("delay", int, 100, "steps from the last symbol to the marker", tasks=(COPYING,), fixed=True,
            data=(COPYING,)),
    Setting("data", str, None, "file or folder of the data (docs/tasks.md); mnist: downloaded once without it",
            tasks=(MNIST, *HELD_OUT, *SYMBOLS), data=(MNIST, *HELD_OUT, *SYMBOLS)),
    Setting("name", str, None, "of the files NAME_TRAIN.ts and NAME_TEST.ts; not needed if there is one pair",
            tasks=(UEA,), fixed=True, data=(UEA,)),
    Setting("held_out", float, 0.0, "share of the training samples kept for validation; 0: none", tasks=HELD_OUT,
            fixed=True, data=HELD_OUT),
    Setting("standardise", bool, True, "each channel to mean 0 and standard deviation 1 in training", tasks=(UEA,),
            fixed=True, data=(UEA,)),
    Setting("protocol", str, "cs", "cross-subject or cross-view", ("cs", "cv"), tasks=(SKELETON,), fixed=True,
            data=(SKELETON,)),
    Setting("exclude", str, None, "text file with the names of samples to leave out", tasks=(SKELETON,),
            data=(SKELETON,)),
    Setting("cache", str, None, "npz file to keep the arrays of a folder in, made the first time", tasks=(SKELETON,),
            data=(SKELETON,)),
    Setting("samplings", int, 20, "random drawings of frames whose scores are summed in a test", tasks=(SKELETON,),
            data=(SKELETON,)),
    Setting("permuted", bool, False, "pixels in one fixed random order", tasks=(MNIST,), fixed=True,
            data=(MNIST,)),
    Setting("batches_per_epoch", int, 0, "0: all training images; the authors' logs count 1700 of 32",
            tasks=(MNIST,), fixed=True, data=(MNIST,)),
    # network
    Setting("network", str, PLAIN, "plain stack, residual or dense blocks (docs/networks.md)", NETWORKS, fixed=True),
    Setting("cell", str, INDRNN, "recurrent layers: IndRNNs, or what they are compared with",
            (INDRNN, "rnn-tanh", "rnn-relu", "irnn", "lstm", "gru"), fixed=True, networks=(PLAIN,)),
    Setting("layers", int, 2, "recurrent layers", fixed=True, networks=(PLAIN,)),
    Setting("blocks", int, 5, "blocks of two recurrent layers each", fixed=True, networks=(RESIDUAL,)),
    Setting("growth", int, 16, "neurons k that each dense layer adds", fixed=True, networks=(DENSE,)),
    Setting("hidden", int, 128, "units H of each layer", fixed=True, networks=(PLAIN, RESIDUAL)),
    Setting("batchnorm", bool, False, "batch norm in each layer", fixed=True),
    Setting("bn_place", str, "after", "batch norm after the recurrence or before it", ("after", "before"), fixed=True),
    Setting("bn_per_step", bool, False, "batch norm's statistics for each step by itself", fixed=True),
    Setting("dropout", float, 0.0, "rate, one mask for all steps of a sequence", fixed=True),
    Setting("bn_positions", int, None, "rows of these statistics in a stream; T if not set (the authors: 4 T + 1)",
            tasks=SYMBOLS, fixed=True),
    Setting("dropout_places", str, None, "other rates by place, such as last=0.3,dense=0.2 (docs/networks.md)",
            fixed=True),
    Setting("embedding", int, 128, "numbers of a symbol's row", tasks=SYMBOLS, fixed=True),
    Setting("embedding_dropout", float, 0.0, "share of the rows that is dropped in each batch", tasks=SYMBOLS,
            fixed=True),
    Setting("tied", bool, False, "the read-out's weights are the embedding's", tasks=SYMBOLS, fixed=True),
    Setting("constrain", bool, True, "keep the recurrent weight within its bound", fixed=True, of_indrnn=True),
    Setting("gamma", float, 2.0, "bound of the recurrent weight: |u| <= gamma^(1/T)", fixed=True, of_indrnn=True),
    Setting("input_init", str, "normal", "W starts as N(0, 0.001^2) or uniform (a = 8)",
            ("normal", "kaiming"), fixed=True, of_indrnn=True),
    Setting("last_init", str, "long", "how u of the last layer starts", ("long", "uniform", "symmetric", "ones"),
            fixed=True, of_indrnn=True),
    # optimizer
    Setting("optimizer", str, "adam", "adam or sgd", ("adam", "sgd"), fixed=True),
    Setting("lr", float, 2e-4, "learning rate; with a schedule, its highest"),
    Setting("lr_u", float, 1.0, "learning rate of the recurrent weights u, as a share of lr"),
    Setting("tf32", bool, False, "backend cuda: matrix products in TF32, faster and with 10 bits of mantissa"),
    Setting("graph", bool, False, "backend cuda: launch an iteration as CUDA graphs (docs/cuda.md)"),
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
