"""The fully connected recurrent network (Elman), for comparison with the IndRNN.

    forward     h_t = φ(W x_t + U h_{t-1} + b)                      Elman 1990; with relu and U = 1 the IRNN of
                                                                    Le et al. 2015, arXiv:1504.00941
    backward    ∂L/∂h_t = dh_t + Uᵀ da_{t+1},   da_t = φ'_t ⊙ ∂L/∂h_t
                dx_t = Wᵀ da_t,   dW = Σ da_t x_tᵀ,   dU = Σ da_t h_{t-1}ᵀ,   db = Σ da_t,   dh_0 = Uᵀ da_1

φ, φ', the layout of h, `lengths` and `reverse` are those of ops/recurrence. A step back in time is a
product with Uᵀ; in the IndRNN it is a product with a number.

Backward of this op, of lstm and of gru calls `probe(t0, t1, dh, da)` for every chunk of time steps. Here
dh is the whole gradient ∂L/∂h_t of the states, from above and from later time steps, (steps, B, H), and
da is the gradient of the pre-activations. (The probe of ops/indrnn gets dh_t alone, because the whole
gradient follows from it.)

The cpu twin computes the product with W for a chunk of time steps at once. The loop holds one product
with U and one kernel for each time step (steps.py, which lstm and gru share).
"""

TWINS = ("reference", "cpu")
