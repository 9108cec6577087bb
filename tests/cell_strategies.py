"""What hypothesis draws for the cells with a recurrent matrix: sizes, options and a seed; arrays come from the seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from strategies import ACTIVATIONS, batches, dtypes, maybe_lengths, seeds, steps, units

from indrnn_np import backend

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
each_cell = pytest.mark.parametrize("cell", GATES)
REFERENCE, CPU = backend.get("reference"), backend.get("cpu")
STATES = {"rnn": ("h",), "lstm": ("h", "c"), "gru": ("h",)}
KEPT = {"rnn": ("h",), "lstm": ("h", "c", "gates"), "gru": ("h", "gates")}  # what forward returns
READ = {"rnn": "x W U b h0", "lstm": "x W U b h0 c0", "gru": "x W U b c h0"}  # so do backward's gradients
FOUND = {
    "rnn": "x W U b h0",
    "lstm": "x W U b h0 c0",
    "gru": "x W U b c h0",
}  # whose gradients backward returns


@dataclass
class Problem:
    """A cell with its arrays by name: those of READ, and dh, dhT and dcT, which arrive."""

    cell: str
    rng: np.random.Generator
    arrays: dict[str, np.ndarray]
    options: dict[str, Any]  # lengths, reverse, for rnn activation

    @property
    def ends(self):
        return {name: self.options[name] for name in ("lengths", "reverse")}

    @property
    def valid(self):
        """(T, B, 1): the steps that count."""
        T, B, _ = self.arrays["x"].shape
        lengths = self.options["lengths"]
        return (np.arange(T)[:, None] < (np.full(B, T) if lengths is None else lengths))[:, :, None]

    def forward(self, ops, work=None, **arrays):
        """States and gates by name."""
        given = {**self.arrays, **arrays}
        read = {name: given[name] for name in READ[self.cell].split()}
        found = getattr(ops, self.cell).forward(**read, **self.options, work=work)
        return dict(zip(KEPT[self.cell], found if isinstance(found, tuple) else (found,), strict=True))

    def backward(self, ops, kept, work=None, probe=None, **arrays):
        """Gradients by the name of what they belong to."""
        given = {**self.arrays, **arrays}
        read = {name: given[name] for name in ("dh", "x", "W", "U", *(f"d{s}T" for s in STATES[self.cell]))}
        found = getattr(ops, self.cell).backward(**read, **kept, **self.options, work=work, probe=probe)
        return dict(zip(READ[self.cell].split(), found, strict=True))

    def last(self, kept):
        """Each sample's last states by name."""
        return {name: REFERENCE.recurrence.last(kept[name], **self.ends) for name in STATES[self.cell]}

    def loss(self, **arrays):
        """The scalar whose gradients `backward` gives."""
        kept = self.forward(REFERENCE, **arrays)
        last = self.last(kept)
        read = np.sum(kept["h"][1:] * self.arrays["dh"])
        return read + sum(np.sum(last[name] * self.arrays[f"d{name}T"]) for name in last)


def make(cell, rng, T, B, D, H, dtype="float64", **options):
    """A problem of these sizes; U stretches nothing by more than 1.2, so that float32 lasts over the steps."""
    gates = GATES[cell]
    U = rng.standard_normal((gates * H, H))
    parts = [part * 1.2 / max(1.2, np.linalg.norm(part, 2)) for part in np.split(U, gates)]
    arrays = {
        "x": rng.standard_normal((T, B, D)), "W": rng.standard_normal((gates * H, D)), "U": np.concatenate(parts),
        "b": rng.standard_normal(gates * H), "dh": rng.standard_normal((T, B, H)),
    }  # fmt: skip
    arrays |= {"c": rng.standard_normal(gates * H)} if cell == "gru" else {}
    for name in STATES[cell]:
        arrays |= {f"{name}0": rng.standard_normal((B, H)), f"d{name}T": rng.standard_normal((B, H))}
    options = {"lengths": None, "reverse": False, **options}
    options |= {"activation": options.get("activation", "tanh")} if cell == "rnn" else {}
    return Problem(cell, rng, {name: value.astype(dtype) for name, value in arrays.items()}, options)


@st.composite
def problems(draw, cell, dtypes=dtypes, smooth=False):
    """A problem; `smooth` keeps away from rectified activations, whose kinks differences may cross."""
    rng = np.random.default_rng(draw(seeds))
    T, B, D, H = draw(steps), draw(batches), draw(st.integers(1, 5)), draw(units)
    options = {"lengths": draw(maybe_lengths(rng, T, B)), "reverse": draw(st.booleans())}
    if cell == "rnn":
        known = [name for name, φ in ACTIVATIONS.items() if not (smooth and φ.rectified)]
        options["activation"] = draw(st.sampled_from(known))
    return make(cell, rng, T, B, D, H, draw(dtypes), **options)
