"""What is lost when back-propagation through time is cut after k steps: bias and variance of every gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import _check
from ..layers.chain import named_layers
from ..parameters import Views
from ..sequential import Sequential
from ..tasks import Batch
from .finding import Finding, Table
from .objective import Loss, loss_and_gradient

WHERE = "study.truncation"
ALL = "all"  # the whole gradient, in the first column


@dataclass(frozen=True, repr=False, eq=False)
class Truncation(Finding):
    """What `truncation` measured.

    cuts (C,): the steps k after which the gradient ends, ascending; the last is T, the full gradient. names (P,):
    "all", then the parameters by name. bias, deviation, cosine (C, P), float64: ‖E g_k - E g‖ / ‖E g‖,
    √(E ‖g_k - E g_k‖²) / ‖E g‖ (the spread over batches), and the cosine between E g_k and E g, with E over the
    batches; NaN where E g is 0. norms (P,): ‖E g‖. batches: how many.
    """

    kind: ClassVar[str] = "truncation"

    cuts: np.ndarray
    names: tuple[str, ...]
    bias: np.ndarray
    deviation: np.ndarray
    cosine: np.ndarray
    norms: np.ndarray
    batches: int
    title: str = ""

    def reach(self, share: float = 0.1, name: str = ALL) -> int:
        """The smallest k measured from which on a gradient's bias stays within `share`."""
        outside = np.flatnonzero(~(self.bias[:, self.names.index(name)] <= share))
        return int(self.cuts[min(outside[-1] + 1, len(self.cuts) - 1)] if outside.size else self.cuts[0])

    def words(self) -> str:
        """What the smallest k costs, and how long a k it takes to lose less than 10 %."""
        T, first, reach = int(self.cuts[-1]), int(self.cuts[0]), self.reach()
        enough = (
            f"from k = {reach} on it is off by less than 10 %"
            if reach < T
            else "no shorter k comes within 10 %"
        )
        return (
            f"cut after {first} of {T} steps the gradient is off by {100 * self.bias[0, 0]:.3g} % (spread over "
            f"batches: {100 * self.deviation[-1, 0]:.3g} %); {enough}"
        )

    def table(self) -> Table:
        """A line for each k and parameter."""
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
    """Measure how far the gradient of back-propagation cut after k steps is from the full one; nothing is changed.

    With an output at each step (T, B, K) the sequence is run in windows of k steps; the state is handed on, its
    gradient ends at each window's edge. With the last step's output (B, K) only the last k steps of each sample carry
    gradient, from the state before them. The forward pass is the same, so dy = ∂L/∂y is: for one linear neuron
    du = Σ_t u^(T-t) h_{t-1} loses all terms with T - t >= k (Li et al. 2018, arXiv:1803.04831, eq. 4).

    Parameters
    ----------
    net
        The network; it runs as in training. Batch norm over the whole sequence and layers in reverse are refused.
    batches
        At least one tasks.Batch, all of one length T; bias and spread are over them.
    cuts
        Steps k, from 1 to T; T is always added. None: 1, 2, 5, 10, 20, 50, ... up to T.
    loss
        Whose gradient: objective.loss_and_gradient says what is taken by default.
    title
        Whose finding it is, for pictures.
    observe
        Called with the number of batches done, for a progress bar.

    Raises
    ------
    ValueError
        Without a batch, for batches of several lengths, for k outside 1 to T, for a layer that joins all steps.
    """
    _check_layers(net)
    kept = net.ops.copy(net.buffers.flat)
    try:
        steps, moments = _measure(net, batches, cuts, loss, observe)
    finally:
        net.ops.assign(net.buffers.flat, kept)
    _check.at_least(WHERE, "number of batches", moments.count, 1)
    found = moments.compared(net.params.shapes)
    return Truncation(np.array(steps), (ALL, *net.params), *found, moments.count, title)


def _measure(net: Any, batches: Any, cuts: Any, loss: Loss, observe: Any) -> tuple[list[int], _Moments]:
    """The steps k, and the sums over the batches for each."""
    steps: list[int] = []
    moments, state = _Moments(0, 0), None
    for n, batch in enumerate(batches):
        if n == 0:
            steps = _steps(cuts, len(batch.x))
            moments = _Moments(len(steps), net.size)
        _check.shape(WHERE, f"x of batch {n}", batch.x, (steps[-1], *batch.x.shape[1:]), "as the first batch")
        one = _Pass(net, batch, state if batch.carry else None, loss)
        moments.count += 1
        for c, k in enumerate(steps):
            moments.add(c, one.full if k == steps[-1] else one.cut(k))
        state = one.after
        if observe is not None:
            observe(moments.count)
    return steps, moments


def _check_layers(net: Sequential) -> None:
    """Check that windows of the sequence compute what the whole one does."""
    because = "because the sequence is run in parts"
    for place, layer in named_layers(net.layers):
        name = f"layers[{place}] {type(layer).__name__}"
        if not layer.causal:
            _check.fail(WHERE, f"{name} reads later steps", "layers that walk forward in time", because)
        if layer.stretches_over_time:
            _check.fail(WHERE, f"{name} takes statistics over all steps", "per_step=True, or none", because)


class _Pass:
    """One batch: its forward pass, and its gradient, whole or cut."""

    def __init__(self, net: Sequential, batch: Batch, state: Any, loss: Loss) -> None:
        host = net.ops.to_host
        self.net, self.state = net, state
        self.x = host(batch.x)
        self.lengths = None if batch.lengths is None else host(batch.lengths)
        y, self.after, tape = net.forward(self.x, state, self.lengths)
        dy = loss_and_gradient(WHERE, net, y, batch.target, loss, self.lengths, batch.mask)[1]
        self.dy, self.full = host(dy), self._flat(net.backward(dy, tape)[2])  # full: (P,) in float64

    def cut(self, k: int) -> np.ndarray:
        """The gradient of back-propagation cut after k steps, (P,) in float64."""
        if self.dy.ndim == 2:
            return self._last(k)
        state, total = self.state, np.zeros(self.net.size)
        for t0 in range(0, len(self.x), k):
            part = self.x[t0 : t0 + k]
            ends = None if self.lengths is None else np.clip(self.lengths - t0, 0, len(part))
            y, state, tape = self.net.forward(part, state, ends)
            total += self._flat(self.net.backward(self._like(self.dy[t0 : t0 + k], y), tape)[2])
        return total

    def _last(self, k: int) -> np.ndarray:
        """Each sample's last k steps carry gradient; a sample with fewer carries it through all of them."""
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

    def _check_ragged(self, before: np.ndarray) -> None:
        """Samples whose last k steps are not the same steps of the batch."""
        if np.all(before == before[0]):
            return
        learned = [name for name in self.net.params if name.split(".")[-1] == "h0"]
        if learned and not before.all():
            because = f"because samples shorter than k start at the parameter {learned[0]}, the others do not"
            _check.fail(WHERE, "lengths differ", "equal lengths, or a fixed initial state", because)
        if len(self.net.buffers):
            because = "because samples end at different steps, and statistics are those of a step"
            _check.fail(WHERE, "lengths differ", "equal lengths for a network with batch norm", because)

    def _like(self, dy: np.ndarray, y: Any) -> Any:
        return self.net.ops.asarray(np.ascontiguousarray(dy), y.dtype)

    def _flat(self, grads: Views) -> np.ndarray:
        return self.net.ops.to_host(grads.flat).astype(np.float64)


class _Moments:
    """Means and summed squared deviations of gradients over batches, in float64 (Welford 1962)."""

    def __init__(self, cuts: int, size: int) -> None:
        self.mean, self.squares, self.count = np.zeros((cuts, size)), np.zeros((cuts, size)), 0

    def add(self, c: int, g: np.ndarray) -> None:
        off = g - self.mean[c]
        self.mean[c] += off / self.count
        self.squares[c] += off * (g - self.mean[c])

    def compared(self, shapes: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Bias, deviation and cosine (C, 1 + number of parameters) beside the last row, and its norms."""
        full = self.mean[-1]
        bias = _norms(self.mean - full, shapes)
        deviation = np.sqrt(
            np.stack([s.sum(axis=1) for s in _parts(self.squares, shapes)], axis=1) / self.count
        )
        products = np.stack([s.sum(axis=1) for s in _parts(self.mean * full, shapes)], axis=1)
        lengths, norms = _norms(self.mean, shapes), _norms(full[None], shapes)[0]
        with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 is NaN, as told
            return bias / norms, deviation / norms, products / (lengths * norms), norms


def _parts(rows: np.ndarray, shapes: Any) -> Iterator[np.ndarray]:
    """All columns of rows (C, P), then those of each parameter."""
    yield rows
    start = 0
    for shape in shapes.values():
        size = int(np.prod(shape))
        yield rows[:, start : start + size]
        start += size


def _norms(rows: np.ndarray, shapes: Any) -> np.ndarray:
    return np.stack([np.linalg.norm(part, axis=1) for part in _parts(rows, shapes)], axis=1)


def _steps(cuts: Sequence[int] | None, T: int) -> list[int]:
    """The steps k, ascending, T among them."""
    if cuts is None:
        round_ones = (m * 10**e for e in range(len(str(T))) for m in (1, 2, 5))
        return [k for k in round_ones if k < T] + [T]
    for k in cuts:
        _check.between(WHERE, "k", k, 1, T + 1)
    return sorted({int(k) for k in cuts} | {T})
