"""Layer normalisation: each row of H numbers by its mean and variance.

forward     mean = Σ x / H,   var = Σ (x - mean)² / H,   rstd = 1 / √(var + eps)
            y = scale ⊙ x̂ + shift,   x̂ = (x - mean) rstd
backward    dshift = Σ dy,   dscale = Σ dy ⊙ x̂
            dx = rstd (g - Σ g / H - x̂ Σ (g ⊙ x̂) / H),   g = scale ⊙ dy

Ba et al. 2016, arXiv:1607.06450. Rows do not depend on other time steps or samples, so the op has
no parameter `lengths`, and training and inference are the same. The sums for dshift and dscale run
over all rows in a fixed order. Long sums are accumulated in float64. `out` may be x or dy.
"""

TWINS = ("reference", "cpu", "cuda")
