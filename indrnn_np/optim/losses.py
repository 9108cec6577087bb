"""Losses: each function returns the loss and its gradient, computed by an op of a backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from .. import _check
from .._types import AnyArray, Array
from ..backend import Backend, of, to_host
from ..ops.binary_cross_entropy import contract as binary_contract
from ..ops.mse import contract as mse_contract
from ..ops.softmax_cross_entropy import contract as softmax_contract


def mse(
    y: AnyArray,
    target: AnyArray,
    mask: AnyArray | None = None,
    *,
    backend: Backend | str | None = None,
) -> tuple[float, AnyArray]:
    """Return the mean squared error and its gradient.

    Parameters
    ----------
    y, target : array (B, K) or (T, B, K)
        Outputs and targets of the same dtype.
    mask : array (B,) or (T, B) of bool, optional
        True for rows that contribute to the loss. By default all rows contribute.
    backend : Backend or str, optional
        Backend, such as `net.ops`, or its name. By default "cuda" for y in GPU memory, else "cpu".

    Returns
    -------
    loss : float
        Mean over the n elements that contribute.
    dy : array, shape of y
        Gradient of the loss with respect to y.

    Notes
    -----
    L = mean (y - target)², dy = 2 (y - target) / n. `ops/mse` computes both.

    Examples
    --------
    >>> import numpy as np
    >>> loss, dy = mse(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]))
    >>> loss, dy.tolist()
    (2.0, [[0.0], [2.0]])
    """
    ops = of(y, backend)
    bring = ops.device.bring
    return ops.mse.loss(bring(y), bring(target), None if mask is None else bring(mask))


def softmax_cross_entropy(
    y: AnyArray,
    labels: AnyArray,
    mask: AnyArray | None = None,
    *,
    backend: Backend | str | None = None,
) -> tuple[float, AnyArray]:
    """Return the softmax cross-entropy in nats and its gradient.

    Parameters
    ----------
    y : array (B, K) or (T, B, K)
        Scores of K classes.
    labels : array (B,) or (T, B) of int
        Classes, from 0 to K - 1.
    mask : array of bool, shape of labels, optional
        True for labels that contribute to the loss. By default all labels contribute.
    backend : Backend or str, optional
        Backend, as in `mse`.

    Returns
    -------
    loss : float
        Mean over the n labels that contribute, in nats.
    dy : array, shape of y
        Gradient of the loss with respect to y.

    Notes
    -----
    L = -mean log p[label], dy = (p - onehot) / n with p = softmax(y). `ops/softmax_cross_entropy`
    computes both.

    Examples
    --------
    >>> import numpy as np
    >>> loss, _ = softmax_cross_entropy(np.zeros((1, 2)), np.array([0]))
    >>> round(loss, 4)
    0.6931
    """
    ops = of(y, backend)
    bring = ops.device.bring
    return ops.softmax_cross_entropy.loss(bring(y), bring(labels), None if mask is None else bring(mask))


def binary_cross_entropy(
    y: AnyArray,
    target: AnyArray,
    mask: AnyArray | None = None,
    *,
    backend: Backend | str | None = None,
) -> tuple[float, AnyArray]:
    """Return the binary cross-entropy of independent labels in nats and its gradient.

    Use it if a sample may have several labels, or none.

    Parameters
    ----------
    y : array (B, K) or (T, B, K)
        Scores of K labels; σ(y) are their probabilities.
    target : array, shape and dtype of y
        Probabilities of the labels from 0 to 1, such as 1 for a label that is present.
    mask : array (B,) or (T, B) of bool, optional
        True for rows that contribute to the loss. By default all rows contribute.
    backend : Backend or str, optional
        Backend, as in `mse`.

    Returns
    -------
    loss : float
        Mean over the n elements that contribute, in nats.
    dy : array, shape of y
        Gradient of the loss with respect to y.

    Notes
    -----
    L = -mean [t log σ(y) + (1 - t) log(1 - σ(y))], dy = (σ(y) - t) / n with σ(y) = 1 / (1 + exp(-y))
    and t = target. `ops/binary_cross_entropy` computes both.

    Examples
    --------
    >>> import numpy as np
    >>> loss, dy = binary_cross_entropy(np.zeros((1, 2)), np.array([[1.0, 0.0]]))
    >>> round(loss, 4), dy.tolist()
    (0.6931, [[-0.25, 0.25]])
    """
    ops = of(y, backend)
    bring = ops.device.bring
    return ops.binary_cross_entropy.loss(bring(y), bring(target), None if mask is None else bring(mask))


class Loss(Protocol):
    """Signature of a loss function, which returns the loss and its gradient dy."""

    def __call__(
        self, y: AnyArray, target: AnyArray, /, mask: AnyArray | None = None, *,
        backend: Backend | str | None = None,
    ) -> tuple[float, AnyArray]: ...  # fmt: skip


LOSSES: dict[str, Loss] = {
    "mse": mse,
    "softmax_cross_entropy": softmax_cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
}
# Checks of the values of targets, with the arguments (where, y, target, mask).
TARGET_CHECKS: dict[str, Callable[[str, AnyArray, AnyArray, AnyArray], object]] = {
    "mse": lambda where, y, _, mask: mse_contract.count(where, y, mask),
    "softmax_cross_entropy": softmax_contract.check_labels,
    "binary_cross_entropy": binary_contract.check_targets,
}


def check_targets(loss: str, y: AnyArray, target: AnyArray, mask: AnyArray | None) -> None:
    """Check the values of targets as the loss does: labels, probabilities, and that at least one counts.

    The values of y (B, K) or (T, B, K) are not read; target and mask are those of the loss.

    Examples
    --------
    >>> check_targets("softmax_cross_entropy", np.empty((2, 3)), np.array([0, 3]), None)
    Traceback (most recent call last):
        ...
    ValueError: softmax_cross_entropy.loss: target[1] is 3, expected 0 to 2 to match y with shape (2, 3)
    """
    host = [None if array is None else to_host(array) for array in (target, mask)]
    TARGET_CHECKS[loss](f"{loss}.loss", y, *host)


def counted(y: AnyArray, lengths: Array | None, mask: AnyArray | None = None) -> AnyArray:
    """Return the mask of the targets that contribute to the loss.

    Time steps beyond a sample's length are masked out. A mask with the wrong shape or dtype is
    returned unchanged, so that the loss reports the error.

    Parameters
    ----------
    y : array (B, K) or (T, B, K)
        Outputs. An output (B, K) has no time axis, so `lengths` has no effect on it.
    lengths : array (B,), optional
        Time steps of each sample.
    mask : array (B,) or (T, B) of bool, optional
        Mask of the batch.

    Returns
    -------
    array of bool or None
        None if all targets contribute.
    """
    if lengths is None or y.ndim != 3:
        return mask
    valid = length_mask(lengths, y.shape[0])
    if mask is None:
        return valid
    mask = to_host(mask)
    fits = type(mask) is np.ndarray and mask.dtype == np.bool_ and mask.shape == valid.shape
    return mask & valid if fits else mask


def length_mask(lengths: Array, T: int) -> Array:
    """Return the mask of the valid time steps of each sample.

    Parameters
    ----------
    lengths : array (B,) of int
        Time steps of each sample.
    T : int
        Time steps of the batch.

    Returns
    -------
    array (T, B) of bool
        True where t < lengths[b].

    Examples
    --------
    >>> import numpy as np
    >>> length_mask(np.array([1, 2]), 2).tolist()
    [[True, True], [False, True]]
    """
    _check.arrays("length_mask", "lengths: int B", lengths)
    _check.at_least("length_mask", "T", T, 0)
    _check.lengths("length_mask", lengths, T, len(lengths))
    _check.fits_memory("length_mask", f"a mask of {T} steps", int(T) * (len(lengths) + 8))
    return np.arange(T)[:, None] < lengths
