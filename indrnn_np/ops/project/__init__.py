"""Constraint on the recurrent weights: a projection after each iteration.

    u ← min(max(u, -bound), bound)          Li et al. 2018, arXiv:1803.04831, 3.1: |u_n| <= γ^(1/T)

The bound is symmetric, so a weight keeps its sign. The projection changes the parameter itself.
Inside the network, a clipped weight would get no gradient and could never come back. The reference
serves every CPU backend, because u has only a few hundred numbers.
"""

TWINS = ("reference", "cuda")
