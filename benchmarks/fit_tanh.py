"""Where the coefficients in indrnn_np/ops/recurrence/activation.py come from, and what error they leave.

    python benchmarks/fit_tanh.py

Fits tanh x = x P(x²) / Q(x²), P and Q of degree 4 and Q(0) = 1, to the smallest largest relative error on
0 < x <= 9: linear least squares, weighted anew in each round by the error that is left (Lawson 1961). Then it
prints the largest error of the float32 arithmetic over every float32 there is in [2^-30, 16].
"""

from __future__ import annotations

import numpy as np

from indrnn_np.ops.recurrence.vector_tanh import LIMIT, tanh_float32

DEGREE, POINTS, ROUNDS = 4, 4000, 400


def fit(limit: float) -> tuple[np.ndarray, np.ndarray, float]:
    """P, Q and the largest relative error on (0, limit]."""
    x = limit * 0.5 * (1 - np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS))
    t, z = np.tanh(x), (x / limit) ** 2
    powers = np.vander(z, DEGREE + 1, increasing=True)
    weight, q, best = np.ones(POINTS), np.ones(POINTS), (np.inf, np.empty(0), np.empty(0))
    for _ in range(ROUNDS):
        # x P - t (Q - 1) = t, each row over t Q of the round before: then the residual is the relative error
        rows = np.hstack([x[:, None] * powers, -t[:, None] * powers[:, 1:]]) / (t * q)[:, None]
        root = np.sqrt(weight)
        solution = np.linalg.lstsq(rows * root[:, None], root / q, rcond=None)[0]
        p_scaled, q_scaled = solution[: DEGREE + 1], np.append(1.0, solution[DEGREE + 1 :])
        q = powers @ q_scaled
        error = np.abs(x * (powers @ p_scaled) / q / t - 1)
        if error.max() < best[0]:
            best = error.max(), p_scaled, q_scaled
        weight *= error / error.mean()
        weight /= weight.sum()
    scale = limit ** (-2.0 * np.arange(DEGREE + 1))
    return best[1] * scale, best[2] * scale, best[0]


def main() -> None:
    p, q, error = fit(float(LIMIT))
    print("P =", ", ".join(f"{c:.9e}" for c in p))
    print("Q =", ", ".join(f"{c:.9e}" for c in q))
    print(f"largest relative error of the fit: {error:.2e}")
    first, last = (np.float32(v).view(np.int32) for v in (2.0**-30, 16.0))
    absolute = relative = largest = 0.0
    for start in range(first, last, 2**20):
        x = np.arange(start, min(start + 2**20, last), dtype=np.int32).view(np.float32)
        y, t = _each(x).astype(np.float64), np.tanh(x.astype(np.float64))
        absolute, relative = max(absolute, np.abs(y - t).max()), max(relative, np.abs(y / t - 1).max())
        largest = max(largest, y.max())
    print(
        f"float32 arithmetic: absolute error {absolute:.2e}, relative {relative:.2e}, largest value {largest!r}"
    )


def _each(x: np.ndarray) -> np.ndarray:
    from indrnn_np._cpu.jit import njit

    @njit
    def loop(x, y):  # type: ignore[no-untyped-def]
        for i in range(len(x)):
            y[i] = tanh_float32(x[i])

    y = np.empty_like(x)
    loop(x, y)
    return y


if __name__ == "__main__":
    main()
