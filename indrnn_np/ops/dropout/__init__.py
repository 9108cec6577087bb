"""Dropout with one mask for all time steps of a sequence.

    forward     y_t = m ⊙ x_t / (1 - rate)        m (B, H): 1 with probability 1 - rate, else 0
    backward    dx_t = m ⊙ dy_t / (1 - rate)

Gal & Ghahramani 2016; Li et al. 2019, arXiv:1910.06251, 5.1.

The mask is a function of `key = (seed, stream, iteration)` (see ops/random). It is the same in
every backend and dtype. The backward pass computes it again, so no mask is stored. Element (b, h)
is kept if number b·H + h of the key's random bits is at least rate·2³².
"""

TWINS = ("reference", "cpu", "cuda")
