"""PyTorch on a GPU: cuDNN's LSTM, and the IndRNN as a loop, as a Triton kernel and compiled; each also as a CUDA graph.

Products run without TF32, cuDNN's too. A call does not wait for the GPU.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.nn import functional as F

from indrnn_np.bench.cases import Case
from indrnn_np.bench.layer import Data
from indrnn_np.bench.timing import OTHER_CELL, Candidate

from . import torch_rivals

DEVICE = "cuda"
WARM_UP = 3  # calls before a capture, as PyTorch's documentation asks for
GRAPHS = "reduce-overhead"  # torch.compile's mode that replays CUDA graphs of its own
LSTM = "nn.LSTM, another cell"
Offer = tuple[str, Callable[[], Candidate]]


def prepare() -> str:
    """Turn TF32 off, and return the versions of PyTorch, its CUDA and cuDNN.

    Raises
    ------
    RuntimeError
        If PyTorch sees no GPU.
    """
    if DEVICE == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("PyTorch sees no GPU")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    return f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"


def synchronize() -> None:
    """Wait until the GPU has finished the work of PyTorch."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def lstm(case: Case, data: Data) -> Candidate:
    """cuDNN's LSTM of the same shape, with the gradients of x and of all parameters."""
    x, dh = (torch.tensor(value, device=DEVICE) for value in (data.x, data.dh))
    x.requires_grad_()
    torch.manual_seed(0)
    module = torch.nn.LSTM(case.D, case.H).to(DEVICE)
    parameters = [x, *module.parameters()]
    return Candidate(lambda: torch.autograd.grad(module(x)[0], parameters, dh), OTHER_CELL, "cuDNN")


def loop(case: Case, data: Data) -> Candidate:
    """One product, then two operations per time step."""
    return torch_rivals.candidate(functools.partial(torch_rivals.loop, F.linear), data, "cuBLAS", "", DEVICE)


def triton_scan(case: Case, data: Data) -> Candidate:
    """The recurrence as Triton kernels."""
    layer = importlib.import_module("rivals.triton_scan").layer
    return torch_rivals.candidate(layer, data, "cuBLAS", "", DEVICE)


def compiled(case: Case, data: Data, mode: str) -> Candidate:
    """The loop in chunks of time, compiled; torch.compile unrolls a loop, so a whole one takes minutes to compile."""
    size = max(k for k in range(1, torch_rivals.CHUNK + 1) if case.T % k == 0)
    step = torch.compile(torch_rivals.chunk, dynamic=False, mode=mode)

    def layer(x: Any, W: Any, u: Any, b: Any, h0: Any) -> torch.Tensor:
        if mode == GRAPHS:
            torch.compiler.cudagraph_mark_step_begin()
        h, states = h0, []
        for a in F.linear(x, W, b).split(size):
            states.append(step(a, u, h))
            h = states[-1][-1]
        return torch.cat(states)

    return torch_rivals.candidate(layer, data, "cuBLAS", f"chunks of {size} time steps, mode {mode}", DEVICE)


def graph_of(candidate: Candidate) -> Callable[[], Any]:
    """Return a function that replays both passes of a candidate as one CUDA graph."""
    if DEVICE != "cuda":
        return candidate.run
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            candidate.run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    # Relaxed: numba may free memory of its own meanwhile, which the other modes refuse.
    with torch.cuda.graph(graph, capture_error_mode="relaxed"):
        results = candidate.run()

    def replay() -> Any:
        graph.replay()
        return results  # whose memory belongs to the graph

    return replay


def offers(part: str, case: Case, data: Data) -> Iterator[Offer]:
    """Yield the implementations of a part of gpu.py, by name."""
    if part == "lstm":
        yield LSTM, functools.partial(lstm, case, data)
    if part == "torch_loop":
        yield "PyTorch loop", functools.partial(loop, case, data)
    if part == "triton_scan":
        yield "Triton kernels", functools.partial(triton_scan, case, data)
    if part == "torch_compiled":
        for mode in (GRAPHS, "default"):
            yield f"PyTorch loop, torch.compile {mode}", functools.partial(compiled, case, data, mode)
