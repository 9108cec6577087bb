"""Cross-entropy of the softmax, and its gradient: classification at the last time step or at every one.

    L  = -mean log p[target],   p = exp(y) / Σ_k exp(y_k)      mean over all labels, or where `mask` is true
    dy = (p - onehot(target)) / n

The loss is computed from log Σ exp(y - max y), so large scores do not overflow and small probabilities
keep their precision.
"""

TWINS = ("reference", "cpu", "cuda")
