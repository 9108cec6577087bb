"""Recurrence of the IndRNN, without the input projection.

    forward     h_t  = φ(a_t + u ⊙ h_{t-1})
    backward    da_t = φ'(a_t + u ⊙ h_{t-1}) ⊙ (dh_t + u ⊙ da_{t+1})
                du   = Σ_t Σ_b da_t ⊙ h_{t-1}
                dh_0 = u ⊙ da_1

Li et al. 2018, arXiv:1803.04831, eq. 2 and 4, with a_t = W x_t + b. Every neuron has one recurrent
weight, so a step back in time multiplies by the number u_n φ' and not by a matrix.

    φ           φ' from the output h_t
    relu        1 where h > 0, else 0 (so φ'(0) = 0)
    tanh        1 - h²
    sigmoid     h (1 - h)
    identity    1

φ' follows from the stored output, so the pre-activation is not kept. Forward moves 2 words an
element, backward 3. For tanh in float32, 1 - h² is exactly 0 where the unit is saturated (|a| above
about 9).

Row 0 of `h (T+1, B, H)` is the initial state, and row t+1 is the output of time step t, in both
directions. With `reverse`, time step t reads the state of t+1, each sample starts at its own last
valid step, and its final state is row 1. With `lengths (B,)`, 0 <= lengths[b] <= T, the rows of `h`
after the end of a sample are zero. With length 0 the final state is the initial state.
"""

TWINS = ("reference", "cpu", "cuda")
