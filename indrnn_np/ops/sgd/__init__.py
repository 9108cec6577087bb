"""Stochastic gradient descent on one flat array, with momentum, Nesterov's form and weight decay.

    g ← g + weight_decay · decay ⊙ p
    m ← momentum · m + g
    p ← p - lr · m                      Nesterov: p ← p - lr · (g + momentum · m)

Momentum has no dampening. Nesterov momentum is that of Sutskever, Martens, Dahl & Hinton 2013, in
the form that applies the look-ahead to the gradient. `decay (P,)` is 1 for elements that decay and
0 for others. `rate (P,)` multiplies the lr of each element. None means 1 everywhere.
"""

TWINS = ("reference", "cpu", "cuda")
