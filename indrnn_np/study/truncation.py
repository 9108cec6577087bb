"""Truncated back-propagation through time: bias and variance of every gradient after k steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import _check
from .._types import AnyArray, Array, Function, Shapes, State
from ..layers.chain import named_layers
from ..networks.sequential import Sequential
from ..parameters import Views
from ..tasks import Batch
from ..training.metrics import restored_statistics
from .finding import Finding, Table
from .objective import Loss, loss_and_gradient

WHERE = "study.truncation"
ALL = "all"  # name of the whole gradient


@dataclass(frozen=True, repr=False, eq=False)
class Truncation(Finding):
    """Result of `truncation`; E is the mean over batches.

    Attributes
    ----------
    cuts : array (C,)
        Numbers of steps k before truncation, ascending; the last is T, the full gradient.
    names : tuple of str (P,)
        "all", then the names of the parameters.
    bias, deviation, cosine : array (C, P) of float64
        ‖E g_k - E g‖ / ‖E g‖, √(E ‖g_k - E g_k‖²) / ‖E g‖, and the cosine between E g_k and E g;
        NaN where E g is 0.
    norms : array (P,)
        ‖E g‖.
    batches : int
        Number of batches.
    """

    kind: ClassVar[str] = "truncation"

    cuts: Array
    names: tuple[str, ...]
    bias: Array
    deviation: Array
    cosine: Array
    norms: Array
    batches: int
    title: str = ""

    def reach(self, share: float = 0.1, name: str = ALL) -> int:
        """Return the smallest measured k from which the bias of a gradient stays within `share`."""
        outside = np.flatnonzero(~(self.bias[:, self.names.index(name)] <= share))
        return int(self.cuts[min(outside[-1] + 1, len(self.cuts) - 1)] if outside.size else self.cuts[0])

    def words(self) -> str:
        """Return the bias at the smallest k, and the k from which the bias stays within 10 %."""
        T, first, reach = int(self.cuts[-1]), int(self.cuts[0]), self.reach()
        enough = f"below 10 % from k = {reach}" if reach < T else "above 10 % for every shorter k"
        return (
            f"truncated after {first} of {T} steps, the gradient has a bias of {100 * self.bias[0, 0]:.3g} % (standard "
            f"deviation over batches: {100 * self.deviation[-1, 0]:.3g} %); the bias is {enough}"
        )

    def table(self) -> Table:
        """Return one row for each k and parameter."""
        C, P = self.bias.shape
        return {
            "k": np.repeat(self.cuts, P),
            "parameter": np.tile(self.names, C),
            "bias": self.bias.ravel(),
            "standard deviation": self.deviation.ravel(),
            "cosine": self.cosine.ravel(),
        }


def truncation(
    net: Sequential, batches: Iterable[Batch], cuts: Sequence[int] | None = None, loss: Loss = None, title: str = "",
    observe: Callable[[int], None] | None = None,
) -> Truncation:  # fmt: skip
    """Measure the error of gradients truncated after k steps; the network is not changed.

    With an output at each step (T, B, K) the sequence runs in windows of k steps: the state passes
    from one window to the next, the gradient does not. With one output (B, K) only the last k steps
    of each sample have gradients. The forward pass does not change. For one linear neuron
    du = Σ_t u^(T-t) h_{t-1} loses all terms with T - t >= k (Li et al. 2018, arXiv:1803.04831,
    eq. 4).

    Parameters
    ----------
    net : Sequential
        Network; it runs as in training. Batch norm over all steps and reverse layers are refused.
    batches : iterable of Batch
        At least one batch; all have the same length T.
    cuts : sequence of int, optional
        Numbers of steps k, from 1 to T; T is added. By default 1, 2, 5, 10, 20, 50, ... up to T.
    loss
        Loss to differentiate, as in `objective.loss_and_gradient`.
    title : str
        Title of the figures.
    observe : callable, optional
        Called after each batch with the number of batches done.

    Raises
    ------
    ValueError
        If there is no batch, the batches differ in T, a k is outside 1 to T, or a layer needs all
        steps at once.
    """
    _check_layers(net)
    steps: list[int] = []
    moments, state = _Moments(0, 0), None
    with restored_statistics(net):
        for n, batch in enumerate(batches):
            if n == 0:
                steps = _steps(cuts, len(batch.x))
                moments = _Moments(len(steps), net.size)
            _check.shape(
                WHERE, f"x of batch {n}", batch.x, (steps[-1], *batch.x.shape[1:]), "as the first batch"
            )
            result = _Pass(net, batch, state if batch.carry else None, loss)
            moments.count += 1
            for c, k in enumerate(steps):
                moments.add(c, result.full if k == steps[-1] else result.cut(k))
            state = result.after
            if observe is not None:
                observe(moments.count)
    _check.at_least(WHERE, "number of batches", moments.count, 1)
    errors = moments.compared(net.params.shapes)
    return Truncation(np.array(steps), (ALL, *net.params), *errors, moments.count, title)


def _check_layers(net: Sequential) -> None:
    """Check that windows compute the same outputs as the whole sequence."""
    because = "because the sequence runs in windows"
    for place, layer in named_layers(net.layers):
        name = f"layers[{place}] {type(layer).__name__}"
        if not layer.causal:
            _check.fail(WHERE, f"{name} reads later steps", "layers that run forward in time", because)
        if layer.stretches_over_time:
            _check.fail(WHERE, f"{name} takes statistics over all steps", "per_step=True, or none", because)


class _Pass:
    """Forward pass of one batch, and its gradient, full or truncated."""

    def __init__(self, net: Sequential, batch: Batch, state: State, loss: Loss) -> None:
        host = net.device.to_host
        self.net, self.state = net, state
        self.x = host(batch.x)
        self.lengths = None if batch.lengths is None else host(batch.lengths)
        y, self.after, tape = net.forward(self.x, state, self.lengths)
        dy = loss_and_gradient(WHERE, net, y, batch.target, loss, self.lengths, batch.mask)[1]
        self.dy, self.full = host(dy), self._flat(net.backward(dy, tape)[2])  # full: (P,) in float64

    def cut(self, k: int) -> Array:
        """Return the gradient truncated after k steps, (P,) in float64."""
        if self.dy.ndim == 2:
            return self._last(k)
        state, total = self.state, np.zeros(self.net.size)
        for t0 in range(0, len(self.x), k):
            part = self.x[t0 : t0 + k]
            ends = None if self.lengths is None else np.clip(self.lengths - t0, 0, len(part))
            y, state, tape = self.net.forward(part, state, ends)
            total += self._flat(self.net.backward(self._like(self.dy[t0 : t0 + k], y), tape)[2])
        return total

    def _last(self, k: int) -> Array:
        """Return the gradient through the last k steps of each sample, all of a shorter sample."""
        T = len(self.x)
        if self.lengths is None:
            before, part, ends = None, self.x[T - k :], None
        else:
            before, ends = np.maximum(self.lengths - k, 0), np.minimum(self.lengths, k)
            rows = np.minimum(before + np.arange(k)[:, None], T - 1)  # (k, B)
            part = np.ascontiguousarray(self.x[rows, np.arange(len(before))])
            self._check_ragged(before)
        state = self.state
        if k < T and (before is None or before.any()):
            state = self.net.forward(self.x[: T - k], state, before)[1]
        y, _, tape = self.net.forward(part, state, ends)
        return self._flat(self.net.backward(self._like(self.dy, y), tape)[2])

    def _check_ragged(self, before: Array) -> None:
        """Refuse samples of different lengths if batch norm or a learned h0 needs aligned steps."""
        if np.all(before == before[0]):
            return
        learned = [name for name in self.net.params if name.split(".")[-1] == "h0"]
        if learned and not before.all():
            because = f"because only samples shorter than k start at the parameter {learned[0]}"
            _check.fail(WHERE, "lengths differ", "equal lengths, or a fixed initial state", because)
        if len(self.net.buffers):
            because = "because each step has its own statistics, and samples end at different steps"
            _check.fail(WHERE, "lengths differ", "equal lengths for a network with batch norm", because)

    def _like(self, dy: Array, y: AnyArray) -> AnyArray:
        return self.net.device.asarray(np.ascontiguousarray(dy), y.dtype)

    def _flat(self, grads: Views) -> Array:
        return self.net.device.to_host(grads.flat).astype(np.float64)


class _Moments:
    """Means and summed squared deviations of gradients over batches, in float64 (Welford 1962)."""

    def __init__(self, cuts: int, size: int) -> None:
        self.mean, self.squares, self.count = np.zeros((cuts, size)), np.zeros((cuts, size)), 0

    def add(self, c: int, g: Array) -> None:
        off = g - self.mean[c]
        self.mean[c] += off / self.count
        self.squares[c] += off * (g - self.mean[c])

    def compared(self, shapes: Shapes) -> tuple[Array, Array, Array, Array]:
        """Return bias, deviation, cosine (C, 1 + parameters) to the last row, and its norms."""
        full = self.mean[-1]
        norm = np.linalg.norm
        bias = _by_parameter(norm, self.mean - full, shapes)
        deviation = np.sqrt(_by_parameter(np.sum, self.squares, shapes) / self.count)
        products = _by_parameter(np.sum, self.mean * full, shapes)
        lengths, norms = _by_parameter(norm, self.mean, shapes), _by_parameter(norm, full[None], shapes)[0]
        with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 is NaN
            return bias / norms, deviation / norms, products / (lengths * norms), norms


def _by_parameter(reduction: Function[Array], rows: Array, shapes: Shapes) -> Array:
    """Reduce all columns of rows (C, P), then those of each parameter: (C, 1 + parameters)."""
    ends = np.cumsum([math.prod(shape) for shape in shapes.values()], dtype=int)
    parts = [rows, *np.split(rows, ends, axis=1)[:-1]]
    return np.stack([reduction(part, axis=1) for part in parts], axis=1)


def _steps(cuts: Sequence[int] | None, T: int) -> list[int]:
    """Return the numbers of steps k, ascending, including T."""
    if cuts is None:
        round_ones = (m * 10**e for e in range(len(str(T))) for m in (1, 2, 5))
        return [k for k in round_ones if k < T] + [T]
    for k in cuts:
        _check.between(WHERE, "k", k, 1, T + 1)
    return sorted({int(k) for k in cuts} | {T})
