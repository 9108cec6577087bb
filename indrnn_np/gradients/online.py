"""Gradients forward in time (real-time recurrent learning, RTRL), in memory that does not depend on T.

The Jacobian of an IndRNN layer is diagonal, so the derivative of its state with respect to its own weights has the
size of the weights, and follows the state step by step (Williams & Zipser 1989):

    e^u_t = φ'_t ⊙ (h_{t-1} + u ⊙ e^u_{t-1})          e^b_t = φ'_t ⊙ (1 + u ⊙ e^b_{t-1})
    E_t = φ'_t ⊙ (1 x_tᵀ + u ⊙ E_{t-1})                e^0_t = φ'_t ⊙ u ⊙ e^0_{t-1},   e^0_0 = 1

    du = Σ_{t,b} g_t ⊙ e^u_t,   dW = Σ_{t,b} g_t ⊙ E_t,   ...     g_t = ∂L_t/∂h_t of step t's own loss

For a weight of a lower layer l, the states of the layers k above are followed too:

    S^k_t = φ'_k ⊙ (W^k S^{k-1}_t + u^k ⊙ S^k_{t-1}),   S^l = e^l (diagonal)      (H, H) numbers a sample
"""

from __future__ import annotations

import numpy as np

from .. import _check
from .._check import convert
from .._types import Array, ArrayInput
from ..networks.sequential import Sequential
from ..optim.class_options import NEITHER, ClassOptions
from ..optim.losses import LOSSES
from .cells import WHERE, check_size, scale_of, stack_of, times
from .sensitivities import Sensitivities
from .sums import Sums
from .traces import Traces

OnlineState = tuple[tuple[Array, ...], ...]  # (h, traces) of each recurrent layer, then the sensitivities
EXACT, TRACES, DEPTH = "exact", "traces", "depth-only"
RULES = (EXACT, TRACES, DEPTH)
FEW_INPUTS = 2  # inputs of a first layer whose W has exact gradients in a stack


class Online:
    """Online gradients of a network; `online` documents the arguments. `count` is the weight of the targets so far."""

    def __init__(
        self, net: Sequential, rule: str = EXACT, loss: str | None = None, classes: ClassOptions = NEITHER
    ) -> None:  # fmt: skip
        _check.choice(WHERE, "rule", rule, RULES)
        if net.device.arrays is not np.ndarray:
            because = "because online gradients have no kernels for a GPU"
            _check.fail(WHERE, f"the backend is {net.backend!r}", "'cpu' or 'reference'", because)
        self.net, self.rule, self.stack = net, rule, stack_of(net)
        if loss is not None:
            _check.choice(WHERE, "loss", loss, LOSSES)
        self.loss_name, self._classes, cells = loss, classes, self.stack.cells
        self._lower_inputs = bool(cells[0].W) and net.params[cells[0].W].shape[1] <= FEW_INPUTS
        if rule == EXACT and len(cells) > 1:
            check_size([len(net.params[cell.u]) for cell in cells])
        self.missing = self._missing()
        self._traces: list[Traces] = []
        self.reset()

    def _missing(self) -> tuple[str, ...]:
        """Return the names of the parameters without an exact gradient; none for the other rules."""
        lower = self.stack.cells[:-1] if self.rule == EXACT else []
        return tuple(cell.W for i, cell in enumerate(lower) if cell.W and not (i == 0 and self._lower_inputs))

    def reset(self) -> None:
        """Forget loss and gradient, but not the states and traces."""
        net, readout = self.net, self.stack.readout
        names = [name for cell in self.stack.cells for name in cell.names]
        names += [name for name in (readout.W, readout.b) if name]
        self._sums = Sums({n: np.zeros_like(net.params[n]) for n in names if n not in self.missing})
        self._total, self.count = 0.0, 0.0
        self.dh0 = (
            np.zeros_like(self._traces[-1].h) if self._traces else None
        )  # of the top cell's initial state

    def start(self, B: int, D: int, state: OnlineState | None = None) -> None:
        """Begin B sequences of D inputs at their initial states, or continue from the result of `state`."""
        cells, sizes = self.stack.cells, [D]
        self._traces = []
        for i, cell in enumerate(cells):
            top, first = i == len(cells) - 1, i == 0 and self._lower_inputs
            follow = bool(cell.W) and (self.rule == TRACES or (self.rule == EXACT and (top or first)))
            self._traces.append(Traces(self.net, cell, B, sizes[-1], follow))
            sizes.append(len(self._traces[-1].u))
        self._S = Sensitivities(self._traces if self.rule == EXACT else [], self._lower_inputs)
        if state is not None:
            for traces, arrays in zip(self._traces, state[:-1], strict=True):
                traces.load(arrays)
            self._S.load(state[-1])
        self._scale = scale_of(self.net, self.stack.readout.rates, B, sizes[-1])
        self.reset()

    def state(self) -> OnlineState:
        """Return state and traces of each recurrent layer, and the sensitivities; `start` continues from them."""
        return *(traces.arrays() for traces in self._traces), self._S.arrays()

    def step(
        self, x_t: ArrayInput, target_t: ArrayInput = None, mask: Array | None = None, active: Array | None = None
    ) -> Array:  # fmt: skip
        """Advance by one time step, and add the gradient of its loss.

        Parameters
        ----------
        x_t : array (B, D)
            Input.
        target_t : array (B,) of int or (B, K), optional
            Target of this step; None: the step has no loss.
        mask : array (B,) of bool, optional
            Samples whose target counts.
        active : array (B,) of bool, optional
            Samples that have not ended.

        Returns
        -------
        y_t : array (B, K)
            Output.
        """
        x_t = convert.array(WHERE, "x_t", x_t, self.net.dtype)
        _check.arrays(WHERE, "x_t: any B D", x_t)
        if not self._traces:
            self.start(x_t.shape[0], x_t.shape[1])
        h = x_t
        for traces in self._traces:
            h = traces.step(h, active)
        self._S.step(active)
        h = times(h, self._scale)
        readout, params = self.stack.readout, self.net.params
        y = h @ params[readout.W].T + params[readout.b] if readout.W else h
        if target_t is not None:
            target_t = self._converted(target_t)
            self._add(h, y, target_t, mask if active is None else active if mask is None else mask & active)
        return y

    def _add(self, h: Array, y: Array, target: Array, mask: Array | None) -> None:
        """Add loss and gradient of a step; h is the input of the read-out."""
        net, readout = self.net, self.stack.readout
        counted = target if mask is None else target[mask]
        if not len(counted):
            return
        name = self.loss_name or ("softmax_cross_entropy" if target.dtype.kind in "iu" else "mse")
        labels = name == "softmax_cross_entropy"
        count = self._classes.weight(counted) if labels else len(counted) * y.shape[1]
        loss, dy = self._classes.loss(name, y, target, mask, net.ops)
        self._total, self.count = self._total + loss * count, self.count + count
        dy = dy * y.dtype.type(count)
        g = dy
        if readout.W:
            self._sums.add(readout.W, dy.T @ h)
            self._sums.add(readout.b, dy.sum(axis=0))
            g = dy @ net.params[readout.W]
        g = times(g, self._scale)
        self.dh0 += g * self._traces[-1].e["0"]
        if self.rule == EXACT:
            self._sums.add_exact(self._traces, self._S.of_top(), g)
        else:
            self._sums.add_through_depth(self._traces, g, with_traces=self.rule == TRACES)

    def _converted(self, target: ArrayInput) -> Array:
        """Return a target as an array; real numbers in the precision of the network."""
        target = convert.array(WHERE, "target", target)
        return target.astype(self.net.dtype, copy=False) if target.dtype.kind == "f" else target

    def loss(self) -> float:
        """Return the mean loss of the targets so far; NaN before the first one."""
        return self._total / self.count if self.count else float("nan")

    def gradient(self) -> dict[str, Array]:
        """Return the gradient of the mean loss so far, by name, without the parameters in `missing`."""
        return {name: total / (self.count or 1) for name, total in self._sums.by_name.items()}

    def run(
        self, x: ArrayInput, target: ArrayInput, lengths: ArrayInput = None, mask: ArrayInput = None,
        state: OnlineState | None = None,
    ) -> float:  # fmt: skip
        """Run whole sequences from the start, or continue from a state, and return their mean loss.

        Parameters
        ----------
        x : array (T, B, D)
            Inputs.
        target : array
            Targets of every step, (T, B) or (T, B, K); with LastStep of the last step of each sample, (B,) or (B, K).
        lengths : int array (B,), optional
            Sequence length of each sample.
        mask : bool array, optional
            Targets that count.
        state : tuple, optional
            Result of `state` after earlier time steps of the same samples.
        """
        x, target = convert.array(WHERE, "x", x, self.net.dtype), self._converted(target)
        _check.arrays(WHERE, "x: any T B D", x)
        T, B, D = x.shape
        ends = np.full(B, T) if lengths is None else convert.array(WHERE, "lengths", lengths)
        _check.lengths(WHERE, ends, T, B)
        if self.stack.last and B and ends.min() < 1:
            because = "because the loss reads the last step of each sample"
            _check.fail(WHERE, f"lengths[{int(ends.argmin())}] is 0", "at least 1", because)
        self.start(B, D, state)
        for t in range(T):
            active = None if lengths is None else np.less(t, ends)
            if self.stack.last:
                counted = np.equal(t, ends - 1) & (True if mask is None else mask)
                self.step(x[t], target if counted.any() else None, counted, active)
            else:
                self.step(x[t], target[t], None if mask is None else mask[t], active)
        return self.loss()


def online(net: Sequential, rule: str = EXACT, loss: str | None = None) -> Online:
    """Return online gradients of a network: fed step by step, in memory that does not depend on T.

    Parameters
    ----------
    net : Sequential
        IndRNN and Recurrence layers, Linear before a Recurrence and as the read-out, Dropout, LastStep. It does
        not change; its parameters are read at each step.
    rule : {"exact", "traces", "depth-only"}
        "exact": the gradient of BPTT, for the top recurrent layer, u and b of the layers below, and the first W if
        it has at most 2 inputs. Stacks have at most 4 layers of 64 units. "traces": the error passes down through
        the layers at the same step and meets the traces of each layer (Zucchet et al. 2023, arXiv:2305.15947).
        "depth-only": the same without traces. The last two are approximate below the top layer.
    loss : str, optional
        "mse", "softmax_cross_entropy" or "binary_cross_entropy". By default by the dtype of the target.

    Returns
    -------
    Online
        `step(x_t, target_t)` returns y_t; `gradient()` and `loss()` are those of all steps so far; `missing` names
        the parameters without an exact gradient.

    Raises
    ------
    ValueError
        If a layer has no online gradient, or a stack is too large for "exact".

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_np as ir
    >>> net = ir.Sequential([ir.IndRNN(2, 8), ir.Linear(8, 1)], steps=100, dtype="float64")
    >>> learner, rng = ir.online(net), np.random.default_rng(0)
    >>> for t in range(100):
    ...     x_t = rng.standard_normal((4, 2))
    ...     y_t = learner.step(x_t, target_t=x_t[:, :1])
    >>> {name: gradient.shape for name, gradient in learner.gradient().items()}
    {'0.W': (8, 2), '0.u': (8,), '0.b': (8,), '1.W': (1, 8), '1.b': (1,)}
    """
    if not isinstance(net, Sequential):
        _check.fail(WHERE, f"net is {net!r:.60}", "a network such as ir.Sequential([...])", error=TypeError)
    return Online(net, rule, loss)
