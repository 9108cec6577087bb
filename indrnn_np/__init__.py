"""indrnn_np: a framework-free engine for the Independently Recurrent Neural Network.

    h_t = φ(W x_t + u ⊙ h_{t-1} + b)            Li et al. 2018, arXiv:1803.04831

Public names are looked up when they are first asked for (PEP 562). So `import indrnn_np` loads no numpy, compiles
nothing and touches no GPU, and the `indrnn` command can still choose what numpy reads from the environment when
it is loaded.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ._threads import set_threads as set_threads
    from .backend import backends as backends
    from .checkpoint import load as load
    from .checkpoint import save as save
    from .generate import sample as sample
    from .gradcheck import GradientError as GradientError
    from .gradcheck import check_function as check_function
    from .gradcheck import gradcheck as gradcheck
    from .init import recurrent_bound as recurrent_bound
    from .interop import import_torch as import_torch
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
    from .layers import LayerNorm as LayerNorm
    from .layers import Linear as Linear
    from .layers import Recurrence as Recurrence
    from .layers import Residual as Residual
    from .layers import Tied as Tied
    from .losses import length_mask as length_mask
    from .losses import mse as mse
    from .losses import softmax_cross_entropy as softmax_cross_entropy
    from .networks import dense as dense
    from .networks import plain as plain
    from .networks import residual as residual
    from .optim import SGD as SGD
    from .optim import Adam as Adam
    from .optim import clip_norm as clip_norm
    from .optim import clip_value as clip_value
    from .schedules import Constant as Constant
    from .schedules import Cosine as Cosine
    from .schedules import OneCycle as OneCycle
    from .schedules import Plateau as Plateau
    from .schedules import Step as Step
    from .sequential import Sequential as Sequential
    from .train import fit as fit
    from .workspace import Workspace as Workspace

# The module of each public name.
_HOMES = {
    "sequential": ("Sequential",),
    "networks": ("dense", "plain", "residual"),
    "workspace": ("Workspace",),
    "_threads": ("set_threads",),
    "layers": (
        "GRU", "LSTM", "RNN", "BatchNorm", "Bidirectional", "Concat", "Dropout", "Embedding", "IndRNN",
        "LastStep", "LayerNorm", "Linear", "Recurrence", "Residual", "Tied",
    ),
    "losses": ("length_mask", "mse", "softmax_cross_entropy"),
    "optim": ("Adam", "SGD", "clip_norm", "clip_value"),
    "schedules": ("Constant", "Cosine", "OneCycle", "Plateau", "Step"),
    "init": ("recurrent_bound",),
    "generate": ("sample",),
    "backend": ("backends",),
    "gradcheck": ("GradientError", "check_function", "gradcheck"),
    "train": ("fit",),
    "checkpoint": ("load", "save"),
    "interop": ("import_torch",),
}  # fmt: skip
_PACKAGES = ("study",)  # reached as ir.study, also without an import of its own
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    """Load the module of a public name, and keep the name for the next time."""
    if name in _PACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_PACKAGES})


class _Package(ModuleType):
    """A package whose public names are not covered by submodules of the same name.

    After loading a submodule Python binds it to an attribute of the package. For `gradcheck`, function and file, that
    would make `indrnn_np.gradcheck` the one or the other by the order of imports. It is always the function;
    `from indrnn_np.gradcheck import ...` reaches what else the file holds.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (isinstance(value, ModuleType) and name in _HOME):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
