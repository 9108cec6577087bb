"""The table of all settings of `indrnn train`. defaults.py holds the defaults that differ between tasks.

This module does not import numpy: the command line loads it before it sets environment variables.
"""

from __future__ import annotations

import math
import numbers
import sys
from dataclasses import dataclass
from typing import Any

from .defaults import DEFAULTS, PRESETS

TASKS = tuple(DEFAULTS)
ADDING, MNIST = "adding", "mnist"
COPYING, UEA, SEQUENCES, SKELETON = "copying", "uea", "sequences", "skeleton"
HELD_OUT = (MNIST, UEA, SEQUENCES, SKELETON)  # tasks that take --held-out
ENDLESS = (ADDING, COPYING)  # tasks with unlimited data, hence without epochs
FINITE = tuple(task for task in TASKS if task not in ENDLESS)
LABELLED = tuple(task for task in TASKS if task != ADDING)  # tasks with classes; sequences may have values
SYMBOLS = ("chars", "words")  # tasks whose input is symbols
PLAIN, RESIDUAL, DENSE = NETWORKS = ("plain", "residual", "dense")
INDRNN, ROTATING = "indrnn", "rotating"
CELLS = (INDRNN, "rnn-tanh", "rnn-relu", "irnn", "lstm", "gru", ROTATING)
# Largest number of layers or of blocks; building them takes seconds, and the papers have up to 41 layers.
MOST_LAYERS = 10_000


@dataclass(frozen=True)
class Setting:
    """A setting of `indrnn train`.

    Attributes
    ----------
    default : value or None
        None: not set.
    tasks, networks, cells : tuple of str
        The tasks that have the setting, and the networks and cells that use it.
    fixed : bool
        Whether it is part of the network or the data, so that a resumed run cannot change it.
    least, above, below : int, bool, float
        Range of a number: at least `least` (with `above`: greater than `least`) and less than
        `below`.
    """

    name: str
    kind: type
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    tasks: tuple[str, ...] = TASKS
    fixed: bool = False
    networks: tuple[str, ...] = NETWORKS
    cells: tuple[str, ...] = CELLS
    least: int = 0
    above: bool = False
    below: float = math.inf

    def default_for(self, task: str) -> Any:
        """Return the default for a task."""
        return DEFAULTS[task].get(self.name, self.default)

    @property
    def option(self) -> str:
        """The name on the command line."""
        return "--" + self.name.replace("_", "-")


SETTINGS = (
    Setting("backend", str, "cpu", "twin of the operations: cpu, cuda or reference"),
    Setting("dtype", str, "float32", "float32 or float64", ("float32", "float64"), fixed=True),
    Setting("seed", int, 0, "seed of weights, data and dropout", fixed=True, below=2**64),
    Setting("threads", int, 0, "threads of kernels and products; 0: one per core", below=2**16),
    Setting("memory", str, "keep", "recompute: store few states, at the cost of another forward pass",
            ("keep", "recompute")),
    Setting("gradients", str, "bptt", "online: forward in time, in memory that does not depend on T",
            ("bptt", "online")),
    Setting("rule", str, "exact", "rule of online gradients; the last two are approximate",
            ("exact", "traces", "depth-only")),
    Setting("update_every", int, 0, "online: steps between updates; 0: one at the end of a sequence", fixed=True),
    Setting("preset", str, None, "a recipe in place of the defaults (docs/records.md)",
            tasks=tuple(PRESETS), fixed=True),
    # data
    Setting("steps", int, 100, "length T of a sequence, or of a text's windows", tasks=(ADDING, SKELETON, *SYMBOLS),
            fixed=True, least=1),
    Setting("reset", float, 0.0, "share of windows that start from the initial state (docs/language.md)",
            tasks=SYMBOLS, fixed=True),
    Setting("delay", int, 100, "steps from the last symbol to the marker", tasks=(COPYING,), fixed=True, least=1),
    Setting("data", str, None, "file or folder of the data; mnist downloads its own",
            tasks=(*HELD_OUT, *SYMBOLS)),
    Setting("name", str, None, "name of the data in a folder with several",
            tasks=(MNIST, UEA), fixed=True),
    Setting("held_out", float, 0.0, "share of training samples for validation",
            tasks=HELD_OUT, fixed=True, below=1),
    Setting("standardise", bool, True, "scale each channel to mean 0 and deviation 1",
            tasks=HELD_OUT, fixed=True),
    Setting("jitter", float, 0.0, "deviation of noise on the inputs of training samples", tasks=HELD_OUT, fixed=True),
    Setting("crop", float, 1.0, "share of the time steps of a training sample: a window at a random place",
            tasks=HELD_OUT, fixed=True, above=True),
    Setting("missing", str, "refuse", "missing values (?, NaN): refused, interpolated, or zero (docs/tasks.md)",
            ("refuse", "linear", "zero"), tasks=(UEA,), fixed=True),
    Setting("protocol", str, None, "cross-subject (if not set) or cross-view", ("cs", "cv"), tasks=(SKELETON,),
            fixed=True),
    Setting("exclude", str, None, "text file with the names of samples to leave out", tasks=(SKELETON,)),
    Setting("cache", str, None, "npz file for the arrays of a folder; the first run writes it", tasks=(SKELETON,)),
    Setting("samplings", int, 20, "drawings of frames whose scores are summed for a test sample", tasks=(SKELETON,),
            least=1),
    Setting("permuted", bool, False, "read the pixels in a fixed random order", tasks=(MNIST,), fixed=True),
    Setting("batches_per_epoch", int, 0, "0: all training images; the authors' logs count 1700 of 32", tasks=(MNIST,),
            fixed=True),
    # network
    Setting("network", str, PLAIN, "plain stack, residual or dense blocks (docs/networks.md)", NETWORKS, fixed=True),
    Setting("cell", str, INDRNN, "cell of the recurrent layers", CELLS, fixed=True, networks=(PLAIN,)),
    Setting("layers", int, 2, "recurrent layers", fixed=True, networks=(PLAIN,), least=1, below=MOST_LAYERS + 1),
    Setting("blocks", int, 5, "blocks of two recurrent layers each", fixed=True, networks=(RESIDUAL,), least=1,
            below=MOST_LAYERS + 1),
    Setting("growth", int, 16, "neurons k that each dense layer adds", fixed=True, networks=(DENSE,), least=1),
    Setting("hidden", int, 128, "units H of each layer", fixed=True, networks=(PLAIN, RESIDUAL), least=1),
    Setting("batchnorm", bool, False, "batch norm in each layer", fixed=True),
    Setting("layernorm", bool, False, "layer norm in place of batch norm", fixed=True),
    Setting("norm_place", str, "after", "place of the norm: after the recurrence or before it", ("after", "before"),
            fixed=True),
    Setting("per_step", bool, False, "separate batch norm statistics for each time step", fixed=True),
    Setting("dropout", float, 0.0, "rate; the time steps of a sequence share a mask", fixed=True, below=1),
    Setting("positions", int, None, "steps with such statistics in a stream; T if not set (the authors: 4 T + 1)",
            tasks=SYMBOLS, fixed=True, least=1),
    Setting("dropout_places", str, None, "dropout rates by place, such as last=0.3,dense=0.2 (docs/networks.md)",
            fixed=True),
    Setting("embedding", int, 128, "width of the embedding", tasks=SYMBOLS, fixed=True, least=1),
    Setting("embedding_dropout", float, 0.0, "share of its rows dropped in each batch", tasks=SYMBOLS, fixed=True,
            below=1),
    Setting("tied", bool, False, "share the weights of embedding and read-out", tasks=SYMBOLS, fixed=True),
    Setting("time", str, "serial", "recurrence step by step, as a scan over time, or the faster one by a table",
            ("serial", "parallel", "auto"), fixed=True, cells=(INDRNN,)),
    Setting("time_table", str, None, "JSON file that replaces the table of --time auto (docs/networks.md)", fixed=True,
            cells=(INDRNN,)),
    Setting("constrain", bool, True, "keep the recurrent weight within its bound", fixed=True, cells=(INDRNN,)),
    Setting("u_form", str, "projected", "how |u| is bounded: by a projection, or as u = bound * exp(-exp(nu))",
            ("projected", "exp"), fixed=True, cells=(INDRNN,)),
    Setting("gamma", float, 2.0, "bound of the recurrent weight: |u| <= gamma^(1/T)", fixed=True, cells=(INDRNN,),
            above=True),
    Setting("input_init", str, "normal", "initialiser of W: N(0, 0.001^2) or uniform (a = 8)", ("normal", "kaiming"),
            fixed=True, cells=(INDRNN,)),
    Setting("last_init", str, "long", "initialiser of u in the last layer", ("long", "uniform", "symmetric", "ones"),
            fixed=True, cells=(INDRNN,)),
    # optimizer
    Setting("optimizer", str, "adam", "update rule", ("adam", "sgd"), fixed=True),
    Setting("lr", float, 2e-4, "learning rate; the maximum of a schedule", above=True),
    Setting("lr_u", float, 1.0, "learning rate of u (exp: nu; rotating: nu, theta), as a share of lr",
            cells=(INDRNN, ROTATING)),
    Setting("tf32", bool, False, "backend cuda: matrix products in TF32, faster and with 10 bits of mantissa"),
    Setting("graph", bool, False, "backend cuda: launch an iteration as CUDA graphs (docs/cuda.md)"),
    Setting("momentum", float, 0.0, "momentum of sgd", below=1),
    Setting("weight_decay", float, 0.0, "L2 on input weights (not u, b, batch norm)"),
    Setting("clip_norm", float, 0.0, "limit of the gradient's global norm; 0: no limit"),
    Setting("clip_value", float, 0.0, "limit of each element of the gradient; 0: no limit"),
    Setting("class_weights", str, None, "training loss: balanced, or a number for each class such as 1,2.5",
            tasks=LABELLED),
    Setting("label_smoothing", float, 0.0, "training loss: share of a target that spreads over all classes",
            tasks=LABELLED, below=1),
    # schedule
    Setting("schedule", str, "constant", "schedule of the learning rate",
            ("constant", "step", "plateau", "cosine", "one-cycle")),
    Setting("lr_every", int, 600_000, "step: iterations between two reductions", least=1),
    Setting("lr_factor", float, 0.1, "step, plateau: factor of a reduction", above=True),
    Setting("lr_minimum", float, 1e-6, "plateau: the run ends below this learning rate"),
    Setting("lr_patience", int, 100, "plateau: validations without a new best before a reduction; then halved",
            least=1),
    Setting("warmup", int, 0, "cosine: iterations of linear warm-up"),
    # the run
    Setting("iterations", int, None, "iterations of the whole run", least=1),
    Setting("epochs", float, None, "length of the run in passes through the data", tasks=FINITE, above=True),
    Setting("least_iterations", int, 0, "least length of a run by default epochs",
            tasks=(UEA, SEQUENCES, SKELETON)),
    Setting("minutes", float, 0.0, "length of the run; a limit beside iterations"),
    Setting("patience", int, 0, "end after N validations without a new best; keep it"),
    Setting("batch", int, 32, "sequences in a batch", least=1),
    Setting("sync_bn", bool, False, "batch norm over the shards of all ranks of mpiexec, one shard each"),
    Setting("shards", int, 1, "parts of a batch whose gradients are added; by default one a rank of mpiexec", least=1),
    Setting("validate_every", int, None, "iterations between two validations; an epoch if not set"),
    Setting("log_every", int, 100, "iterations between two lines of the log", least=1),
    Setting("checkpoint_every", int, 1000, "iterations between two checkpoints; 0: only the best and the last"),
    Setting("evaluation_batch", int, 100, "sequences in an evaluation batch", least=1),
    Setting("evaluation_size", int, 1000, "sequences in a validation or test set", tasks=ENDLESS, least=1),
    Setting("bn_batch", int, 0,
            "training sequences for batch norm's statistics in an evaluation; 0: running statistics"),
)  # fmt: skip
BY_NAME = {setting.name: setting for setting in SETTINGS}


def number(where: str, name: str, value: Any) -> Any:
    """Return a number as a Python int or float after checking its range, other values unchanged.

    The command line, TOML files and `fit` use this function.
    """
    setting = BY_NAME.get(name)
    if setting is None or value is None or setting.kind not in (int, float):
        return value
    whole = setting.kind is int
    below = min(setting.below, 2**63 if whole and name != "seed" else setting.below)
    right = isinstance(value, numbers.Integral if whole else numbers.Real) and not isinstance(value, bool)
    low = right and (value > setting.least if setting.above else value >= setting.least)
    if not (low and value < below and (whole or not isinstance(value, int) or value <= sys.float_info.max)):
        expected = f"a {'whole' if whole else 'finite'} number "
        expected += f"{'above' if setting.above else 'of at least'} {setting.least}"
        most = "" if setting.below == math.inf else f" and below {setting.below}"
        shown = repr(value) if len(repr(value)) < 40 else f"{repr(value)[:40]}..."
        raise ValueError(f"{where}: {name} is {shown}, expected {expected}{most}")
    return setting.kind(value)
