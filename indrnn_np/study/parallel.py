"""How a trained network behaves under the scan over time: memory of chunks, closed gates, passes and errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from .. import _check
from .._types import AnyArray, Array, Json, Slice
from ..layers.recurrent import Independent
from ..networks.sequential import Sequential
from ..ops.recurrence import cpu, parallel_cpu, scan
from ..ops.recurrence.activation import ACTIVATIONS
from .finding import Finding, Table
from .states import ends_of, parts, record_states, with_weight

POINTS = 65  # states at which a map is drawn
MAPS = (1, 4, 16, 64, 256)  # steps after which a map is drawn
BEFORE = 64  # steps before the largest state at which the maps begin
BY_NEURON = ("memory", "closed", "serial_error", "scan_error")
BY_LAYER = (
    "chunk",
    "columns",
    "passes",
    "serial_columns",
    "exact_columns",
    "map_neuron",
    "map_from",
    "map_to",
)
ULP = float(np.finfo("float32").eps)


@dataclass(frozen=True, repr=False, eq=False)
class Parallel(Finding):
    """Result of `parallel` for N neurons in L recurrent layers, from input to output.

    Attributes
    ----------
    layers, sizes, activations : tuple (L,)
        Names of the layers, numbers of neurons, and activations.
    chunk, columns, passes, serial_columns, exact_columns : array (L,)
        Steps of a chunk; neurons times samples; passes over all chunks; columns that were computed
        serially; columns with the bits of the serial recurrence.
    spans : array (S,)
        Chunk lengths in steps: powers of two.
    memory : array (S, N)
        Largest |Π u φ'| over a chunk of each length, over chunks and samples: what a change of the
        state before the chunk is multiplied by.
    closed : array (N,)
        Share of time steps with φ' = 0.
    serial_error, scan_error : array (N,)
        Largest error against float64, in units of 2^-23 of the column's largest state.
    map_steps : array (M,)
        Numbers of steps of the maps.
    map_neuron, map_from : array (L,), array (L, P)
        Neuron of each layer with the longest memory, and P states before the steps.
    map_to : array (L, M, P)
        State of that neuron after these steps, around its largest state.
    """

    kind: ClassVar[str] = "parallel"

    layers: tuple[str, ...]
    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    chunk: Array
    columns: Array
    passes: Array
    serial_columns: Array
    exact_columns: Array
    spans: Array
    memory: Array
    closed: Array
    serial_error: Array
    scan_error: Array
    map_steps: Array
    map_neuron: Array
    map_from: Array
    map_to: Array
    title: str = ""

    def of_layers(self) -> list[tuple[str, Slice]]:
        """Return the name of each layer and the slice of its neurons among the N."""
        return parts(self.layers, self.sizes)

    def kept(self) -> list[Array]:
        """Return the largest |Π u φ'| over a chunk of the layer's own length, for the neurons of each layer."""
        pairs = zip(self.chunk, self.of_layers(), strict=True)
        return [self.memory[self.spans == L, part][0] for L, (_, part) in pairs]

    def words(self) -> str:
        """Return the memory of chunks, the closed gates, the passes and both errors."""
        kept = [products.max() for products in self.kept()]
        i, passes = int(np.argmax(kept)), self.passes.max()
        return (
            f"a chunk of {self.chunk[i]} steps multiplies a change of the state before it by at most {kept[i]:.2g} "
            f"(layer {self.layers[i]}); {self.closed.mean():.0%} of the gates are closed; "
            f"{passes} pass{'es' if passes > 1 else ''} over the chunks; {self.exact_columns.sum():,} of "
            f"{self.columns.sum():,} columns have the serial bits, {self.serial_columns.sum():,} were "
            "computed serially; "
            f"largest error {self.scan_error.max():.2g} ulp, serially {self.serial_error.max():.2g}"
        )

    def table(self) -> Table:
        """Return one row for each neuron."""
        return {
            "layer": np.repeat(self.layers, self.sizes),
            "neuron": np.concatenate([np.arange(size) for size in self.sizes]),
            "steps of a chunk": np.repeat(self.chunk, self.sizes),
            "largest product over a chunk": np.concatenate(self.kept()),
            "share of closed gates": self.closed,
            "serial error / ulp": self.serial_error,
            "scan error / ulp": self.scan_error,
        }


def parallel(
    net: Sequential, x: Array, lengths: Array | None = None, chunk: int | None = None, title: str = ""
) -> Parallel:
    """Run the scan over time in every layer with a weight u, and measure what it depends on.

    Each layer's scan reads the pre-activations of this pass, rounded to float32, and runs on the CPU.
    Batch norm uses the running statistics, dropout is off, and the network is not changed.

    Parameters
    ----------
    net : Sequential
        Network.
    x : array (T, B, D) or (T, B)
        Input, or symbols.
    lengths : array (B,), optional
        Valid steps of each sample.
    chunk : int, optional
        Steps of a chunk, a power of two. By default that of `time="parallel"`.
    title : str
        Title of the figures.

    Raises
    ------
    ValueError
        If no layer has a weight u, or if `chunk` is not a power of two.

    Notes
    -----
    docs/time-parallel.md derives the scan. A chunk with max |Π u φ'| below 2^-24 forgets the state before it.
    """
    where = "study.parallel"
    if chunk is not None and (not isinstance(chunk, int) or chunk < 1 or chunk & (chunk - 1)):
        _check.fail(where, f"chunk is {chunk!r}", "a power of two")
    recorded = record_states(net, x, lengths, fuse=False).states
    weights = with_weight(where, recorded)
    ends = ends_of(lengths, *x.shape[:2])
    rows = [
        _measure(_columns(net, name, layer, recorded[name].x, ends), chunk)
        for name, (layer, _) in weights.items()
    ]
    by_neuron = {name: np.concatenate([row[name] for row in rows], axis=-1) for name in BY_NEURON}
    by_layer = {name: np.array([row[name] for row in rows]) for name in BY_LAYER}
    return Parallel(
        layers=tuple(weights), sizes=tuple(len(row["closed"]) for row in rows),
        activations=tuple(layer.activation for layer, _ in weights.values()), spans=_spans(len(x)),
        map_steps=np.array(MAPS), title=title, **by_neuron, **by_layer,
    )  # fmt: skip


class Columns(NamedTuple):
    """Arguments of the recurrence of one layer, in float32, and whether a step is before its sample's end (T, B, 1)."""

    a: Array
    u: Array
    h0: Array
    activation: str
    lengths: Array
    reverse: bool
    live: Array


def _columns(net: Sequential, name: str, layer: Independent, x: AnyArray, ends: Array) -> Columns:
    """Return the arguments of the recurrence of a layer, from its input."""
    host = net.device.to_host
    keys = [key for key in ("W", "b", "h0") if f"{name}.{key}" in net.params]
    value, x = {key: host(net.params[f"{name}.{key}"]) for key in keys}, host(x)
    live = (np.arange(len(x))[:, None] < ends)[:, :, None]
    a = np.where(live, x @ value["W"].T + value["b"] if "W" in value else x, 0)
    h0 = np.zeros(a.shape[1:]) + value.get("h0", 0)
    a, u, h0 = (np.ascontiguousarray(array, np.float32) for array in (a, net.recurrent_weights()[name], h0))
    return Columns(a, u, h0, layer.activation, ends, layer.reverse, live)


def _measure(columns: Columns, chunk: int | None) -> Json:
    """Run a layer serially, by the scan, and in float64; return the entries of BY_NEURON and BY_LAYER."""
    a, u, h0, activation, lengths, reverse, live = columns
    T, B, H = a.shape
    report: dict[str, int] = {}
    L = chunk or 1 << (scan.chunk_length(T, B * H).bit_length() - 1)  # a power of two, for one column too
    options = {"activation": activation, "lengths": lengths, "reverse": reverse}
    exact = cpu.forward(*(array.astype(np.float64) for array in (a, u, h0)), **options)
    serial = cpu.forward(a, u, h0, **options)
    found = parallel_cpu.forward(a, u, h0, **options, report=report, chunk=L)
    slope = ACTIVATIONS[columns.activation].array_dphi(exact[1:])
    memory = _memory(np.where(live, np.abs(u * slope), 1.0))
    size = np.maximum(np.abs(exact).max(axis=0), np.finfo(np.float32).tiny)
    errors = [(np.abs(h - exact).max(axis=0) / size).max(axis=0) / ULP for h in (serial, found)]
    neuron = int(np.argmax(memory.sum(axis=0)))
    map_from, map_to = _maps(columns, neuron, np.abs(exact[:, :, neuron]))
    return {
        "memory": memory, "closed": (live & (slope == 0)).sum(axis=(0, 1)) / max(1, live.sum()),
        "serial_error": errors[0], "scan_error": errors[1], "chunk": min(L, _spans(T)[-1]), "columns": B * H,
        "passes": report["passes"],
        "serial_columns": report["serial columns"], "exact_columns": report["exact columns"],
        "map_neuron": neuron, "map_from": map_from, "map_to": map_to,
    }  # fmt: skip


def _spans(T: int) -> Array:
    """Return the powers of two up to T."""
    return 1 << np.arange(max(1, T).bit_length())


def _memory(factors: Array) -> Array:
    """Return the largest product of |u φ'| over a chunk of each length (S, H); whole chunks only."""
    rows = []
    for L in _spans(len(factors)):
        chunks = factors[: len(factors) // L * L]
        products = chunks.reshape(-1, L, *chunks.shape[1:]).prod(axis=1) if len(chunks) else factors
        rows.append(products.max(axis=(0, 1), initial=0))
    return np.array(rows)


def _maps(columns: Columns, n: int, sizes: Array) -> tuple[Array, Array]:
    """Return states before (P,) and after (M, P) some steps of neuron n, of which |h| is `sizes` (T+1, B).

    The steps are those of the sample with the largest state, from BEFORE steps before it on.
    """
    φ, (largest, b) = (
        ACTIVATIONS[columns.activation].array_phi,
        np.unravel_index(np.argmax(sizes), sizes.shape),
    )
    low = 0.0 if columns.activation in ("relu", "sigmoid") else -1.0
    state = start = np.linspace(low, 1, POINTS) * max(1.5 * sizes.max(), 1e-6)
    a = columns.a[: columns.lengths[b], b, n].astype(np.float64)
    a = a[: int(largest) + BEFORE][::-1] if columns.reverse else a[max(0, int(largest) - BEFORE) :]
    after = {}
    for t in range(MAPS[-1]):
        state = φ(a[t] + columns.u[n] * state) if t < len(a) else state
        after[t + 1] = state
    return start, np.array([after[steps] for steps in MAPS])
