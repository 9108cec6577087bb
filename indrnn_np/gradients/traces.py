"""State and traces of a cell: the derivative of its state with respect to its own parameters, step by step."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from .._types import Array
from ..networks.sequential import Sequential
from ..ops.recurrence.activation import ACTIVATIONS
from .cells import Cell, scale_of, times


class Traces:
    """State h of a cell, its traces, and what a step needs of it.

    Attributes
    ----------
    h : array (B, H)
        State.
    e : dict of str to array
        Traces: "u", "b" and "0" are (B, H); "W" is (B, H, D).
    x, slope, h_prev : array
        Of the last step: the input (B, D), φ' (B, H), and the state before.
    u, weight_slope : array (H,) or 1
        Recurrent weight, and its derivative with respect to the parameter, 1 or du/dν.
    """

    def __init__(self, net: Sequential, cell: Cell, B: int, D: int, follow_W: bool) -> None:
        self.cell, prefix = cell, cell.u.removesuffix(cell.layer.weight_name)
        self._ctx = dataclasses.replace(net.contexts()[0], prefix=prefix)
        self._read_weight()
        H, dtype = len(self.u), net.dtype
        self.W = net.params[cell.W] if cell.W else None
        self.b = net.params[cell.b] if cell.b else None
        self.scale = scale_of(net, cell.rates, B, D)
        start = net.params[cell.h0] if cell.h0 else np.zeros(H, dtype)
        self.h = np.array(np.broadcast_to(start, (B, H)))
        self.e = {name: np.zeros((B, H), dtype) for name in ("u", "b")} | {"0": np.ones((B, H), dtype)}
        if follow_W:
            self.e["W"] = np.zeros((B, H, D), dtype)
        self.x = self.slope = self.h_prev = self.h

    def step(self, x: Array, active: Array | None) -> Array:
        """Advance by one time step, and return the state; samples that are not active stay as they are."""
        φ, self.x, self.h_prev = ACTIVATIONS[self.cell.activation], times(x, self.scale), self.h
        a = self.x if self.W is None else self.x @ self.W.T
        a = a if self.b is None else a + self.b
        self._read_weight()
        h = φ.array_phi(a + self.u * self.h)
        self.slope = φ.array_dphi(h)
        new = {
            "u": self.slope * (self.weight_slope * self.h_prev + self.u * self.e["u"]),
            "b": self.slope * (1 + self.u * self.e["b"]),
            "0": self.slope * self.u * self.e["0"],
        }
        if "W" in self.e:
            inner = self.x[:, None, :] + self.u[:, None] * self.e["W"]
            new["W"] = self.slope[:, :, None] * inner
        self.h = keep(h, self.h, active)
        self.e = {name: keep(trace, self.e[name], active) for name, trace in new.items()}
        return self.h

    def _read_weight(self) -> None:
        """Set u and its derivative from the parameters of now."""
        self.u, self.weight_slope = self.cell.layer.weight(self._ctx), self.cell.layer.weight_slope(self._ctx)

    def arrays(self) -> tuple[Array, ...]:
        """Return the state and the traces, from which `load` continues."""
        return self.h, *self.e.values()

    def load(self, arrays: Sequence[Array]) -> None:
        """Continue from the arrays that `arrays` returned."""
        self.h, self.e = arrays[0], dict(zip(self.e, arrays[1:], strict=True))

    def sources(self, inputs: bool) -> dict[str, Array]:
        """Return the traces (B, H) that higher layers follow; with `inputs` also the columns of E, as "W0", ..."""
        wanted = {"u": self.cell.u, "b": self.cell.b, "0": self.cell.h0}
        sources = {name: self.e[name] for name, parameter in wanted.items() if parameter}
        return sources | (
            {f"W{d}": self.e["W"][:, :, d] for d in range(self.e["W"].shape[2])} if inputs else {}
        )


def keep(new: Array, old: Array, active: Array | None) -> Array:
    """Return `new` for active samples and `old` for the others."""
    return new if active is None else np.where(active.reshape(-1, *[1] * (new.ndim - 1)), new, old)


def through_layer(top: Traces, below: Array) -> Array:
    """Return W diag(scale) S (B, H, N) for S (B, M, N), or for a diagonal S given as (B, M)."""
    if below.ndim == 2:
        W = np.eye(below.shape[1], dtype=below.dtype) if top.W is None else top.W
        return W[None] * times(below, top.scale)[:, None, :]
    scaled = below if top.scale is None else top.scale[:, :, None] * below
    return scaled if top.W is None else top.W @ scaled
