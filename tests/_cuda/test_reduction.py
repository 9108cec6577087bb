"""The last sums: a warp adds a column as a tree, a single thread adds a short one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import each_gpu
from tolerances import assert_close

from indrnn_np import backend
from indrnn_np._cuda import reduction, target
from indrnn_np._cuda.target import WARP
from indrnn_np.ops.recurrence.cuda_sums import sum_kernel

NEEDS_DEVICE = pytest.mark.skipif("cuda" not in backend.backends(), reason=target.problem()[0] or "no GPU")
COUNTS = (0, 1, reduction.FEW, reduction.FEW + 1, WARP - 1, WARP, WARP + 1, 3 * WARP + 5)


def tree(column):
    """The same sum in NumPy: every 32nd element in order, then the halves of 32 sums."""
    lanes = np.zeros(WARP)
    for k, value in enumerate(column):
        lanes[k % WARP] += value
    while len(lanes) > 1:
        lanes = lanes[: len(lanes) // 2] + lanes[len(lanes) // 2 :]
    return lanes[0]


@NEEDS_DEVICE
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("columns", [1, 3])
def test_the_order_of_the_sum_is_fixed(count, columns):
    device = backend.get("cuda").device
    sums = np.random.default_rng(count).standard_normal((2, count, columns)) * 10.0 ** np.arange(columns)
    du, db = (device.zeros((columns,), "float64") for _ in range(2))
    flat = device.asarray(sums.ravel())
    reduction.launch_columns(sum_kernel, columns, count, flat, count, columns, du, db)
    in_order = lambda column: sum(column.tolist(), 0.0)  # noqa: E731
    expected = tree if count > reduction.FEW else in_order
    for array, part in ((du, sums[0]), (db, sums[1])):
        assert array.to_host().tolist() == [expected(column) for column in part.T]


@each_gpu
@pytest.mark.parametrize("B", [reduction.FEW + 1, WARP + 3])
def test_gradients_of_many_samples(ops, B):
    """Batches that a warp adds; the other tests of the recurrence have few samples."""
    rng = np.random.default_rng(B)
    dh, u = rng.standard_normal((3, B, 2)), np.array([0.9, -0.5])
    h = ops.recurrence.forward(rng.standard_normal((3, B, 2)), u, rng.standard_normal((B, 2)))
    found, expected = (each.recurrence.backward(dh, h, u) for each in (ops, backend.get("reference")))
    for name, one, other in zip(("da", "du", "dh0"), found, expected, strict=True):
        assert_close(one, other, name, scale=10)


@each_gpu
@pytest.mark.parametrize("per_step", [False, True])
def test_statistics_of_many_segments_and_of_many_steps(ops, per_step):
    rng = np.random.default_rng(2)
    shape = (WARP + 5, 2, 2) if per_step else (WARP + 5, 20, 2)
    x, dy, scale = rng.standard_normal(shape), rng.standard_normal(shape), np.array([1.5, -2.0])
    for each in (ops, backend.get("reference")):
        y, mean, var = each.batchnorm.forward(x, scale, 0 * scale, per_step=per_step)
        gradients = each.batchnorm.backward(dy, x, mean, var, scale, per_step=per_step)
        if each is ops:
            found = (y, mean, var, *gradients)
    for number, (one, other) in enumerate(zip(found, (y, mean, var, *gradients), strict=True)):
        assert_close(one, other, f"array {number}", scale=100)


@NEEDS_DEVICE
@given(columns=st.integers(0, 3), count=st.integers(0, 40))
def test_no_columns_launch_nothing(columns, count):
    launched = []

    class Kernel:
        def __init__(self, lanes):
            self.lanes = lanes

        def __call__(self, threads, *args):
            launched.append((threads, *args))

        def launch(self, grid, block, *args):
            launched.append((grid * block, *args))

    reduction.launch_columns(Kernel, columns, count, "argument")
    lanes = 1 if count <= reduction.FEW else WARP
    assert launched == ([(lanes * columns, "argument")] if columns or lanes == 1 else [])
