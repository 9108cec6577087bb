"""The kernels of the scan over time as PTX on the CPU: results, bits, accesses, and the lines that ran."""

import itertools

import numpy as np
import pytest
from strategies import DTYPES

from indrnn_np.ops.recurrence import parallel_cuda
from indrnn_np.ops.recurrence.activation import ACTIVATIONS
from ptx.address_width import assert_wide
from ptx.calls import BEHIND_H0, EMPTY, drawn
from ptx.comparison import check
from ptx.coverage import assert_covered
from ptx.mutants import assert_found

# (sizes, steps of a chunk): one chunk; chunks of one time step; more chunks than `carry` reads at once; chunks of
# several groups of prefetched time steps.
SIZES = (
    ({"T": 1, "B": 1, "H": 1}, 1),
    ({"T": 9, "B": 3, "H": 4}, 1),
    ({"T": 40, "B": 3, "H": 3}, 3),
    ({"T": 100, "B": 5, "H": 7}, 40),
    *((size, 2) for size in EMPTY),
)


def scans(name, dtype, sizes=SIZES, **fixed):
    """Yield the calls of a function of the scan."""
    for size, chunk in sizes:
        for call in drawn("recurrence", name, dtype, (size,), **fixed):
            yield call.as_a_scan(chunk)


def others(name, dtype, activation):
    """Yield calls in place, without a gradient, and with columns that are computed serially."""
    sizes = (({"T": 9, "B": 3, "H": 4}, 8), ({"T": 40, "B": 3, "H": 4}, 3), ({"T": 90, "B": 3, "H": 4}, 40))
    for call in scans(name, dtype, sizes, activation=activation, lengths=True):
        if call.arguments["chunk"] == 8 and name == "forward":
            yield call.changed("steep", u=np.full(4, 1e4, dtype))  # u^8 is beyond LIMIT
        if name == "forward":
            yield call.changed("in place", out=BEHIND_H0)
            yield call.changed("slow", u=np.full(4, 2, dtype), a=call.arguments["a"] / 100)  # of tanh
            yield call.changed("NaN", a=with_nan(call.arguments["a"]))
        else:
            yield call.changed("in place", out=call.arguments["dh"])
            yield call.changed("dh=None", dh=None)
            yield call.changed("dhT=None", dhT=None)
            yield call.changed("NaN", dh=with_nan(call.arguments["dh"]))
            yield call.changed("dh=None, NaN", dh=None, dhT=with_nan(call.arguments["dhT"]))


def with_nan(array):
    """Return a copy with NaN in one column (…, B, H)."""
    array = array.copy()
    array[..., 1, 2].flat[-3:] = np.nan
    return array


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_scan(activation, programs):
    for name, dtype in itertools.product(("forward", "backward"), DTYPES):
        for call in itertools.chain(
            scans(name, dtype, activation=activation), others(name, dtype, activation)
        ):
            check(call)
    names = [f"[{name}" for name in ACTIVATIONS if name != activation]
    if ACTIVATIONS[activation].limits is None:
        names.append("[clamped=True")
    else:
        names += [".guess", ".correct"]
    own = [one for one in parallel_cuda.kernels() if not any(name in one.name for name in names)]
    assert_covered(own, programs())
    assert_wide(programs())


@pytest.mark.parametrize(
    ("name", "activation"), [("forward", "relu"), ("forward", "tanh"), ("backward", "tanh")]
)
def test_every_mutant_is_found(name, activation, monkeypatch):
    """The time steps fill the groups of a chunk: a load beyond the last time step is discarded."""
    sizes = (({"T": 80, "B": 3, "H": 4}, 2), ({"T": 96, "B": 3, "H": 4}, 32))
    calls = scans(name, "float32", sizes, activation=activation, lengths=True, reverse=True)
    assert_found(calls, monkeypatch, "recurrence.scan.")
