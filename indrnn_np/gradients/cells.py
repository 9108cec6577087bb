"""A network as a stack of cells h_t = φ(W x_t + u ⊙ h_{t-1} + b) with an affine read-out, for online gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .. import _check
from .._types import Array
from ..layers import Dropout, IndRNN, LastStep, Layer, Linear, Recurrence
from ..layers.recurrent import Independent
from ..networks.sequential import Sequential

WHERE = "online"
MOST_UNITS, MOST_LAYERS = 64, 4  # of a stack with exact gradients
EXPECTED = "IndRNN or Recurrence layers, Linear, Dropout and LastStep"


@dataclass
class Cell:
    """A recurrent layer with the names of its parameters; "" for a parameter that it does not have.

    `u` is the name of ν if the layer has `u_form="exp"`. `rates` are the dropout rates and layer
    indices before W.
    """

    layer: Independent
    u: str
    W: str = ""
    b: str = ""
    h0: str = ""
    rates: tuple[tuple[int, float], ...] = ()

    @property
    def activation(self) -> str:
        """Name of φ."""
        return self.layer.activation

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(name for name in (self.W, self.u, self.b, self.h0) if name)


@dataclass
class Readout:
    """An affine read-out, or the identity without W."""

    W: str = ""
    b: str = ""
    rates: tuple[tuple[int, float], ...] = ()


@dataclass
class Stack:
    """The cells of a network from input to output, and its read-out; `last` is True if it reads the last step only."""

    cells: list[Cell]
    readout: Readout
    last: bool


def stack_of(net: Sequential) -> Stack:
    """Return the network as a stack.

    Raises
    ------
    ValueError
        If a layer has no place in it; the message names the layer and the reason.
    """
    cells: list[Cell] = []
    rates: list[tuple[int, float]] = []
    pending: tuple[str, str] | None = None  # W and b of a Linear layer
    last = False
    for i, layer in enumerate(net.layers):
        if isinstance(layer, Dropout):
            if pending:
                _refuse(i, layer, "between a Linear layer and its recurrence")
            rates += [(i, layer.rate)] if layer.rate else []
        elif isinstance(layer, LastStep):
            last = True
        elif isinstance(layer, Linear):
            if pending:
                _refuse(i, layer, "after another Linear layer")
            pending = f"{i}.W", f"{i}.b"
        elif isinstance(layer, IndRNN | Recurrence) and not last:
            if layer.reverse:
                _refuse(i, layer, "in reverse, which reads later steps")
            cell = Cell(layer, f"{i}.{layer.weight_name}", rates=tuple(rates))
            if isinstance(layer, IndRNN):
                if pending:
                    _refuse(i, layer, "after a Linear layer")
                cell.W, cell.b, cell.h0 = f"{i}.W", f"{i}.b", f"{i}.h0" * layer.learn_h0
            elif pending:
                cell.W, cell.b = pending
            cells.append(cell)
            rates, pending = [], None
        else:
            _refuse(i, layer, "")
    if not cells:
        _check.fail(WHERE, "the network has no recurrent layer", "at least one IndRNN or Recurrence")
    return Stack(cells, Readout(*(pending or ("", "")), rates=tuple(rates)), last)


def exact_fits(units: Sequence[int]) -> bool:
    """Return whether a network with recurrent layers of these units has exact online gradients."""
    return len(units) == 1 or (len(units) <= MOST_LAYERS and max(units) <= MOST_UNITS)


def check_size(units: Sequence[int]) -> None:
    """Refuse stacks whose sensitivities are too large; `units` are those of the recurrent layers."""
    because = "because (H, H) sensitivities are followed for each pair of layers; rule='traces' is cheap"
    if len(units) > MOST_LAYERS:
        _check.fail(
            WHERE, f"the network has {len(units)} recurrent layers", f"at most {MOST_LAYERS}", because
        )
    if max(units) > MOST_UNITS:
        _check.fail(WHERE, f"a layer has {max(units)} units", f"at most {MOST_UNITS} in a stack", because)


def _refuse(i: int, layer: Layer, where: str) -> None:
    """Raise an error for a layer that has no online gradient."""
    problem = f"layer {i} is a {type(layer).__name__}" + (f" {where}" if where else "")
    _check.fail(WHERE, problem, EXPECTED, "whose gradients can be carried forward in time")


def scale_of(net: Sequential, rates: tuple[tuple[int, float], ...], B: int, size: int) -> Array | None:
    """Return the product of the dropout masks (B, size) before a layer, or None."""
    scale = None
    for i, rate in rates:
        key = net.contexts(training=True)[i].key("dropout")
        mask = net.ops.dropout.mask((B, size), rate, key, net.dtype)
        scale = mask if scale is None else scale * mask
    return scale


def times(x: Array, scale: Array | None) -> Array:
    """Return x ⊙ scale; None is 1."""
    return x if scale is None else x * scale
