"""Adam and AdamW on one flat array.

    g ← g + weight_decay · decay ⊙ p                     coupled (L2), as the IndRNN authors use it
    m ← b1 m + (1 - b1) g,    v ← b2 v + (1 - b2) g²
    m̂ = m / (1 - b1^t),       v̂ = v / (1 - b2^t)         t counts from 1
    p ← p - lr m̂ / (√v̂ + eps)

Adam: Kingma & Ba 2015, arXiv:1412.6980, algorithm 1. With `decoupled` (AdamW: Loshchilov & Hutter
2019, algorithm 2), g is unchanged, and p also decreases by lr · weight_decay · decay ⊙ p.

`decay (P,)` is 1 for elements that decay and 0 for others. `rate (P,)` multiplies the lr of each
element. None means 1 everywhere.
"""

TWINS = ("reference", "cpu", "cuda")
