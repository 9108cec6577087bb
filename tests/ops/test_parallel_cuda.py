"""The scan over time on a GPU: in a graph, with the same report as in NumPy, and from the serial kernel's time steps.

tests/ops/test_parallel.py compares it with the serial recurrence.
"""

import numpy as np
import pytest
from strategies import REFERENCE, each_activation
from tolerances import assert_close, nan_filled

from indrnn_np import backend
from indrnn_np._cuda import graph, target
from indrnn_np._gradcheck.hosted import hosted

pytestmark = pytest.mark.skipif(not target.available(), reason="needs a GPU, or NUMBA_ENABLE_CUDASIM=1")
T, B, H, L = 30, 2, 3, 7
LENGTHS = np.array([17, T])


def problem(seed=0):
    """Arrays a, u, h0 and dh; one column has NaN, and is computed serially."""
    rng = np.random.default_rng(seed)
    a, dh = rng.standard_normal((2, T, B, H))
    a[20, 1, 2] = np.nan
    return a, np.array([1.0, -0.5, 0.9]), rng.standard_normal((B, H)), dh


def scan_of(name):
    return hosted(name).parallel("recurrence")


@each_activation
@pytest.mark.parametrize("reverse", [False, True])
def test_the_report_is_that_of_numpy(activation, reverse):
    """Backward, a NaN in h closes the gate of relu, and the identity does not read h."""
    a, u, h0, dh = problem()
    reports, results = {}, {}
    for name in ("reference", "cuda"):
        forward, backward = reports[name] = {}, {}
        options = {"activation": activation, "lengths": LENGTHS, "reverse": reverse, "chunk": L}
        h = scan_of(name).forward(a, u, h0, report=forward, **options)
        results[name] = h, *scan_of(name).backward(dh, h, u, h0, report=backward, **options)
    for found, expected in zip(reports["cuda"], reports["reference"], strict=True):
        assert found.keys() == expected.keys()
        for entry in found.keys() - {"exact columns"}:  # the GPU fuses a product and a sum
            assert found[entry] == expected[entry], entry
        assert found["serial columns"] <= found["exact columns"] <= B * H
    assert reports["cuda"][0]["serial columns"] >= 1
    for found, expected in zip(results["cuda"], results["reference"], strict=True):
        assert_close(found, expected)


def test_columns_that_have_converged_keep_their_states():
    """A column that needs all passes changes no bit of a column that needs two."""
    rng = np.random.default_rng(1)
    a, report = 0.01 * rng.standard_normal((48, 1, 2)), {}
    h = scan_of("cuda").forward(a, np.array([0.1, 2.0]), np.zeros((1, 2)), "tanh", report=report, chunk=6)
    assert report["passes"] == 4 and report["serial columns"] == 1
    first = np.ascontiguousarray(a[..., :1])
    alone = scan_of("cuda").forward(first, np.array([0.1]), np.zeros((1, 1)), "tanh", report=report, chunk=6)
    assert report["passes"] < 4 and report["serial columns"] == 0
    np.testing.assert_array_equal(h[..., :1], alone)
    assert_close(h, REFERENCE.recurrence.forward(a, np.array([0.1, 2.0]), np.zeros((1, 2)), "tanh"))


@each_activation
def test_a_graph_repeats_a_scan(activation):
    """The CPU reads nothing: the passes and the columns that are computed serially are known to the GPU only."""
    device, scan = backend.get("cuda").device, backend.get("cuda").parallel("recurrence")
    arrays = [device.asarray(array) for array in problem()]
    a, u, h0, dh = arrays
    h, da = (device.asarray(nan_filled((T + first, B, H), "float64")) for first in (1, 0))
    scan.forward(a, u, h0, activation, chunk=L)  # a block runs once before it is recorded
    recorded = graph.Graph()
    with recorded.record():
        scan.forward(a, u, h0, activation, out=h, chunk=L)
        _, du, dh0 = scan.backward(dh, h, u, activation=activation, out=da, chunk=L)
    for seed in (0, 1, 0):
        for array, values in zip(arrays, problem(seed), strict=True):
            device.assign(array, values)
        recorded.launch()
        found = [array.to_host() for array in (h, da, du, dh0)]
        again = scan.forward(a, u, h0, activation, chunk=L)
        gradients = scan.backward(dh, again, u, activation=activation, chunk=L)
        for array, expected in zip(found, (again, *gradients), strict=True):
            assert array.tobytes() == expected.to_host().tobytes()


def test_a_report_is_refused_while_a_graph_records():
    device, scan = backend.get("cuda").device, backend.get("cuda").parallel("recurrence")
    a, u, h0, _ = (device.asarray(array) for array in problem())
    scan.forward(a, u, h0, report={}, chunk=L)
    words = "an array is copied to the CPU while a graph records"
    with pytest.raises(RuntimeError, match=words), graph.Graph().record():
        scan.forward(a, u, h0, report={}, chunk=L)
