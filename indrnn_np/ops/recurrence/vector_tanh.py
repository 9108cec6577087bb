"""Compute tanh, the logistic function σ and the parts of log σ as vector code, for kernels on the CPU.

The functions are plain arithmetic, so the loops around them become vector code. `math.tanh`,
`math.exp` and `math.log1p` are calls of scalar functions and many times slower.

float32   tanh x = x P(x²) / Q(x²) with P and Q of degree 4, a minimax fit of the relative error
          on |x| <= 9 (benchmarks/fit_tanh.py). Beyond 9, tanh rounds to 1. The error is below
          4e-7, and |tanh| is at most 1. σ(x) = (1 + tanh(x/2)) / 2 has no relative accuracy where
          σ is far below 1e-7.
float64   expm1(x) = 2^k expm1(r) + (2^k - 1), with x = k log 2 + r and |r| <= log 2 / 2, where
          the Taylor series needs 13 terms. The error is a few units in the last place.
          log(1 + e) = 2 artanh z, with z = e / (2 + e) <= 1/3 for e <= 1, where the series
          z + z³/3 + z⁵/5 + ... needs 16 terms.

NaN stays NaN: the comparisons with limits are written so that they keep NaN.
"""

from __future__ import annotations

import math

import numpy as np

from ..._cpu.jit import CONTRACT, by_dtype, njit

P = (9.999999795e-01, 1.338101871e-01, 3.495579868e-03, 2.060894712e-05, 1.335447892e-08)
Q = (1.0, 4.671433430e-01, 2.587695082e-02, 3.285621318e-04, 7.776482397e-07)
P, Q = tuple(map(np.float32, P)), tuple(map(np.float32, Q))
LIMIT = np.float32(9)  # 1 - tanh(9) is below half a unit in the last place of 1
HALF, ONE = np.float32(0.5), np.float32(1)

LOG2E = 1.4426950408889634
LOG2_HIGH, LOG2_LOW = 0.6931471803691238, 1.9082149292705877e-10  # their sum is log 2; k · LOG2_HIGH is exact
ROUND = 6755399441055744.0  # 1.5 · 2^52; after adding it to x, the last bits hold the integer nearest to x
BIAS, MANTISSA = np.int64(1023), np.int64(52)  # exponent bias and mantissa bits of a float64
FACTORIALS = tuple(float(math.factorial(n)) for n in range(13, 1, -1))
ODD = tuple(float(n) for n in range(31, 0, -2))
FARTHEST = 700.0  # exp(-700) = 1e-304 counts as 0: for larger arguments 2^k leaves the range of float64


@njit(rounding=CONTRACT)
def tanh_float32(x):
    """Return tanh x in float32, with an error below 4e-7."""
    x = LIMIT if x > LIMIT else (-LIMIT if x < -LIMIT else x)
    z = x * x
    p = P[0] + z * (P[1] + z * (P[2] + z * (P[3] + z * P[4])))
    q = Q[0] + z * (Q[1] + z * (Q[2] + z * (Q[3] + z * Q[4])))
    y = x * p / q
    return ONE if y > ONE or x >= LIMIT else (-ONE if y < -ONE or x <= -LIMIT else y)


@njit(rounding=CONTRACT)
def sigmoid_float32(x):
    """Return 1 / (1 + exp(-x)) in float32, with an error below 3e-7."""
    return HALF + HALF * tanh_float32(HALF * x)


@njit(rounding=CONTRACT)
def exp_float64(x):
    """Return 2^k and expm1(r) for |x| <= 700: exp(x) = 2^k + 2^k expm1(r)."""
    shifted = x * LOG2E + ROUND
    k = shifted - ROUND
    r = (x - k * LOG2_HIGH) - k * LOG2_LOW
    series = 1 / FACTORIALS[0]
    for factorial in FACTORIALS[1:]:
        series = series * r + 1 / factorial
    bits = np.float64(shifted).view(np.int64)
    power = np.int64((bits + BIAS) << MANTISSA).view(np.float64)
    return power, r + r * r * series


@njit(rounding=CONTRACT)
def tanh_float64(x):
    """Return tanh x = e / (e + 2) with e = expm1(2x), in float64."""
    x = 20.0 if x > 20.0 else (-20.0 if x < -20.0 else x)  # 1 - tanh(20) is 8e-18
    power, small = exp_float64(2.0 * x)
    e = power * small + (power - 1.0)
    return e / (e + 2.0)


@njit(rounding=CONTRACT)
def decay_float64(x):
    """Return exp(-|x|) in float64, which does not overflow; 0 for |x| >= 700."""
    exponent = -x if x > 0.0 else x
    exponent = -FARTHEST if exponent < -FARTHEST else exponent
    power, small = exp_float64(exponent)
    return 0.0 if exponent <= -FARTHEST else power * small + power


@njit(rounding=CONTRACT)
def sigmoid_float64(x):
    """Return 1 / (1 + exp(-x)) in float64."""
    e = decay_float64(x)
    return (1.0 if x > 0.0 else e) / (1.0 + e)


@njit(rounding=CONTRACT)
def log1p_float64(e):
    """Return log(1 + e) for 0 <= e <= 1, in float64."""
    z = e / (2.0 + e)
    series = 1 / ODD[0]
    for odd in ODD[1:]:
        series = series * (z * z) + 1 / odd
    return 2.0 * z * series


tanh = by_dtype(tanh_float32, tanh_float64)
sigmoid = by_dtype(sigmoid_float32, sigmoid_float64)
