"""Recurrent layers over pieces of time: rank r of N runs the time steps [r T/N, (r+1) T/N).

    rank           0            1            2            3
    time steps     [0, T/4)     [T/4, T/2)   [T/2, 3T/4)  [3T/4, T)
    forward        h0 ───────── s1 ───────── s2 ───────── s3 ──>      the state before each piece
    backward       <─────────── c1 ───────── c2 ───────── c3 ── 0     the gradient of that state

The first piece of a direction runs at once. Meanwhile, the other ranks find the maps of their pieces
(time_maps.py). One Allgather sends all maps to all ranks. Each rank applies the maps of the pieces
before its own, in order, and runs its piece from there.

With tanh and sigmoid there is no map of the state, and numbers of a map may overflow. The state then
passes from rank to rank: each rank waits for the rank before. This is exact, and as slow as one rank.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._types import AnyArray, Array, Record, State
from ..layers import IndRNN, Layer
from ..layers.context import Context
from ..layers.recurrent import Independent
from ..ops.recurrence.activation import ACTIVATIONS
from .ranks import OneRank
from .time_maps import GradientMap, StateMap

# Runs a piece from the state or gradient before it. The second result is that after the piece.
Run = Callable[[State], tuple[AnyArray, State, Record]]


class Piece(Layer):
    """A recurrent layer that runs the time steps of this rank; the ranks pass the state on."""

    def __init__(self, layer: Independent, ranks: OneRank) -> None:
        self.layer, self.ranks = layer, ranks

    def forward(self, x: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State, Record]:
        closed_form = ACTIVATIONS[self.layer.activation].limits is not None
        piece_map = StateMap(self.layer, x, ctx) if closed_form else None
        like = np.zeros((x.shape[1], self.layer.state_size), ctx.dtype)
        return across(self.ranks, 1, lambda before: self.layer.forward(x, before, ctx), piece_map, like)

    def backward(
        self, dy: AnyArray, tape: Record, dstate: State, ctx: Context
    ) -> tuple[AnyArray, State, dict[str, AnyArray]]:
        h = tape[1] if isinstance(self.layer, IndRNN) else tape
        piece_map, like = GradientMap(self.layer, dy, h, ctx), np.zeros_like(h[0])
        return across(
            self.ranks, -1, lambda after: self.layer.backward(dy, tape, after, ctx), piece_map, like
        )


def across(
    ranks: OneRank, step: int, run: Run, piece_map: StateMap | GradientMap | None, like: Array
) -> tuple[AnyArray, State, Record]:
    """Run the pieces of all ranks in a direction, and return the result of this rank's `run`.

    Parameters
    ----------
    ranks : OneRank
        Ranks with a piece each.
    step : int
        1 from the first rank to the last, -1 from the last rank to the first.
    run : callable
        Runs the piece of this rank from what is carried into it, (B, H), or from None.
    piece_map : StateMap, GradientMap or None
        Map of this rank's piece. None: there is no map, and the ranks run in turn.
    like : array (B, H)
        Zeros with shape and dtype of what is carried.
    """
    place = ranks.rank if step == 1 else ranks.size - 1 - ranks.rank
    result = run(None) if place == 0 else None
    if piece_map is not None:
        if place == ranks.size - 1 or result is not None:  # nothing reads the map of the last piece
            own = piece_map.constant(like if result is None else result[1])
        else:
            own = piece_map.compose()
        starts, safe = piece_map.carried(*(every[::step] for every in ranks.gather_arrays(*own)))
        if safe:
            return run(starts[place]) if result is None else result

    def turn(start: Array) -> Array:
        nonlocal result
        result = run(start) if result is None else result
        return result[1]

    ranks.relay(turn, like, step)
    assert result is not None
    return result
