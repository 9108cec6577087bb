"""The gradient ∂h_T/∂h_t of each neuron: by back-propagation through time, and by equation 4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import _check
from .._types import Array
from ..layers.recurrent import Independent
from ..networks.sequential import Sequential
from ..ops.recurrence.activation import ACTIVATIONS
from .finding import Finding, Table
from .states import record_states, with_weight

SMALLEST = 1e-290  # float64 loses digits below it, so relative errors mean nothing there


@dataclass(frozen=True, repr=False, eq=False)
class ClosedForm(Finding):
    """Result of `closed_form` for one layer and one sample of T steps.

    Attributes
    ----------
    layer, activation : str
        Name of the layer and of its activation.
    gamma : float or None
        γ of the bound on |u|, None without a bound.
    u : array (H,)
        Recurrent weights.
    measured, closed : array (T, H) of float64
        ∂h_T/∂h_t of each neuron, in the order in which the layer runs.
    """

    kind: ClassVar[str] = "closed_form"

    layer: str
    activation: str
    gamma: float | None
    u: Array
    measured: Array
    closed: Array
    title: str = ""

    def errors(self) -> Array:
        """Return max_t |measured - closed| / |closed|, (H,); values below 1e-290 are ignored."""
        size = np.abs(self.closed)
        off = np.abs(self.measured - self.closed)
        off[(size < SMALLEST) & (np.abs(self.measured) < 2 * SMALLEST)] = 0
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(off == 0, 0.0, off / size).max(axis=0)

    @property
    def passed(self) -> Array:
        """Whether gradient reaches the first step from the last, (H,)."""
        return self.measured[0] != 0

    def words(self) -> str:
        """Return the largest difference of both, and the gradient at the first step."""
        T, H = self.measured.shape
        size = np.abs(self.measured[0][self.passed])
        ends = f"is {size.min():.3g} to {size.max():.3g}, where not 0" if size.size else "is 0 everywhere"
        return (
            f"∂h_T/∂h_t of layer {self.layer} ({H} neurons, {T} steps, {self.activation}) by backpropagation and by "
            f"equation 4 differ by at most {self.errors().max():.2g} (relative error); |∂h_T/∂h_1| {ends} "
            f"({size.size} of {H} neurons)"
        )

    def table(self) -> Table:
        """Return one row for each neuron."""
        return {
            "neuron": np.arange(len(self.u)),
            "u": self.u,
            "dh_T/dh_1 measured": self.measured[0],
            "dh_T/dh_1 closed form": self.closed[0],
            "largest relative error": self.errors(),
        }


def closed_form(
    net: Sequential, x: Array, layer: str | None = None, lengths: Array | None = None, sample: int = 0,
    title: str = "",
) -> ClosedForm:  # fmt: skip
    """Compute ∂h_T/∂h_t for every neuron of one layer by the backward pass and in closed form.

    Batch norm uses the statistics of this batch, dropout is off, and the network is not changed.

    Parameters
    ----------
    net : Sequential
        Network on any backend.
    x : array (T, B, D) or (T, B)
        Input, or symbols.
    layer : str, optional
        Name of an IndRNN or a Recurrence, such as "0" or "3.2". By default the last of them.
    lengths : array (B,), optional
        Valid steps of each sample.
    sample : int
        Index of the sample, below B.
    title : str
        Title of the figures.

    Raises
    ------
    ValueError
        If the layer does not exist or has no weight u (an LSTM), or the sample has no steps.

    Notes
    -----
    ∂h_T/∂h_t = u^(T-t) Π_{s=t+1}^T φ'_s (Li et al. 2018, arXiv:1803.04831, eq. 4). `measured` is
    the backward pass of the backend in float64, with the gradient 1 at h_T. `closed` sums
    logarithms of u and of φ'(h_s).
    """
    where = "study.closed_form"
    states = with_weight(where, record_states(net, x, lengths, training=True).states)
    name = list(states)[-1] if layer is None else str(layer)
    _check.choice(where, "layer", name, states)
    _check.between(where, "sample", sample, 0, x.shape[1])
    T = len(x) if lengths is None else int(lengths[sample])
    if T == 0:
        _check.fail(where, f"lengths[{sample}] is 0", "a sample with at least one step")
    kind, states_of_batch = states[name]
    h = states_of_batch[:T, sample].astype(np.float64)
    u = net.recurrent_weights()[name].astype(np.float64)
    gamma = kind.gamma if f"{name}.u" in net.weight_bounds else None
    return ClosedForm(
        name, kind.activation, gamma, u, _measured(net, kind, h, u),
        _closed(h[::-1] if kind.reverse else h, u, kind.activation), title,
    )  # fmt: skip


def _measured(net: Sequential, layer: Independent, h: Array, u: Array) -> Array:
    """Return ∂h_T/∂h_t (T, H) by the backend's recurrence: u ⊙ da_{t+1}, and 1 at h_T."""
    T, H = h.shape
    rows = np.zeros((T + 1, 1, H))  # row 0, the initial state, is not used
    rows[1:, 0] = h
    bring = net.device.asarray
    da, _, _ = net.ops.recurrence.backward(
        None, bring(rows), bring(u), bring(np.ones((1, H))), layer.activation, None, layer.reverse
    )
    da = net.device.to_host(da)[:, 0]
    return np.concatenate([u * (da[-2::-1] if layer.reverse else da[1:]), np.ones((1, H))])


def _closed(h: Array, u: Array, activation: str) -> Array:
    """Return ∂h_T/∂h_t (T, H) by equation 4, in logarithms so that no product overflows."""
    T, H = h.shape
    k = np.arange(T - 1, -1, -1)[:, None]  # T - t
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        slopes = np.log(ACTIVATIONS[activation].array_dphi(h[1:]))
        after = np.concatenate([np.cumsum(slopes[::-1], axis=0)[::-1], np.zeros((1, H))])  # Σ_{s>t} log φ'_s
        size = np.exp(np.where(k > 0, k * np.log(np.abs(u)), 0.0) + after)
    return np.where((u < 0) & (k % 2 == 1), -size, size)
