"""The kernels of the scan over time as PTX on the CPU: results, bits, accesses, and the lines that ran."""

import itertools

import numpy as np
import pytest
from strategies import DTYPES

from indrnn_np.ops.recurrence import parallel_cuda, single_pass
from indrnn_np.ops.recurrence.activation import ACTIVATIONS
from ptx import findings, settings
from ptx.address_width import assert_wide
from ptx.calls import BEHIND_H0, EMPTY, drawn
from ptx.comparison import check
from ptx.coverage import assert_covered
from ptx.mutants import assert_found

# (sizes, steps of a chunk): one chunk; chunks of one time step; more chunks than `carry` reads at once; chunks of
# several groups of prefetched time steps; more columns than a block of a single pass has threads.
SIZES = (
    ({"T": 1, "B": 1, "H": 1}, 1),
    ({"T": 9, "B": 3, "H": 4}, 1),
    ({"T": 40, "B": 3, "H": 3}, 3),
    ({"T": 100, "B": 5, "H": 7}, 40),
    ({"T": 20, "B": 3, "H": 13}, 4),
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


@pytest.fixture(params=[False, True], ids=["three launches", "single pass"])
def single(request, monkeypatch):
    """Whether a launch or two take the place of three."""
    monkeypatch.setattr(single_pass, "force", request.param)
    return request.param


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_scan(activation, single, programs):
    names = ("forward", "backward") if ACTIVATIONS[activation].limits or not single else ("backward",)
    for name, dtype in itertools.product(names, DTYPES):
        for call in itertools.chain(
            scans(name, dtype, activation=activation), others(name, dtype, activation)
        ):
            check(call)
    others_names = [f"[{name}" for name in ACTIVATIONS if name != activation]
    if ACTIVATIONS[activation].limits is None:
        others_names.append("[clamped=True")
    else:
        others_names += [".guess", ".correct"]
    kernels = [one for one in parallel_cuda.kernels() if ("single_pass" in one.name) == single]
    assert_covered((one for one in kernels if not any(name in one.name for name in others_names)), programs())
    assert_wide(programs())


@pytest.mark.parametrize("name", ["forward", "backward"])
@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_a_single_pass_has_the_bits_of_three_launches(activation, name, monkeypatch):
    monkeypatch.setattr(settings, "seed", 2)
    for dtype in DTYPES:
        for call in scans(name, dtype, SIZES[2:5], activation=activation, lengths=True):
            results, reports = [], []
            for single_pass.force in (True, False):
                results.append(call.run("cuda"))
                reports.append(call.arguments["report"].copy())
            assert reports[0] == reports[1]
            assert [part.tobytes() for part in results[0]] == [part.tobytes() for part in results[1]]
    assert not findings.recorded


@pytest.mark.parametrize(
    ("name", "activation"), [("forward", "relu"), ("forward", "tanh"), ("backward", "tanh")]
)
def test_every_mutant_is_found(name, activation, single, monkeypatch):
    """The time steps fill the groups of a chunk: a load beyond the last time step is discarded."""
    if single and name == "forward" and activation == "tanh":
        pytest.skip("Newton's method has no single pass")
    sizes = (({"T": 80, "B": 3, "H": 4}, 2), ({"T": 96, "B": 3, "H": 4}, 32))
    calls = list(scans(name, "float32", sizes, activation=activation, lengths=True, reverse=True))
    if single:
        calls.append(
            calls[1].changed("steep", u=np.full(4, 1e4, "float32"))
        )  # a chunk waits for the replay of another
    assert_found(calls, monkeypatch, "recurrence.scan.")
