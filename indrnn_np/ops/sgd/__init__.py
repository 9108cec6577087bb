"""Stochastic gradient descent on one flat array, with momentum, Nesterov's form and weight decay.

    g ← g + weight_decay · decay ⊙ p
    m ← momentum · m + g
    p ← p - lr · m                      Nesterov: p ← p - lr · (g + momentum · m)

Momentum without dampening, Nesterov as in Sutskever, Martens, Dahl & Hinton 2013 in the form that applies
the look-ahead to the gradient. `decay (P,)` says by 1 and 0 which elements decay; None means all. `rate (P,)`
multiplies each element's lr; None means 1.
"""

TWINS = ("reference", "cpu", "cuda")
