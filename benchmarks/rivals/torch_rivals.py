"""PyTorch on the CPU: the IndRNN as a loop over `unbind`, the same compiled, and its own cells of the same shape.

Of the loop two forms of the projection are tried, as MKL or oneDNN is faster by shape, and the faster one counts.
Compiled is a chunk of time that a Python loop calls: a compiled loop of T steps unrolls, and takes minutes to compile
from a few hundred steps on.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from indrnn_np.bench.cases import Case
from indrnn_np.bench.layer import Data
from indrnn_np.bench.report import figures
from indrnn_np.bench.timing import OTHER_CELL, RIVAL, Candidate, LeftOut

CHUNK = 32  # steps compiled at once, or the largest divisor of T below
CALLS = 2  # of each projection, the fastest of which counts
LONGEST = 10_000  # steps; beyond, a call of an other cell takes many seconds
PROJECTIONS = {
    "MKL": F.linear,
    "oneDNN": lambda x, W, b: F.linear(x.to_mkldnn(), W, b).to_dense(),
}
Layer = Callable[..., torch.Tensor]


def candidates(case: Case, data: Data, threads: int) -> dict[str, Candidate | LeftOut]:
    """The loop, the compiled loop, and three other cells."""
    torch.set_num_threads(threads)
    if torch.get_num_threads() != threads:
        return {"PyTorch": LeftOut(f"it uses {torch.get_num_threads()} threads, {threads} are asked for")}
    seconds = {
        name: fastest(functools.partial(loop, projection), data) for name, projection in PROJECTIONS.items()
    }
    best = min(seconds, key=lambda name: seconds[name])
    tried = ", ".join(f"{name}: {figures(1e3 * s)} ms" for name, s in seconds.items())
    note = f"projection by {best}, the faster of {tried}"
    library = mkl() if best == "MKL" else onednn()
    plain = functools.partial(loop, PROJECTIONS[best])
    return {
        "PyTorch loop": candidate(plain, data, library, note),
        "PyTorch loop, torch.compile": compiled(case, data, PROJECTIONS[best], library),
        **cells(case, data),
    }


def loop(projection: Layer, x: Any, W: Any, u: Any, b: Any, h0: Any) -> torch.Tensor:
    """One product, then two operations a step; u is expanded once, so that its gradient is summed once."""
    h, states, u = h0, [], u.expand_as(h0)
    for a_t in projection(x, W, b).unbind(0):
        h = torch.addcmul(a_t, u, h).relu_()
        states.append(h)
    return torch.stack(states)


def chunk(a: Any, u: Any, h: Any) -> torch.Tensor:
    """The steps of a chunk, to be compiled."""
    states = []
    for a_t in a.unbind(0):
        h = torch.relu(a_t + u * h)
        states.append(h)
    return torch.stack(states)


def compiled(
    case: Case, data: Data, projection: Layer, library: str, device: str = "cpu"
) -> Candidate | LeftOut:
    """The loop in compiled chunks of time."""
    if not any(shutil.which(name) for name in ("g++", "clang++", "c++")):
        return LeftOut("torch.compile needs a C++ compiler, none was found")
    size = max(k for k in range(1, CHUNK + 1) if case.T % k == 0)
    torch._dynamo.reset()
    step = torch.compile(chunk, dynamic=False)

    def layer(x: Any, W: Any, u: Any, b: Any, h0: Any) -> torch.Tensor:
        h, parts, u = h0, [], u.expand_as(h0).contiguous()
        for a in projection(x, W, b).split(size):
            parts.append(step(a, u, h))
            h = parts[-1][-1]
        return torch.cat(parts)

    start = time.perf_counter()
    passes(layer, *tensors(data, device))
    note = f"chunks of {size} steps, compiled in {time.perf_counter() - start:.0f} s"
    return candidate(layer, data, library, note, device)


def cells(case: Case, data: Data, device: str = "cpu") -> dict[str, Candidate | LeftOut]:
    """nn.RNN with relu, nn.LSTM and nn.GRU: other cells, for orientation."""
    modules = {
        "nn.RNN with relu, another cell": functools.partial(torch.nn.RNN, nonlinearity="relu"),
        "nn.LSTM, another cell": torch.nn.LSTM,
        "nn.GRU, another cell": torch.nn.GRU,
    }
    if case.T > LONGEST:
        return {name: LeftOut(f"more than {LONGEST} steps take it many seconds a call") for name in modules}
    x, dh = (torch.tensor(value, device=device) for value in (data.x, data.dh))
    x.requires_grad_()

    def run(module: torch.nn.Module, parameters: list[Any]) -> object:
        return torch.autograd.grad(module(x)[0], [x, *parameters], dh)

    found: dict[str, Candidate | LeftOut] = {}
    for name, make in modules.items():
        torch.manual_seed(0)
        module = make(case.D, case.H).to(device)
        run_it = functools.partial(run, module, list(module.parameters()))
        found[name] = Candidate(run_it, OTHER_CELL, mkl() if device == "cpu" else "cuDNN")
    return found


def candidate(layer: Layer, data: Data, library: str, note: str, device: str = "cpu") -> Candidate:
    """Both passes of an IndRNN layer."""
    arrays, gradients = tensors(data, device), functools.partial(found, layer, device=device)
    return Candidate(lambda: passes(layer, *arrays), RIVAL, library, note=note, gradients=gradients)


def passes(layer: Layer, parameters: list[Any], h0: Any, dh: Any) -> tuple[Any, Any]:
    """States, and the gradients of x, W, u and b."""
    states = layer(*parameters, h0)
    return states, torch.autograd.grad(states, parameters, dh)


def found(layer: Layer, data: Data, device: str = "cpu") -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """States and gradients as NumPy arrays."""
    states, gradients = passes(layer, *tensors(data, device))
    return states.detach().cpu().numpy(), {n: g.cpu().numpy() for n, g in zip("xWub", gradients, strict=True)}


def tensors(data: Data, device: str = "cpu") -> tuple[list[Any], Any, Any]:
    """(x, W, u, b), h0, dh as tensors of their own."""
    arrays = (data.x, data.W, data.u, data.b, data.h0, data.dh)
    *parameters, h0, dh = (torch.tensor(value, device=device) for value in arrays)
    return [parameter.requires_grad_() for parameter in parameters], h0, dh


def fastest(layer: Layer, data: Data) -> float:
    """Seconds of the fastest of a few calls, after one that is not counted."""
    arrays, seconds = tensors(data), []
    for _ in range(CALLS + 1):
        start = time.perf_counter()
        passes(layer, *arrays)
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


@functools.cache
def mkl() -> str:
    """PyTorch's BLAS, and for which CPUs it says it chose its kernels; asked of a child, as it prints that itself."""
    told = torch.__config__.show()
    name = re.search(r"BLAS_INFO=(\w+)", told)
    version = re.search(r"Math Kernel Library Version (\S+?)-", told)
    if name is None or name[1] != "mkl" or version is None:
        return f"PyTorch's {name[1] if name else 'BLAS'}, whose core is not known"
    code = "import torch; torch.mm(torch.ones(3, 3), torch.ones(3, 3))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env=os.environ | {"MKL_VERBOSE": "1"})  # fmt: skip
    core = re.search(r"architecture (.*?) processors", done.stdout)
    return f"MKL {version[1]} {core[1] if core else 'core not told'}"


def onednn() -> str:
    """oneDNN and the instructions that PyTorch found."""
    version = re.search(r"MKL-DNN v(\S+)", torch.__config__.show())
    return f"oneDNN {version[1] if version else ''} {torch.backends.cpu.get_cpu_capability()}"
