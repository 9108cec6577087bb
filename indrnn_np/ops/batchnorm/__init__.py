"""Batch normalisation of a sequence, with statistics over batch and time or over the batch.

    forward     x̂ = (x - mean) / √(var + eps),   y = scale ⊙ x̂ + shift
    backward    dshift = Σ dy,   dscale = Σ dy ⊙ x̂
                dx = scale / √(var + eps) ⊙ (dy - dshift / n - x̂ ⊙ dscale / n)
    apply       y from stored statistics (inference)
    update      r ← (1 - momentum) r + momentum · batch, the running statistics of apply

Ioffe & Szegedy 2015, arXiv:1502.03167, algorithm 1; n is the number of values of a statistic.

Statistics over batch and time (sequence-wise, Li et al. 2019, arXiv:1910.06251, 5.1) have one mean
and one variance for each neuron. With `per_step=True` (frame-wise, for language models, which may
not see later time steps) each time step has its own mean and variance. Their shape is (S, H) with S
= 1 or T; var is the biased variance. With `lengths`, padding is not counted, and y and dx are zero
there. The output is a scaled and shifted input, so x̂ is never stored, and `out` may be x or dy.
"""

TWINS = ("reference", "cpu", "cuda")
