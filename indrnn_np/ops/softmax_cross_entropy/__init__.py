"""Cross-entropy of the softmax and its gradient, at the last time step or at every time step.

    L  = -mean log p[target],   p = exp(y) / Σ_k exp(y_k)
    dy = (p - onehot(target)) / n

The mean is over all labels, or over the labels where `mask` is true. The loss is computed from
log Σ exp(y - max y), so large scores do not overflow and small probabilities keep their precision.

With class weights w (K,) and label smoothing ε, and the sum W of w[target] over the labels that count:

    L  = -Σ w[target] / W · [(1 - ε) log p[target] + ε/K Σ_k log p_k]
    dy = w[target] / W · (p - (1 - ε) onehot(target) - ε/K)

The CUDA twin has neither weights nor smoothing, and refuses them.
"""

TWINS = ("reference", "cpu", "cuda")
