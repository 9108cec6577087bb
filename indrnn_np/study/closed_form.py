"""The gradient of a neuron's last state on each earlier one: by backpropagation through time, and by equation 4."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import _check
from ..sequential import Sequential
from .finding import Finding, Table
from .states import Heard, listen

# φ' from the output, for equation 4; written here once more, because what stands beside an op shares nothing with it.
SLOPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda h: (h > 0).astype(np.float64),
    "tanh": lambda h: 1 - h * h,
    "sigmoid": lambda h: h * (1 - h),
    "identity": lambda h: np.ones_like(h),
}
SMALLEST = 1e-290  # below it float64 loses digits: no relative error there


@dataclass(frozen=True, repr=False, eq=False)
class ClosedForm(Finding):
    """What `closed_form` found, for one layer and one sample of T steps.

    layer, activation; gamma: the γ of the bound on |u|, None where u is not bound. u (H,). measured, closed (T, H),
    float64: ∂h_T/∂h_t of each neuron with its sign, t in the order in which the layer walks.
    """

    kind: ClassVar[str] = "closed_form"

    layer: str
    activation: str
    gamma: float | None
    u: np.ndarray
    measured: np.ndarray
    closed: np.ndarray
    title: str = ""

    def errors(self) -> np.ndarray:
        """(H,): the largest |measured - closed| / |closed| over the steps; both below 1e-290 is no error."""
        size = np.abs(self.closed)
        off = np.abs(self.measured - self.closed)
        off[(size < SMALLEST) & (np.abs(self.measured) < 2 * SMALLEST)] = 0
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(off == 0, 0.0, off / size).max(axis=0)

    @property
    def passed(self) -> np.ndarray:
        """(H,): some gradient goes all the way from the last step to the first."""
        return self.measured[0] != 0

    def words(self) -> str:
        """How well both agree, and what is left at the first step."""
        T, H = self.measured.shape
        left = np.abs(self.measured[0][self.passed])
        ends = (
            f"is {left.min():.3g} to {left.max():.3g} where it is not 0" if left.size else "is 0 everywhere"
        )
        return (
            f"∂h_T/∂h_t of layer {self.layer} ({H} neurons, {T} steps, {self.activation}) by backpropagation and by "
            f"equation 4 differ by at most {self.errors().max():.2g} of their size; |∂h_T/∂h_1| {ends} "
            f"({left.size} of {H} neurons)"
        )

    def table(self) -> Table:
        """A line for each neuron."""
        return {
            "neuron": np.arange(len(self.u)),
            "u": self.u,
            "dh_T/dh_1 measured": self.measured[0],
            "dh_T/dh_1 closed form": self.closed[0],
            "largest relative error": self.errors(),
        }


def closed_form(
    net: Sequential, x: np.ndarray, layer: str | None = None, lengths: np.ndarray | None = None, sample: int = 0,
    title: str = "",
) -> ClosedForm:  # fmt: skip
    """Compare both ways to ∂h_T/∂h_t for every neuron of one layer, on what this layer reads in the network.

    Equation   ∂h_T/∂h_t = u^(T-t) Π_{s=t+1}^T φ'_s                        (Li et al. 2018, arXiv:1803.04831, eq. 4)
    Returns    measured: the network's own backward pass through the recurrence, in float64, from 1 at the last state.
               closed: powers of u and sums of log φ', φ' from the states h_s
    Raises     ValueError where the layer has no weight u (an LSTM), is none, or the sample has no steps

    Batch norm takes the statistics of this batch, nothing is dropped, and the network stays as it is.

    Parameters
    ----------
    net
        The network, on any backend.
    x
        (T, B, D), or (T, B) symbols.
    layer
        The name of an IndRNN or a Recurrence, such as "0" or "3.2"; None: the last one.
    lengths
        (B,) valid steps of each sample.
    sample
        Which of the B samples.
    title
        Whose it is, for pictures.
    """
    where = "study.closed_form"
    states = listen(net, x, lengths, training=True).states
    own = [name for name in states if f"{name}.u" in net.params]
    if not own:
        _check.fail(
            where,
            "no layer has a recurrent weight u",
            "an IndRNN or a Recurrence",
            "which equation 4 is about",
        )
    layer = own[-1] if layer is None else str(layer)
    _check.choice(where, "layer", layer, own)
    _check.between(where, "sample", sample, 0, x.shape[1])
    T = len(x) if lengths is None else int(lengths[sample])
    if T == 0:
        _check.fail(where, f"lengths[{sample}] is 0", "a sample with at least one step")
    heard = states[layer]
    h = heard.h[:T, sample].astype(np.float64)
    u = net.ops.to_host(net.params[f"{layer}.u"]).astype(np.float64)
    kind: Any = heard.layer
    return ClosedForm(
        layer, kind.activation, kind.gamma if f"{layer}.u" in net.bounds else None, u, _measured(net, heard, h, u),
        _closed(h[::-1] if kind.reverse else h, u, kind.activation), title,
    )  # fmt: skip


def _measured(net: Sequential, heard: Heard, h: np.ndarray, u: np.ndarray) -> np.ndarray:
    """(T, H) by the backend's recurrence: what arrives at h_t is u ⊙ da_{t+1}, and 1 at h_T."""
    (T, H), ops, layer = h.shape, net.ops, heard.layer
    rows = np.zeros((T + 1, 1, H))  # row 0, the state before the first step, has no part in it
    rows[1:, 0] = h
    bring = lambda array: ops.bring(np.ascontiguousarray(array))  # noqa: E731
    da, _, _ = ops.recurrence.backward(
        None, bring(rows), bring(u), bring(np.ones((1, H))), layer.activation, None, layer.reverse  # type: ignore[attr-defined]
    )  # fmt: skip
    da = ops.to_host(da)[:, 0]
    return np.concatenate([u * (da[-2::-1] if layer.reverse else da[1:]), np.ones((1, H))])


def _closed(h: np.ndarray, u: np.ndarray, activation: str) -> np.ndarray:
    """(T, H) by equation 4 from the states in walking order; as logarithms, so that no factor runs out of range."""
    T, H = h.shape
    k = np.arange(T - 1, -1, -1)[:, None]  # T - t
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        slopes = np.log(SLOPES[activation](h[1:]))
        after = np.concatenate([np.cumsum(slopes[::-1], axis=0)[::-1], np.zeros((1, H))])  # Σ_{s>t} log φ'_s
        size = np.exp(np.where(k > 0, k * np.log(np.abs(u)), 0.0) + after)
    return np.where((u < 0) & (k % 2 == 1), -size, size)
