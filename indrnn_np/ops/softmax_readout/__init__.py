"""Affine read-out with the cross-entropy of its softmax, without an array of all scores.

    y  = W x + b
    L  = -mean log p[target],   p = exp(y) / Σ_k exp(y_k)
    dy = (p - onehot(target)) / n
    dx = Wᵀ dy,   dW = Σ dy xᵀ,   db = Σ dy

This is ops/affine and ops/softmax_cross_entropy in one function. Of a language model with K words,
y (T, B, K) is the largest array by far. The loss needs a row of y once, to add it to the sums, so a
few rows at a time are enough.
"""

TWINS = ("reference", "cpu")
