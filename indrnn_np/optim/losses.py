"""Losses: each function returns the loss and its gradient, computed by an op of a backend."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from .. import _check
from .._check import convert
from .._types import AnyArray, Array, ArrayInput
from ..backend import Backend, of, to_host


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
    weights: ArrayInput = None,
    smoothing: float = 0.0,
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
    weights : array (K,), optional
        Weights w of the classes, above 0. By default each class has the weight 1.
    smoothing : float
        Label smoothing ε in [0, 1): the probability that a target spreads over all K classes.
    backend : Backend or str, optional
        Backend, as in `mse`. "cuda" has neither weights nor smoothing.

    Returns
    -------
    loss : float
        Mean over the labels that contribute, weighted by w[label], in nats.
    dy : array, shape of y
        Gradient of the loss with respect to y.

    Notes
    -----
    L = -Σ w[label] / W · [(1 - ε) log p[label] + ε/K Σ_k log p_k] with p = softmax(y) and the sum W
    of w[label], and dy = w[label] / W · (p - (1 - ε) onehot - ε/K). `ops/softmax_cross_entropy`
    computes both. Label smoothing: Szegedy et al. 2016, arXiv:1512.00567, section 7.

    Examples
    --------
    >>> import numpy as np
    >>> loss, _ = softmax_cross_entropy(np.zeros((1, 2)), np.array([0]))
    >>> round(loss, 4)
    0.6931
    >>> y = np.log([[3.0, 1.0], [1.0, 1.0]])  # p = (3/4, 1/4) and (1/2, 1/2)
    >>> _, dy = softmax_cross_entropy(y, np.array([0, 1]), weights=[1.0, 3.0])
    >>> dy.round(4).tolist()
    [[-0.0625, 0.0625], [0.375, -0.375]]
    """
    ops = of(y, backend)
    bring = ops.device.bring
    y, mask = bring(y), None if mask is None else bring(mask)
    if weights is not None:
        weights = bring(np.asarray(convert.plain("softmax_cross_entropy", "weights", weights), y.dtype))
    return ops.softmax_cross_entropy.loss(y, bring(labels), mask, weights, smoothing)


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
