"""The emulator on small kernels with one fault each: it finds the fault, and nothing in the right twin."""

import numpy as np
import pytest

from indrnn_np._cuda.launch import kernel
from ptx import faulty_kernels as kernels
from ptx import findings, memory, settings
from ptx.faulty_kernels import ONE_LESS, N
from ptx.launching import TWO_ARRAYS, output, run, to_host

pytestmark = pytest.mark.parametrize("order", settings.ORDERS)


@pytest.fixture(autouse=True)
def set_order(order, monkeypatch):
    monkeypatch.setattr(settings, "order", order)


def x():
    return np.arange(N, dtype=np.float32)


PAIRS = {
    "missing barrier": (kernels.reverse, kernels.reverse_without_barrier, "race", 1),
    "missing second barrier": (kernels.reverse_twice, kernels.reverse_twice_with_one_barrier, "race", 1),
    "write beyond the end": (kernels.copy, kernels.copy_to_next, "bounds", 2),
    "read before the start": (kernels.copy, kernels.copy_from_previous, "bounds", 2),
    "shared array too small": (kernels.reverse, kernels.small_shared, "bounds", 1),
    "blocks write one place": (kernels.copy, kernels.write_one_place, "race", 2),
    "block reads another's result": (kernels.read_own_block, kernels.read_other_block, "race", 2),
    "uninitialised output": (kernels.copy, kernels.add_to_output, "uninitialised", 2),
    "uninitialised shared array": (kernels.reverse, kernels.partly_written_shared, "uninitialised", 1),
    "return before a barrier": (kernels.reverse, kernels.return_before_barrier, "barrier", 1),
    "two barriers": (kernels.reverse, kernels.barrier_in_both_branches, "barrier", 1),
    "endless loop": (kernels.copy, kernels.wait_for_ever, "hang", 1),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_fault_is_found_and_its_right_twin_has_none(name, monkeypatch):
    right, faulty, kind, grid = PAIRS[name]
    monkeypatch.setattr(settings, "fuel", 100_000)
    for function, expected in ((right, set()), (faulty, {kind})):
        kinds, _ = run(function, x(), output(), grid=grid, block=N // grid)
        assert expected <= kinds if expected else not kinds


@pytest.mark.parametrize("offset, expected", [(0, set()), (4, set()), (2, {"alignment"})])
def test_misaligned_addresses_are_found(offset, expected):
    whole = memory.to_device(np.zeros(N + 1, np.float32))
    kinds, _ = run(kernels.copy, memory.Array(whole.allocation, offset, (N,), "float32"), output())
    assert kinds == expected


def test_a_finding_names_the_line_the_threads_and_the_element():
    kernel(TWO_ARRAYS, "shift")(kernels.copy_to_next).launch(1, N, memory.to_device(x()), output())
    (finding,) = findings.recorded
    findings.clear()
    text = findings.describe(finding)
    assert text.startswith("bounds: shift: line ") and "st.global.f32" in text
    assert "by thread 63 of block 0, element 64 of argument 1 (64,) float32 (1 times" in text


@pytest.mark.parametrize(
    "function, place",
    [
        (kernels.small_shared, f"byte {4 * ONE_LESS} of a shared array of {4 * ONE_LESS} bytes"),
        (kernels.before_shared, "before the first shared array"),
    ],
)
def test_a_finding_names_the_byte_of_a_shared_array(function, place):
    kernel(TWO_ARRAYS, "shared")(function).launch(1, N, memory.to_device(x()), output())
    texts = [findings.describe(finding) for finding in findings.recorded if finding.kind == "bounds"]
    findings.clear()
    assert texts
    assert all(place in text for text in texts)


@pytest.mark.parametrize(
    "function, expected", [(kernels.copy, set()), (kernels.partly_written, {"uninitialised"})]
)
def test_a_copy_to_the_cpu_of_unwritten_elements_is_found(function, expected):
    kinds, (_, y) = run(function, x(), output())
    host = to_host(y)
    assert not kinds and findings.kinds() == expected
    findings.clear()
    assert np.array_equal(np.delete(host, 5), np.delete(x(), 5))


# types of arguments, launches, numbers of 8 and 16 bits


def test_other_types_than_the_signatures_are_found():
    kinds, _ = run(kernels.copy, x().astype(np.int32), output(N, np.int32))
    assert kinds == {"types"}
    kinds, _ = run(kernels.copy, x().astype(float), output(N, float), signature="real[::1], real[::1]")
    assert not kinds


@pytest.mark.parametrize("grid, block", [(1, 2048), (0, 32), ((1, 70000), 32)])
def test_launches_that_no_gpu_accepts_are_found(grid, block):
    kinds, _ = run(kernels.copy, x(), output(), grid=grid, block=block)
    assert kinds == {"launch"}


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float64"]
)
def test_numbers_of_every_size_are_loaded_and_stored(dtype):
    values = (1000 * np.linspace(-1, 1, N)).astype(np.int64).astype(dtype)
    kinds, (_, y) = run(kernels.copy, values, output(N, dtype), signature=f"{dtype}[::1], {dtype}[::1]")
    assert not kinds
    assert np.array_equal(to_host(y), values)


def test_neighbouring_bytes_are_no_race_and_a_neighbours_byte_is():
    values = np.arange(N, dtype=np.int8)
    kinds, _ = run(kernels.copy, values, output(N, np.int8), signature="int8[::1], int8[::1]")
    assert not kinds
    kinds, _ = run(kernels.neighbouring_bytes, values, values, signature="int8[::1], int8[::1]")
    assert kinds == {"race"}


def test_bytes_in_shared_memory():
    values = np.arange(N, dtype=np.int8)
    kinds, (_, y) = run(kernels.shared_bytes, values, output(N, np.int8), signature="int8[::1], int8[::1]")
    assert not kinds
    assert np.array_equal(to_host(y), values[::-1])
