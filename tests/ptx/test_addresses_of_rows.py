"""Positions beyond 2^31 elements in ops whose threads own rows, columns or numbers of a stream."""

import contextlib

import numpy as np
import pytest
from tolerances import assert_close

from indrnn_np._cuda import arrays
from indrnn_np.ops.batchnorm import cuda as batchnorm
from indrnn_np.ops.embedding import cuda as embedding
from indrnn_np.ops.layernorm import cuda as layernorm
from indrnn_np.ops.random import cuda as random
from indrnn_np.ops.random.philox import block
from indrnn_np.ops.softmax_cross_entropy import cuda as softmax
from ptx import findings
from ptx.large_arrays import contents, numbers, small

ROWS, COLUMNS = 2**17 + 5, 2**14 + 1
LANES = 32  # threads of a row


def last_rows(large, name):
    """Return the positions (rows, COLUMNS) of the last rows that the groups of a launch have computed."""
    groups = np.unique(large.threads(name, layernorm.GROUPS * LANES) // LANES)
    rows = np.concatenate([np.arange(group, ROWS, layernorm.GROUPS)[-1:] for group in groups])
    return rows, rows[:, None] * COLUMNS + np.arange(COLUMNS)


def layer_norm(large):
    scale, shift = small(COLUMNS), small(COLUMNS)
    y, _, _ = layernorm.forward(large.array(ROWS, COLUMNS), scale, shift)
    _, p = last_rows(large, f"layernorm.normalise[{LANES}]")
    x = numbers(p).astype(np.float64)
    x_hat = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    expected = x_hat * contents(scale) + contents(shift)
    assert_close(contents(y)[p], expected.astype(np.float32), scale=10)  # rows of 16385 elements


def softmax_loss(large):
    labels = np.random.default_rng(3).integers(0, COLUMNS, (ROWS, 1))
    name = f"softmax_cross_entropy.loss[{LANES}, int64]"
    with contextlib.suppress(ValueError), np.errstate(all="ignore"):  # sums of groups that did not run
        softmax.loss(large.array(ROWS, 1, COLUMNS), arrays.asarray(labels))
    *_, dy, _ = large.arguments[name]
    rows, p = last_rows(large, name)
    e = np.exp(numbers(p).astype(np.float64))
    expected = e / e.sum(axis=1, keepdims=True)
    expected[np.arange(rows.size), labels[rows, 0]] -= 1
    assert_close(contents(dy)[p], (expected / ROWS).astype(np.float32), scale=10)


def batch_statistics(large):
    T, B, H = 2**11, 2, 2**19 + 5
    mean, var = batchnorm.statistics(large.array(T, B, H), per_step=True)
    j = large.threads("moments_kernel", T * H)
    x = numbers((j // H * B + np.arange(B)[:, None]) * H + j % H).astype(np.float64)
    assert_close(contents(mean)[j], x.mean(axis=0).astype(np.float32))
    assert_close(contents(var)[j], x.var(axis=0).astype(np.float32))


def embedded_rows(large):
    ids = np.random.default_rng(5).integers(0, ROWS, (ROWS, 1))
    ids[-3:, 0] = ROWS - 1
    y = embedding.forward(arrays.asarray(ids), large.array(ROWS, COLUMNS))
    i = large.threads("take_kernel", y.size)
    assert_close(contents(y)[i], numbers(ids[i // COLUMNS, 0] * COLUMNS + i % COLUMNS))


def random_numbers(large):
    out = random.uniform((1, 2, 3), (2**31 + 4096,))
    i = large.threads("random.uniform32", 2**29 + 1024)[-5:]
    words = np.array([block(*map(np.uint64, (k, 1, 2, 3))) for k in i], np.uint64)
    expected = (words >> np.uint64(8)).astype(np.float32) * random.SCALE32
    assert np.array_equal(contents(out)[4 * i[:, None] + np.arange(4)], expected)


CASES = (layer_norm, softmax_loss, batch_statistics, embedded_rows, random_numbers)


@pytest.mark.parametrize("case", CASES)
def test_positions_beyond_2_to_the_31(case, large):
    case(large)
    kinds = findings.kinds()
    findings.clear()
    assert kinds <= {"uninitialised"}  # what the other blocks would have written


@pytest.mark.parametrize("case", CASES)
def test_offsets_of_32_bits_are_found(case, large, offsets_of_32_bits):
    with pytest.raises(AssertionError):
        case(large)
    findings.clear()
