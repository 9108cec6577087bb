"""Lookup of table rows by symbol.

forward     y = factor[id] E[id]
backward    dE[v] = factor[v] Σ dy over the positions of v

E (V, H) has a row for each symbol. `factors (V,)`, by default 1, drop whole rows in a pass
(layers/embedding.py) without a second table. Sums run in the order of the positions, in float64. An
id without a row is an error; in a recorded CUDA graph, which cannot raise errors, it gives a row of
NaN and has no gradient. Symbols have no gradient.
"""

TWINS = ("reference", "cpu", "cuda")
