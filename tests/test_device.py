"""Devices: new arrays, copies, and the methods of 0.1.0 that a table of operations had itself."""

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np import backend

each_backend = pytest.mark.parametrize("name", backend.backends())


@each_backend
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 2), (5,), (0, 4)])
def test_new_arrays_and_copies(name, dtype, shape):
    device = backend.get(name).device
    array = device.zeros(shape, dtype)
    assert isinstance(array, device.arrays) and isinstance(device.empty(shape, dtype), device.arrays)
    np.testing.assert_array_equal(device.to_host(array), np.zeros(shape, dtype), strict=True)
    value = np.random.default_rng(0).standard_normal(shape)
    device.assign(array, value)
    copy = device.copy(array)
    device.assign(array, np.zeros(shape))
    np.testing.assert_array_equal(device.to_host(copy), value.astype(dtype), strict=True)
    assert device.bring(copy) is copy
    device.synchronize()


@each_backend
def test_memory(name):
    device = backend.get(name).device
    free, limit = device.memory()
    assert free is None or free > 0
    assert isinstance(limit, str)
    kept = []
    assert device.peak(lambda: kept.append(device.zeros((1000, 1000), "float32"))) >= 4 * 10**6


@each_backend
def test_a_network_is_on_the_device_of_its_backend(name):
    net = ir.plain(2, 3, 1, 1, 5, backend=name)
    assert net.device is net.ops.device is backend.get(name).device
    assert isinstance(net.flat, net.device.arrays) and backend.of(net.flat).device.arrays is net.device.arrays


@pytest.mark.parametrize("name", ["cpu", "reference"])
def test_the_cpu_has_neither_tf32_nor_graphs(name):
    device = backend.get(name).device
    device.tf32(False)
    with pytest.raises(ValueError, match="tf32 is True, expected False because only backend 'cuda' has it"):
        device.tf32(True)
    with pytest.raises(ValueError, match="graph is True, expected False because only backend 'cuda' records"):
        device.graph()


@each_backend
def test_methods_of_a_table_in_0_1_0_are_its_devices(name):
    ops, value = backend.get(name), np.ones((2, 3))
    for method in ("asarray", "to_host", "bring", "copy", "empty", "zeros", "assign", "synchronize", "memory",
                   "peak", "tf32", "graph", "arrays"):  # fmt: skip
        with pytest.warns(DeprecationWarning, match=rf"\.{method} is now backend\.get\(.{name}.\)\.device\."):
            assert getattr(ops, method) == getattr(ops.device, method)
    with pytest.warns(DeprecationWarning):
        np.testing.assert_array_equal(backend.to_host(ops.asarray(value)), value)
    with pytest.raises(
        AttributeError, match=f"backend '{name}' has no operation 'nothing', known are: recurrence"
    ):
        _ = ops.nothing
