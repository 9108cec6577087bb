"""Cross-entropy of the softmax, and its gradient: classification at the last step, or at every step.

    L  = -mean log p[target],   p = exp(y) / Σ_k exp(y_k)      mean over all labels, or over those that `mask` counts
    dy = (p - onehot(target)) / n

Computed as log Σ exp(y - max y), so large scores neither overflow nor lose the small probabilities.
"""

TWINS = ("reference", "cpu", "cuda")
