"""Recurrence of pairs of neurons: each pair turns by an angle and shrinks or grows.

    forward     z_t  = λ z_{t-1} + a_t                z = x + i y,  λ = p + i q
                x_t  = p ⊙ x_{t-1} - q ⊙ y_{t-1} + a_x
                y_t  = q ⊙ x_{t-1} + p ⊙ y_{t-1} + a_y
    backward    da_t = dz_t + λ* da_{t+1}             λ* = p - i q
                dλ   = Σ_t Σ_b z*_{t-1} da_t
                dz_0 = λ* da_1

Orvieto et al. 2023, arXiv:2303.06349: a linear recurrence with a diagonal of complex eigenvalues λ,
here in real numbers. With |λ| = r and the angle θ, p = r cos θ and q = r sin θ, so each step
multiplies the pair (x, y) by r and turns it by θ.

H is even. Every vector of H numbers holds the real parts of its H/2 pairs, then the imaginary
parts: the rows of h, a and h0, and u = (p, q). Layout, `lengths` and `reverse` are those of
ops/recurrence. The gradient of λ is that of p and q: dλ = dp + i dq.
"""

TWINS = ("reference", "cpu")
