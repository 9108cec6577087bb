"""Every op through its own CUDA launcher, as PTX on the CPU: results, bits, accesses, and the lines that ran."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from entries import ENTRIES
from strategies import DTYPES

from indrnn_np import backend
from indrnn_np._cuda import arrays
from indrnn_np._cuda.launch import Kernel
from indrnn_np._gradcheck.hosted import hosted
from indrnn_np.ops.recurrence import cuda_form
from indrnn_np.ops.recurrence.activation import ACTIVATIONS
from ptx.address_width import assert_wide
from ptx.calls import EMPTY, SIZES, Call, drawn
from ptx.comparison import check, in_orders
from ptx.coverage import assert_covered
from ptx.special_calls import small_constants, special, without_some_gradients

CELLS = ("recurrence", "indrnn")
OPS = [
    op
    for op in backend.OPS
    if "cuda" in importlib.import_module(f"indrnn_np.ops.{op}").TWINS and op not in CELLS
]
PLAIN = sorted({entry.op for entry in ENTRIES.values() if "plain_cuda" in entry.leaves_out})
FORMS = (cuda_form.WIDE, *sorted({*cuda_form.FORWARD[4], *cuda_form.BACKWARD[4]}), None)
FILES = ("cuda", "kernels", "sums", "cuda_sums")  # of an op, with kernels


def kernels(op: str) -> list[Kernel]:
    """Return the kernels of an op, in every variant."""
    names = (f"indrnn_np.ops.{op}.{file}" for file in FILES)
    modules = [importlib.import_module(name) for name in names if importlib.util.find_spec(name)]
    return [kernel for module in modules if hasattr(module, "kernels") for kernel in module.kernels()]


def calls(ops: Iterable[str], **fixed: str) -> Iterator[Call]:
    """Yield the calls of every function of some ops, in both dtypes."""
    for (op, name), dtype in itertools.product(ENTRIES, DTYPES):
        if op in ops:
            options = {key: fixed[key] for key in fixed.keys() & ENTRIES[op, name].source.options.keys()}
            yield from drawn(op, name, dtype, SIZES + EMPTY, **options)
            yield from special(op, name, dtype, **options)


@pytest.mark.parametrize("op", OPS)
def test_an_op(op, monkeypatch, programs):
    for call in calls([op]):
        check(call)
    with monkeypatch.context() as patch:
        for call in calls([op]) if as_in_a_graph(op, patch) else ():
            check(call)
    if op == "embedding":
        check_unknown_symbols(monkeypatch)
    with monkeypatch.context() as patch:
        for call in calls([op]) if small_constants(op, patch) else ():
            check(call)
    assert_covered(kernels(op), programs())
    assert_wide(programs())


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_recurrence(activation, monkeypatch, programs):
    """All forms of the kernels have equal bits."""
    for call in calls(CELLS, activation=activation):
        bits = set()
        for form in FORMS:
            monkeypatch.setattr(cuda_form, "force_form", form)
            bits.add(check(call))
        assert len(bits) == 1, call
    others = [f"[{name}" for name in ACTIVATIONS if name != activation]
    own = [one for one in kernels("recurrence") if not any(name in one.name for name in others)]
    assert_covered(own, programs())
    assert_wide(programs())


@pytest.mark.parametrize("op", PLAIN)
def test_a_plain_twin(op, programs):
    for dtype, entry in itertools.product(DTYPES, ENTRIES.values()):
        if entry.op == op and "plain_cuda" in entry.leaves_out:
            left_out = entry.leaves_out["plain_cuda"]
            first = {name: values[0] for name, values in entry.source.options.items() if name in left_out}
            for call in plain_calls(op, entry.name, dtype, **first):
                arguments = {name: value for name, value in call.arguments.items() if name not in left_out}
                check(replace(call, arguments=arguments, twin="plain_cuda"))
    module = importlib.import_module(f"indrnn_np.ops.{op}.plain_cuda")
    assert_covered(module.kernels(), programs())
    assert_wide(one for one in programs() if ".func" not in one.text)  # a function has registers of its own


def plain_calls(op, name, dtype, **fixed):
    """Yield the calls of a plain twin, and those of a backward pass without one of its gradients."""
    for call in drawn(op, name, dtype, SIZES + EMPTY, **fixed):
        yield call
        if "dhT" in call.arguments:
            yield from without_some_gradients(call)


def as_in_a_graph(op, patch):
    """Let an op launch its kernels as while a graph records; return whether that changes their arguments."""
    module = importlib.import_module(f"indrnn_np.ops.{op}.cuda")
    replacements = {"numbers": numbers_in_memory, "stop_flag": flag_not_set, "no_flag": flag_not_set}
    names = [name for name in replacements if hasattr(module, name)]
    for name in names:
        patch.setattr(module, name, replacements[name])
    return bool(names)


def flag_not_set():
    """Return the stop flag of a graph, not set."""
    return arrays.asarray(np.zeros(1, np.int32))


def numbers_in_memory(function, dtype, **arguments):
    """Return what `_cuda.graph.numbers` returns while a graph records: the array counts, not the numbers."""
    values = np.array(function(**arguments), dtype)
    return *np.zeros_like(values), arrays.asarray(values)


def check_unknown_symbols(monkeypatch):
    """In a graph, which cannot report them, an unknown symbol gives a row of NaN."""
    with monkeypatch.context() as patch:
        patch.setattr(
            importlib.import_module("indrnn_np.ops.embedding.cuda"), "result", lambda array, finish: None
        )
        for call in itertools.chain(*(drawn("embedding", "forward", dtype) for dtype in DTYPES)):
            call.arguments["ids"].flat[-1] = -1
            for _ in in_orders(call):
                y = hosted("cuda").embedding.forward(**call.arguments)
                assert np.array_equal(np.isnan(y).any(axis=2), call.arguments["ids"] < 0)
