"""PyTorch on a GPU: the loop of torch_rivals.py, plain and compiled, and cuDNN's LSTM and RNN of the same shape.

TF32 is off for all products, cuDNN's too. A call does not wait for the GPU.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import torch
from torch.nn import functional as F

from indrnn_np.bench.cases import Case
from indrnn_np.bench.layer import Data
from indrnn_np.bench.timing import Candidate, LeftOut

from . import torch_rivals

DEVICE = "cuda"
COMPILED = "PyTorch loop, torch.compile"
Offer = Callable[[], "Candidate | LeftOut"]


def versions() -> str:
    """PyTorch, its CUDA and cuDNN."""
    return f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"


def synchronize() -> None:
    """Wait until the GPU has done all that PyTorch asked of it."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def candidates(case: Case, data: Data) -> Iterator[tuple[str, Offer]]:
    """Names, and functions that give a candidate or why there is none."""
    if DEVICE == "cuda" and not torch.cuda.is_available():
        yield "PyTorch", lambda: LeftOut("it sees no GPU")
        return
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    for name, cell in torch_rivals.cells(case, data, DEVICE).items():
        yield name, functools.partial(lambda cell: cell, cell)
    plain = functools.partial(torch_rivals.loop, F.linear)
    yield "PyTorch loop", functools.partial(torch_rivals.candidate, plain, data, "cuBLAS", "", DEVICE)
    compiled = functools.partial(torch_rivals.compiled, case, data, F.linear, "cuBLAS", DEVICE)
    yield COMPILED, compiled
