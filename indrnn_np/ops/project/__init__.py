"""The constraint on the recurrent weight: a projection after each update of the parameters.

    u ← min(max(u, -bound), bound)          Li et al. 2018, arXiv:1803.04831, 3.1: |u_n| <= γ^(1/T)

Symmetric, so a weight keeps its sign; applied to the parameter itself and not inside the network, where a
clipped weight would get no gradient and could never come back. A few hundred numbers: the reference serves
every CPU backend.
"""

TWINS = ("reference", "cuda")
