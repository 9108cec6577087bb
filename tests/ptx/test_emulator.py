"""The emulator on small kernels with one fault each: it finds the fault, and nothing in the right twin."""

import math

import numpy as np
import pytest

from indrnn_np._cuda.launch import kernel
from indrnn_np._cuda.target import cuda
from ptx import findings, memory, settings

pytestmark = pytest.mark.parametrize("order", settings.ORDERS)
TWO = "float32[::1], float32[::1]"
N = 64
ONE_LESS = N - 1


@pytest.fixture(autouse=True)
def set_order(order, monkeypatch):
    monkeypatch.setattr(settings, "order", order)


def run(function, *arguments, signature=TWO, grid=1, block=N):
    """Launch a function of one thread on arrays; return the kinds of findings and the arrays' contents."""
    arrays = [memory.to_device(a) if isinstance(a, np.ndarray) else a for a in arguments]
    kernel(signature, function.__qualname__)(function).launch(grid, block, *arrays)
    kinds = findings.kinds()
    findings.clear()
    return kinds, arrays


def output(size=N, dtype=np.float32):
    """An uninitialised array."""
    return memory.device_array(size, dtype)


def x():
    return np.arange(N, dtype=np.float32)


# the kernels: (right, faulty, kind of finding)


def reverse(x, y):
    shared, t = cuda.shared.array(N, np.float32), cuda.threadIdx.x
    shared[t] = x[t]
    cuda.syncthreads()
    y[t] = shared[N - 1 - t]


def reverse_without_barrier(x, y):
    shared, t = cuda.shared.array(N, np.float32), cuda.threadIdx.x
    shared[t] = x[t]
    y[t] = shared[t ^ 1]  # of a neighbour in the same warp


def reverse_twice(x, y):
    shared, t = cuda.shared.array(N, np.float32), cuda.threadIdx.x
    for k in range(2):
        shared[t] = x[t] + k
        cuda.syncthreads()
        y[t] = shared[N - 1 - t]
        cuda.syncthreads()


def reverse_twice_with_one_barrier(x, y):
    shared, t = cuda.shared.array(N, np.float32), cuda.threadIdx.x
    for k in range(2):
        shared[t] = x[t] + k
        cuda.syncthreads()
        y[t] = shared[N - 1 - t]


def copy(x, y):
    t = cuda.grid(1)
    y[t] = x[t]


def copy_to_next(x, y):
    t = cuda.grid(1)
    y[t + 1] = x[t]


def copy_from_previous(x, y):
    t = cuda.grid(1)
    y[t] = x[np.uint64(t - 1)]


def write_one_place(x, y):
    t = cuda.grid(1)
    y[t % 32] = x[t]


def read_other_block(x, y):
    t = cuda.grid(1)
    x[t] = 1
    y[t] = x[(t + 32) % 64]


def read_own_block(x, y):
    t = cuda.grid(1)
    x[t] = 1
    cuda.syncthreads()
    y[t] = x[t ^ 1]


def add_to_output(x, y):
    t = cuda.grid(1)
    y[t] += x[t]


def small_shared(x, y):
    shared, t = cuda.shared.array(ONE_LESS, np.float32), cuda.threadIdx.x
    shared[t] = x[t]
    cuda.syncthreads()
    y[t] = shared[t]


def partly_written_shared(x, y):
    shared, t = cuda.shared.array(N, np.float32), cuda.threadIdx.x
    if t != 5:
        shared[t] = x[t]
    cuda.syncthreads()
    y[t] = shared[N - 1 - t]


def return_before_barrier(x, y):
    t = cuda.threadIdx.x
    if t > 40:
        return
    cuda.syncthreads()
    y[t] = x[t]


def barrier_in_both_branches(x, y):
    t = cuda.threadIdx.x
    if t < 32:
        cuda.syncthreads()
        y[t] = x[t]
    else:
        cuda.syncthreads()
        y[t] = 2 * x[t]


def wait_for_ever(x, y):
    t = cuda.grid(1)
    while x[t] >= 0:
        y[t] = x[t]


PAIRS = {
    "missing barrier": (reverse, reverse_without_barrier, "race", 1),
    "missing second barrier": (reverse_twice, reverse_twice_with_one_barrier, "race", 1),
    "write beyond the end": (copy, copy_to_next, "bounds", 2),
    "read before the start": (copy, copy_from_previous, "bounds", 2),
    "shared array too small": (reverse, small_shared, "bounds", 1),
    "blocks write one place": (copy, write_one_place, "race", 2),
    "block reads another's result": (read_own_block, read_other_block, "race", 2),
    "uninitialised output": (copy, add_to_output, "uninitialised", 2),
    "uninitialised shared array": (reverse, partly_written_shared, "uninitialised", 1),
    "return before a barrier": (reverse, return_before_barrier, "barrier", 1),
    "two barriers": (reverse, barrier_in_both_branches, "barrier", 1),
    "endless loop": (copy, wait_for_ever, "hang", 1),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_fault_is_found_and_its_right_twin_has_none(name, monkeypatch):
    right, faulty, kind, grid = PAIRS[name]
    monkeypatch.setattr(settings, "fuel", 100_000)
    for function, expected in ((right, set()), (faulty, {kind})):
        kinds, _ = run(function, x(), output(), grid=grid, block=N // grid)
        assert expected <= kinds if expected else not kinds


def test_a_finding_names_the_line_the_threads_and_the_element():
    kernel(TWO, "shift")(copy_to_next).launch(1, N, memory.to_device(x()), output())
    (finding,) = findings.recorded
    findings.clear()
    text = findings.describe(finding)
    assert text.startswith("bounds: shift: line ") and "st.global.f32" in text
    assert "by thread 63 of block 0, element 64 of argument 1 (64,) float32 (1 times" in text


def partly_written(x, y):
    t = cuda.grid(1)
    if t != 5:
        y[t] = x[t]


@pytest.mark.parametrize("function, expected", [(copy, set()), (partly_written, {"uninitialised"})])
def test_a_copy_to_the_cpu_of_unwritten_elements_is_found(function, expected):
    kinds, (_, y) = run(function, x(), output())
    host = y.copy_to_host(np.empty(N, np.float32))
    assert not kinds and findings.kinds() == expected
    findings.clear()
    assert np.array_equal(np.delete(host, 5), np.delete(x(), 5))


# types of arguments, launches, numbers of 8 and 16 bits


def test_other_types_than_the_signatures_are_found():
    kinds, _ = run(copy, x().astype(np.int32), output(N, np.int32), signature="float32[::1], float32[::1]")
    assert kinds == {"types"}
    kinds, _ = run(copy, x().astype(float), output(N, float), signature="real[::1], real[::1]")
    assert not kinds


@pytest.mark.parametrize("grid, block", [(1, 2048), (0, 32), ((1, 70000), 32)])
def test_launches_that_no_gpu_accepts_are_found(grid, block):
    kinds, _ = run(copy, x(), output(), grid=grid, block=block)
    assert kinds == {"launch"}


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float64"]
)
def test_numbers_of_every_size_are_loaded_and_stored(dtype):
    values = (1000 * np.linspace(-1, 1, N)).astype(np.int64).astype(dtype)
    kinds, (_, y) = run(copy, values, output(N, dtype), signature=f"{dtype}[::1], {dtype}[::1]")
    assert not kinds
    assert np.array_equal(y.copy_to_host(np.empty(N, dtype)), values)


def neighbouring_bytes(x, y):
    t = cuda.grid(1)
    y[t] += x[t]
    x[t] = y[t ^ 1]


def test_neighbouring_bytes_are_no_race_and_a_neighbours_byte_is():
    values = np.arange(N, dtype=np.int8)
    kinds, _ = run(copy, values, output(N, np.int8), signature="int8[::1], int8[::1]")
    assert not kinds
    kinds, _ = run(neighbouring_bytes, values, values, signature="int8[::1], int8[::1]")
    assert kinds == {"race"}


def shared_bytes(x, y):
    shared, t = cuda.shared.array(N, np.int8), cuda.threadIdx.x
    shared[t] = x[t]
    cuda.syncthreads()
    y[t] = shared[N - 1 - t]


def test_bytes_in_shared_memory():
    values = np.arange(N, dtype=np.int8)
    kinds, (_, y) = run(shared_bytes, values, output(N, np.int8), signature="int8[::1], int8[::1]")
    assert not kinds
    assert np.array_equal(y.copy_to_host(np.empty(N, np.int8)), values[::-1])


# arithmetic


def functions(x, y):
    i = cuda.grid(1)
    y[5 * i], y[5 * i + 1], y[5 * i + 2] = math.exp(x[i]), math.tanh(x[i]), math.log(abs(x[i]))
    y[5 * i + 3], y[5 * i + 4] = math.sqrt(abs(x[i])), 1 / x[i]


HARD = [0.0, -0.0, 1.0, -1.0, 1e-3, 5e-39, -3e-42, 88.7, 89.0, -87.5, -103.0, -104.0, 9.01, np.inf, -np.inf, np.nan,
        3.4e38]  # fmt: skip


@pytest.mark.parametrize("dtype, tolerance", [("float32", 4e-7), ("float64", 1e-15)])
def test_functions_of_hard_numbers(dtype, tolerance):
    rng = np.random.default_rng(0)
    numbers = np.concatenate([HARD, rng.standard_normal(200), 40 * rng.standard_normal(200)]).astype(dtype)
    kinds, (_, y) = run(functions, numbers, output(5 * numbers.size, dtype), block=numbers.size,
                        signature="real[::1], real[::1]")  # fmt: skip
    assert not kinds
    result = y.copy_to_host(np.empty(5 * numbers.size, dtype)).reshape(-1, 5)
    with np.errstate(all="ignore"):
        wide = numbers.astype(float)
        columns = np.exp(wide), np.tanh(wide), np.log(abs(wide)), np.sqrt(abs(wide)), 1 / wide
        expected = np.stack(columns, axis=1).astype(dtype)
    tiny = np.finfo(dtype).tiny
    np.testing.assert_allclose(result, expected, rtol=tolerance, atol=tiny)


def whole_numbers(a, b, c):
    i = cuda.grid(1)
    c[4 * i], c[4 * i + 1], c[4 * i + 2] = a[i] // b[i], a[i] % b[i], a[i] * b[i]
    c[4 * i + 3] = np.int64(np.float64(a[i]))


def test_whole_numbers():
    rng = np.random.default_rng(1)
    a = rng.integers(-(2**40), 2**40, N)
    b = rng.integers(1, 2**20, N) * rng.choice([-1, 1], N)
    kinds, (_, _, c) = run(
        whole_numbers, a, b, output(4 * N, np.int64), signature="int64[::1], int64[::1], int64[::1]"
    )
    assert not kinds
    expected = np.stack([a // b, a % b, a * b, a], axis=1)
    assert np.array_equal(c.copy_to_host(np.empty(4 * N, np.int64)).reshape(-1, 4), expected)
