"""Lookup of table rows by symbol.

forward     y = factor[id] E[id]                                 E (V, H): a row for each symbol; factor (V,), None: 1
backward    dE[v] = factor[v] Σ dy over the positions of v       summed in the order of the positions, in float64

An id without a row is an error. A recorded CUDA graph cannot raise: there, the id gives a row of NaN
and has no gradient. `factors` drops whole rows for a pass (layers/embedding.py) without a second table.
Symbols have no gradient.
"""

TWINS = ("reference", "cpu", "cuda")
