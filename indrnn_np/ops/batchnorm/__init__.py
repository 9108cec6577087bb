"""Batch normalisation of a sequence, with statistics over batch and time or over the batch.

    forward     x̂ = (x - mean) / √(var + eps),   y = scale ⊙ x̂ + shift          Ioffe & Szegedy 2015, algorithm 1
    backward    dshift = Σ dy,   dscale = Σ dy ⊙ x̂
                dx = scale / √(var + eps) ⊙ (dy - dshift / n - x̂ ⊙ dscale / n)    (n values in each statistic)
    apply       y from stored statistics: inference
    update      r ← (1 - momentum) r + momentum · batch: running statistics, for apply

Statistics over batch and time (sequence-wise, Li et al. 2019, arXiv:1910.06251, 5.1) have one mean and
one variance for each neuron. With `per_step=True` (frame-wise, for language models, which may not see
later time steps) each time step has its own. Both have the shape (S, H), S = 1 or T; var is the biased
variance. With `lengths`, padding is not counted, and y and dx are zero there. The output is a scaled and
shifted input, so x̂ is never stored, and `out` may be x or dy.
"""

TWINS = ("reference", "cpu", "cuda")
