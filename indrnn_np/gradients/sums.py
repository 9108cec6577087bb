"""Sums of online gradients over time steps and samples, by the name of the parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .._types import Array
from .cells import times
from .traces import Traces


class Sums:
    """Sums of gradients; `by_name` holds an array for each parameter that has one."""

    def __init__(self, by_name: dict[str, Array]) -> None:
        self.by_name = by_name

    def add(self, name: str, gradient: Array) -> None:
        """Add a gradient of a parameter; "" is no parameter."""
        if name:
            self.by_name[name] += gradient

    def add_traces(self, traces: Traces, g: Array) -> None:
        """Add Σ_b g ⊙ e of a cell, for the gradient g (B, H) of its state."""
        cell, e = traces.cell, traces.e
        for name, trace in ((cell.u, "u"), (cell.b, "b"), (cell.h0, "0")):
            self.add(name, np.einsum("bn,bn->n", g, e[trace]))
        if "W" in e:
            self.add(cell.W, np.einsum("bn,bnd->nd", g, e["W"]))

    def add_exact(self, stack: Sequence[Traces], S: Mapping[tuple[int, str], Array], g: Array) -> None:
        """Add the gradients from the traces of the top cell and the sensitivities S of its state."""
        self.add_traces(stack[-1], g)
        for (low, source), sensitivity in S.items():
            cell, total = stack[low].cell, np.einsum("bm,bmn->n", g, sensitivity)
            if source.startswith("W"):
                self.by_name[cell.W][:, int(source[1:])] += total
            else:
                self.add({"u": cell.u, "b": cell.b, "0": cell.h0}[source], total)

    def add_through_depth(self, stack: Sequence[Traces], g: Array, with_traces: bool) -> None:
        """Add the gradients of an error that passes down through the layers at the same step."""
        for traces in reversed(stack):
            da, cell = traces.slope * g, traces.cell
            if with_traces:
                self.add_traces(traces, g)
            else:  # without memory: the share of this step alone
                self.add(cell.u, traces.weight_slope * (da * traces.h_prev).sum(axis=0))
                self.add(cell.b, da.sum(axis=0))
                if cell.W:
                    self.add(cell.W, da.T @ traces.x)
            g = times(da if traces.W is None else da @ traces.W, traces.scale)
