"""Norm of the flat gradient, and clipping by norm and by value.

norm(g)                 ‖g‖₂, accumulated in float64
clip_norm(g, limit)     g ← g · limit / ‖g‖ if ‖g‖ > limit; returns ‖g‖ before clipping
clip_value(g, limit)    g ← min(max(g, -limit), limit), element by element; NaN stays NaN

Clipping by norm: Pascanu, Mikolov & Bengio 2013.
"""

TWINS = ("reference", "cpu", "cuda")
