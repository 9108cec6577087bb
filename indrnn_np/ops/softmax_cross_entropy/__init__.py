"""Cross-entropy of the softmax and its gradient, at the last time step or at every time step.

    L  = -mean log p[target],   p = exp(y) / Σ_k exp(y_k)
    dy = (p - onehot(target)) / n

The mean is over all labels, or over the labels where `mask` is true. The loss is computed from
log Σ exp(y - max y), so large scores do not overflow and small probabilities keep their precision.
"""

TWINS = ("reference", "cpu", "cuda")
