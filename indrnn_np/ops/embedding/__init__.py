"""Rows of a table, looked up by symbol.

forward     y = factor[id] E[id]                                 E (V, H): one row a symbol; factor (V,), None: 1
backward    dE[v] = factor[v] Σ dy over the places of symbol v   summed in the order of the places, in float64

An id that names no row is an error; in a recorded CUDA graph, which can't raise, it has a row of NaN and no gradient.
`factors` drop whole rows for a pass (layers/embedding.py) without a second table. Symbols have no gradient.
"""

TWINS = ("reference", "cpu", "cuda")
