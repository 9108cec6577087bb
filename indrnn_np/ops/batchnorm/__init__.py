"""Batch normalisation of a sequence, with statistics over batch and time, or over the batch at each step.

    forward     x̂ = (x - mean) / √(var + eps),   y = scale ⊙ x̂ + shift          Ioffe & Szegedy 2015, algorithm 1
    backward    dshift = Σ dy,   dscale = Σ dy ⊙ x̂
                dx = scale / √(var + eps) ⊙ (dy - dshift / n - x̂ ⊙ dscale / n)    (n values of a statistic)
    apply       y from given statistics: inference
    update      r ← (1 - momentum) r + momentum · batch: running statistics, for apply

Over batch and time (the paper's sequence-wise form, Li et al. 2019, arXiv:1910.06251, 5.1) there is one
mean and variance a neuron; `per_step=True` (frame-wise, for language models, which may not see later steps)
has one for each step. Both are returned as (S, H), S = 1 or T; var is the biased variance. With `lengths`,
padding is not counted, and y and dx are zero there. The output is a scale and a shift of the input, so x̂
is never stored, and `out` may be x, or dy.
"""

TWINS = ("reference", "cpu", "cuda")
