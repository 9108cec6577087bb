"""The norm of the flat gradient, and the two ways to clip it.

norm(g)                 ‖g‖₂, accumulated in float64
clip_norm(g, limit)     g ← g · limit / ‖g‖ where ‖g‖ > limit (Pascanu, Mikolov & Bengio 2013); returns ‖g‖ from before
clip_value(g, limit)    g ← min(max(g, -limit), limit), element by element; NaN stays NaN
"""

TWINS = ("reference", "cpu", "cuda")
