"""CPU twin of reference.py: threads share the rows, and each processes its rows in blocks.

A row is one sample at one time step. The scores y of a block become dy in place, slice by slice, so
that a slice stays in the cache while NumPy passes over it. Each thread adds the products of its
blocks to its own dW. The threads' sums are added in order, so two runs give the same bits.
"""

from __future__ import annotations

import itertools

import numpy as np

from ... import _check
from ..._cpu.arrays import as_rows, room
from ..._cpu.threads import GRAIN, parallel_for, thread_count
from . import contract

# Rows of a block, at most. Each block reads W and adds to dW, so smaller blocks are slower; the scores of a
# larger block leave the cache (docs/decisions.md).
BLOCK = 256
SLICE = 2**17  # scores of a slice: 0.5 MiB in float32, half of a common L2 cache


def loss(x, W, b, target, mask=None, work=None):
    """Twin of reference.loss."""
    labels, counted, n = contract.check("softmax_readout.loss", x, W, b, target, mask)
    _check.floats("softmax_readout.loss", x=x)
    dx = room(work, "read-out dx", x.shape, x.dtype)
    rows, dx_rows = as_rows(x), as_rows(dx)
    blocks, scores = _blocks_of_threads(len(rows), W, work)
    sums = room(work, "read-out dW", (len(blocks), *W.shape), W.dtype)
    products = room(work, "read-out dW of a block", sums.shape, W.dtype)
    db, total = np.zeros((len(blocks), len(W))), np.zeros(len(blocks))

    def thread(k, _):
        for number, (i, j) in enumerate(blocks[k]):
            y = scores[k, : j - i]
            np.matmul(rows[i:j], W.T, out=y)
            total[k] += _to_gradient(y, b, labels[i:j], counted[i:j], n)
            np.matmul(y, W, out=dx_rows[i:j])
            np.matmul(y.T, rows[i:j], out=products[k] if number else sums[k])
            if number:
                sums[k] += products[k]
            db[k] += y.sum(axis=0, dtype=np.float64)

    parallel_for(len(blocks), len(rows) * len(W), thread, grain=1)
    dW = sums[0]
    for other in sums[1:]:
        dW += other
    return float(total.sum()) / n, dx, dW, db.sum(axis=0).astype(b.dtype)


def evaluate(x, W, b, target, mask=None, work=None):
    """Twin of reference.evaluate."""
    labels, counted, n = contract.check("softmax_readout.evaluate", x, W, b, target, mask)
    _check.floats("softmax_readout.evaluate", x=x)
    rows = as_rows(x)
    blocks, scores = _blocks_of_threads(len(rows), W, work)
    total, right = np.zeros(len(blocks)), np.zeros(len(blocks), np.int64)

    def thread(k, _):
        for i, j in blocks[k]:
            y = scores[k, : j - i]
            np.matmul(rows[i:j], W.T, out=y)
            for part, of_part in _slices(y):
                best, _, values = _exponentials(part, b, labels[i:j][of_part])
                among = counted[i:j][of_part]
                total[k] += values[among].sum()
                right[k] += np.sum(among & (best == labels[i:j][of_part]))

    parallel_for(len(blocks), len(rows) * len(W), thread, grain=1)
    return float(total.sum()) / n, int(right.sum())


def _blocks_of_threads(N, W, work):
    """Return the blocks [i, j) of N rows of each thread, and an array of scores for a block of each."""
    n = thread_count(N * len(W), -(-N // GRAIN))
    shares = itertools.pairwise(N * k // n for k in range(n + 1))
    blocks = [_pieces(start, end, BLOCK) for start, end in shares]
    longest = max(j - i for pieces in blocks for i, j in pieces)
    return blocks, room(work, "read-out scores", (n, longest, len(W)), W.dtype)


def _pieces(start, end, most):
    """Cut [start, end) into pieces of nearly equal length, of at most `most` each."""
    count = max(1, -(-(end - start) // most))
    return list(itertools.pairwise(start + (end - start) * i // count for i in range(count + 1)))


def _slices(y):
    """Yield slices of the rows of y (N, K), and their places."""
    step = max(1, SLICE // max(1, y.shape[1]))
    for i in range(0, len(y), step):
        yield y[i : i + step], slice(i, i + step)


def _to_gradient(y, b, labels, counted, n):
    """Turn products y = W x (N, K) into dy, and return the sum of the cross-entropies of the counted labels."""
    total, one = 0.0, y.dtype.type(1)
    for part, of_part in _slices(y):
        own, among = labels[of_part], counted[of_part]
        _, sums, values = _exponentials(part, b, own)
        total += values[among].sum()
        part *= (one / (sums * y.dtype.type(n)))[:, None]
        part[np.arange(len(part)), own] -= one / y.dtype.type(n)
        part[~among] = 0
    return total


def _exponentials(y, b, labels):
    """Overwrite products y = W x (N, K) by exp(y + b - max).

    Returns
    -------
    best, sums, values : arrays (N,)
        Index of the largest score, Σ_k of the exponentials, and the cross-entropy of the label in float64.
    """
    rows = np.arange(len(y))
    with np.errstate(over="ignore", invalid="ignore"):  # NaN and Inf reach the loss, which the caller checks
        y += b
        best = y.argmax(axis=1)
        y -= y[rows, best][:, None]
        label_scores = y[rows, labels].astype(np.float64)
        np.exp(y, out=y)
        sums = y.sum(axis=1)
        return best, sums, np.log(sums.astype(np.float64)) - label_scores
