"""Arithmetic of the emulator on hard numbers, beside NumPy."""

import math

import numpy as np
import pytest

from indrnn_np._cuda.target import cuda
from ptx import findings, settings
from ptx.launching import output, run, to_host
from ptx.program import Program

N = 64


def functions(x, y):
    i = cuda.grid(1)
    y[5 * i], y[5 * i + 1], y[5 * i + 2] = math.exp(x[i]), math.tanh(x[i]), math.log(abs(x[i]))
    y[5 * i + 3], y[5 * i + 4] = math.sqrt(abs(x[i])), 1 / x[i]


def powers(x, y, z):
    i = cuda.grid(1)
    z[i] = x[i] ** y[i]


def test_powers():
    rng = np.random.default_rng(2)
    x, y = rng.uniform(0, 5, N), rng.uniform(-9, 9, N)
    x[:4], y[:4] = (0, 0.999, 1, 0.9), (2, 1e4, 1e300, -1.5)
    kinds, (*_, z) = run(powers, x, y, output(N, float), signature=3 * "real[::1], ")
    assert not kinds
    np.testing.assert_allclose(to_host(z), x**y, rtol=1e-15)


HARD = [0.0, -0.0, 1.0, -1.0, 1e-3, 5e-39, -3e-42, 88.7, 89.0, -87.5, -103.0, -104.0, 9.01, np.inf, -np.inf, np.nan,
        3.4e38]  # fmt: skip


@pytest.mark.parametrize("dtype, tolerance", [("float32", 4e-7), ("float64", 1e-15)])
@pytest.mark.parametrize("ulps", [0, 2])
def test_functions_of_hard_numbers(dtype, tolerance, ulps, monkeypatch):
    monkeypatch.setattr(settings, "ulps", ulps)
    rng = np.random.default_rng(0)
    numbers = np.concatenate([HARD, rng.standard_normal(200), 40 * rng.standard_normal(200)]).astype(dtype)
    kinds, (_, y) = run(functions, numbers, output(5 * numbers.size, dtype), block=numbers.size,
                        signature="real[::1], real[::1]")  # fmt: skip
    assert not kinds
    result = to_host(y).reshape(-1, 5)
    with np.errstate(all="ignore"):
        wide = numbers.astype(float)
        columns = np.exp(wide), np.tanh(wide), np.log(abs(wide)), np.sqrt(abs(wide)), 1 / wide
        expected = np.stack(columns, axis=1).astype(dtype)
    tiny = np.finfo(dtype).tiny
    np.testing.assert_allclose(result, expected, rtol=(1 + ulps) * tolerance, atol=tiny)


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
    assert np.array_equal(to_host(c).reshape(-1, 4), expected)


# out = a / b, written by hand because numba's kernels check divisors. An array is 7 parameters.
DIVISION = """
.visible .entry divide(
{parameters}
)
{{
    .reg .b32 %r<4>;
    .reg .b64 %rd<2>;
    ld.param.u32 %r1, [divide_param_0];
    ld.param.u32 %r2, [divide_param_1];
    ld.param.u64 %rd1, [divide_param_6];
    {operation}.s32 %r3, %r1, %r2;
    st.global.u32 [%rd1], %r3;
    ret;
}}
"""


@pytest.mark.parametrize("operation, result", [("div", 3), ("rem", -1)])
def test_division_by_zero_is_found(operation, result):
    sizes = ["u32", "u32", *7 * ["u64"]]
    parameters = ",\n".join(f".param .{size} divide_param_{k}" for k, size in enumerate(sizes))
    program = Program("divide", DIVISION.format(parameters=parameters, operation=operation))
    for divisor, expected in ((-2, set()), (0, {"division by zero"})):
        out = output(1, np.int32)
        program.launch(1, 1, (-7, divisor, out))
        assert findings.kinds() == expected
        findings.clear()
        if divisor:
            assert to_host(out) == result
