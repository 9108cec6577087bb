"""indrnn_np: a framework-free engine for the Independently Recurrent Neural Network.

    h_t = φ(W x_t + u ⊙ h_{t-1} + b)            Li et al. 2018, arXiv:1803.04831

Public names are loaded at their first use (PEP 562). `import indrnn_np` therefore loads no numpy,
compiles nothing and touches no GPU, and the `indrnn` command can set the environment variables that
numpy reads when it is loaded.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from . import _renamed
from ._moved import Finder

__version__ = "0.2.0.dev0"

if TYPE_CHECKING:
    from ._cpu.environment import configure as configure
    from ._cpu.threads import set_threads as set_threads
    from ._gradcheck import GradientError as GradientError
    from ._gradcheck import check_function as check_function
    from ._gradcheck import gradcheck as gradcheck
    from ._sweep.sweep import sweep as sweep
    from .backend import backends as backends
    from .backend import get_backend as get_backend
    from .gradients.online import online as online
    from .init import recurrent_bound as recurrent_bound
    from .layers import GRU as GRU
    from .layers import LSTM as LSTM
    from .layers import RNN as RNN
    from .layers import BatchNorm as BatchNorm
    from .layers import Bidirectional as Bidirectional
    from .layers import Concat as Concat
    from .layers import Dropout as Dropout
    from .layers import Embedding as Embedding
    from .layers import IndRNN as IndRNN
    from .layers import LastStep as LastStep
    from .layers import Layer as Layer
    from .layers import LayerNorm as LayerNorm
    from .layers import Linear as Linear
    from .layers import Parameter as Parameter
    from .layers import Recurrence as Recurrence
    from .layers import Residual as Residual
    from .layers import RotatingIndRNN as RotatingIndRNN
    from .layers import Tied as Tied
    from .networks import plain as plain
    from .networks import residual as residual
    from .networks.generate import sample as sample
    from .networks.interop import import_torch as import_torch
    from .networks.sequential import Sequential as Sequential
    from .optim.clipping import clip_norm as clip_norm
    from .optim.clipping import clip_value as clip_value
    from .optim.losses import binary_cross_entropy as binary_cross_entropy
    from .optim.losses import length_mask as length_mask
    from .optim.losses import mse as mse
    from .optim.losses import softmax_cross_entropy as softmax_cross_entropy
    from .optim.optimizers import SGD as SGD
    from .optim.optimizers import Adam as Adam
    from .optim.schedules import Constant as Constant
    from .optim.schedules import Cosine as Cosine
    from .optim.schedules import OneCycle as OneCycle
    from .optim.schedules import Plateau as Plateau
    from .optim.schedules import StepDecay as StepDecay
    from .tasks import Batch as Batch
    from .tasks import Task as Task
    from .tasks.arrays import Data as Data
    from .training.checkpoint import load as load
    from .training.checkpoint import save as save
    from .training.distributed import TimeSplit as TimeSplit
    from .training.fit import fit as fit
    from .training.plan import Plan as Plan
    from .workspace import Workspace as Workspace

# The module of each public name.
_HOMES = {
    "networks.sequential": ("Sequential",),
    "networks": ("plain", "residual"),
    "workspace": ("Workspace",),
    "_cpu.environment": ("configure",),
    "_cpu.threads": ("set_threads",),
    "layers": (
        "GRU", "LSTM", "RNN", "BatchNorm", "Bidirectional", "Concat", "Dropout", "Embedding", "IndRNN",
        "LastStep", "Layer", "LayerNorm", "Linear", "Parameter", "Recurrence", "Residual",
        "RotatingIndRNN", "Tied",
    ),
    "optim.losses": ("binary_cross_entropy", "length_mask", "mse", "softmax_cross_entropy"),
    "optim.optimizers": ("Adam", "SGD"),
    "optim.clipping": ("clip_norm", "clip_value"),
    "optim.schedules": ("Constant", "Cosine", "OneCycle", "Plateau", "StepDecay"),
    "gradients.online": ("online",),
    "init": ("recurrent_bound",),
    "networks.generate": ("sample",),
    "backend": ("backends", "get_backend"),
    "_gradcheck": ("GradientError", "check_function", "gradcheck"),
    "training.distributed": ("TimeSplit",),
    "training.fit": ("fit",),
    "training.plan": ("Plan",),
    "_sweep.sweep": ("sweep",),
    "tasks.arrays": ("Data",),
    "training.checkpoint": ("load", "save"),
    "networks.interop": ("import_torch",),
    "tasks": ("Batch", "Task"),
}  # fmt: skip
# Modules that are available as ir.networks, ... without a separate import.
_PACKAGES = {name: name for name in ("export", "networks", "study")} | {"curvature": "gradients.curvature"}
_RENAMED = {"dense": "networks.dense", "Step": "StepDecay"}  # names of version 0.1.0
_HOME = {name: module for module, names in _HOMES.items() for name in names}

sys.meta_path.insert(0, Finder())

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    """Load the module of a public name, and keep the name for the next time."""
    if name in _PACKAGES:
        return importlib.import_module(f"{__name__}.{_PACKAGES[name]}")
    if name not in _HOME:
        return _renamed.attribute(__name__, name, _RENAMED)
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_PACKAGES})
