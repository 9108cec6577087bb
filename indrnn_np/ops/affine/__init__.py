"""Affine map of a vector, for any leading axes.

forward     y = W x + b
backward    dx = Wᵀ dy,   dW = Σ dy xᵀ,   db = Σ dy          (sums over all leading axes)
"""

TWINS = ("reference", "cpu", "cuda")
