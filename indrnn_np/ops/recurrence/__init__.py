"""The recurrence of the IndRNN, alone: the heart of the engine.

    forward     h_t = φ(a_t + u ⊙ h_{t-1})                                  Li et al. 2018, eq. 2, with a_t = W x_t + b
    backward    da_t = φ'(a_t + u ⊙ h_{t-1}) ⊙ (dh_t + u ⊙ da_{t+1})        eq. 4, step by step
                du   = Σ_t Σ_b da_t ⊙ h_{t-1}
                dh_0 = u ⊙ da_1

Every neuron has one recurrent weight, so a step back in time multiplies by the number u_n φ', never by a
matrix.

    φ           φ' from the output h_t                  code (step.py)
    relu        1 where h > 0, else 0 (so φ'(0) = 0)    0
    tanh        1 - h²                                  1
    sigmoid     h (1 - h)                               2
    identity    1                                       3

φ' comes from the stored output, so the pre-activation is not kept: forward moves 2 words an element,
backward 3. For tanh in float32, 1 - h² is exactly 0 where the unit is saturated (|a| above about 9).

Row 0 of `h (T+1, B, H)` is the initial state and row t+1 the output of input row t, in both directions.
With `reverse` the step at t reads the state of t+1, and the walk of each sample starts at its own last
step; its final state is row 1. With `lengths (B,)` the rows of `h` after a sample's end are zero; 0 <=
lengths[b] <= T (0: the state just passes).
"""

TWINS = ("reference", "cpu", "cuda")
ACTIVATIONS = ("relu", "tanh", "sigmoid", "identity")
