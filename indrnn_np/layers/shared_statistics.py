"""Batch norm over the shards of all ranks (`--sync-bn`): statistics, and gradients through them.

Each rank has one shard. `gather` returns the values of all shards in their order; a balanced tree
adds them in float64, so all ranks get the same bits.

    n = Σ n_s,   mean and var by the joins of Chan, Golub & LeVeque 1979:
    delta = mean_2 - mean_1,   mean = mean_1 + delta n_2 / n
    var = (n_1 var_1 + n_2 var_2 + delta² n_1 n_2 / n) / n

The op's backward pass has the sums of its own shard, and dx is linear in them. So the difference
between its means and those of all shards is added, which is an affine function of x:

    dx = dx_s + f ⊙ (dshift_s / n_s - dshift / n) + f ⊙ x̂ ⊙ (dscale_s / n_s - dscale / n)

with f = scale / √(var + eps).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from .._types import AnyArray, Array, Value

if TYPE_CHECKING:
    from ..backend import Backend

T = TypeVar("T")
Gather = Callable[[list[Value]], list[Value]]


class Moments(NamedTuple):
    """Number of values, mean and biased variance (1, H)."""

    n: int
    mean: Array
    var: Array


def statistics(x: Array, lengths: Array | None, ops: Backend, gather: Gather) -> Moments:
    """Return the moments over the valid rows of all shards, in the dtype of x."""
    mean, var = ops.batchnorm.statistics(x, lengths)
    own = Moments(rows(x, lengths), mean.astype(np.float64), var.astype(np.float64))
    n, mean, var = tree(gather([own]), join)
    return Moments(n, mean.astype(x.dtype), var.astype(x.dtype))


def rows(x: Array, lengths: Array | None) -> int:
    """Return the number of valid rows of x (T, B, H)."""
    return int(len(x) * x.shape[1] if lengths is None else lengths.sum())


def join(one: Moments, other: Moments) -> Moments:
    """Return the moments over the values of both."""
    n = one.n + other.n
    if n == 0:
        return one
    delta = other.mean - one.mean
    squares = one.n * one.var + other.n * other.var + delta**2 * (one.n * other.n / n)
    return Moments(n, one.mean + delta * (other.n / n), squares / n)


def tree(values: list[T], add: Callable[[T, T], T]) -> T:
    """Return the sum of values by a balanced binary tree."""
    following = iter(values)
    return tree_sum(lambda: next(following), len(values), add)


def tree_sum(next_value: Callable[[], T], count: int, add: Callable[[T, T], T]) -> T:
    """Return the sum of `count` values by a balanced binary tree; each call of `next_value` returns one."""
    if count == 1:
        return next_value()
    first = tree_sum(next_value, count // 2, add)
    return add(first, tree_sum(next_value, count - count // 2, add))


def backward(
    dy: Array, x: Array, mean: Array, var: Array, scale: Array, eps: float, lengths: Array | None, ops: Backend,
    gather: Gather, out: Array,
) -> tuple[AnyArray, AnyArray, AnyArray]:  # fmt: skip
    """Return dx (T, B, H) through the statistics of all shards, and dscale and dshift (H,) of this shard."""
    dx, dscale, dshift = ops.batchnorm.backward(dy, x, mean, var, scale, eps, lengths, False, out)
    own = np.array([dscale, dshift], np.float64)
    n, sums = tree(gather([(rows(x, lengths), own)]), lambda a, b: (a[0] + b[0], a[1] + b[1]))
    factor = scale / np.sqrt(var[0].astype(np.float64) + eps)
    of_scale, of_shift = (factor * (own / max(1, rows(x, lengths)) - sums / max(1, n))).astype(x.dtype)
    dx += ops.batchnorm.apply(x, mean, var, of_scale, of_shift, eps, lengths)
    return dx, dscale, dshift
