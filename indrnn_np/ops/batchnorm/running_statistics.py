"""Running statistics of batch normalisation in plain NumPy; functions of reference.py."""

from __future__ import annotations

import numpy as np

from . import contract


def update(running_mean, running_var, mean, var, counts, t0, momentum):
    """Move running statistics towards the statistics of a batch, in place.

        r ← (1 - momentum) r + momentum · batch

    The variance of the batch enters as var · n / (n - 1). A statistic over a single value does not
    change the running variance.

    Parameters
    ----------
    running_mean, running_var : array (R, H)
        Running statistics. Row min(t0 + s, R - 1) changes for each s with counts[s] > 0. If several
        steps share the last row, the last step determines it.
    mean, var : array (S, H)
        Statistics that `forward` returned.
    counts : integer array (S,)
        Number n of values of each statistic.
    t0 : int
        Number of time steps before this batch.
    momentum : float
        Weight of the batch.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    momentum = contract.check_update(
        "batchnorm.update", running_mean, running_var, mean, var, counts, t0, momentum
    )
    counted = counts > 0
    r = np.minimum(t0 + np.flatnonzero(counted), len(running_mean) - 1)
    n = counts[counted][:, None]
    unbiased = var[counted] * (n / np.maximum(n - 1, 1))
    running_mean[r] = ((1 - momentum) * running_mean[r] + momentum * mean[counted]).astype(running_mean.dtype)
    moved = ((1 - momentum) * running_var[r] + momentum * unbiased).astype(running_var.dtype)
    running_var[r] = np.where(n > 1, moved, running_var[r])


def rows(running, t0, T):
    """Return the running statistics of T time steps from step t0 on, for `apply`.

    Parameters
    ----------
    running : array (R, H)
        Running means or variances.
    t0, T : int
        First time step and number of time steps.

    Returns
    -------
    array (T, H)
        Rows min(t0 + t, R - 1).
    """
    contract.check_rows("batchnorm.rows", running, t0, T)
    return running[np.minimum(np.arange(t0, t0 + T), len(running) - 1)]
