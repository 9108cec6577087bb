"""Fully connected recurrent network, for comparison with the IndRNN.

    forward     h_t = φ(W x_t + U h_{t-1} + b)
    backward    ∂h_t = dh_t + Uᵀ da_{t+1},   da_t = φ'_t ⊙ ∂h_t
                dx_t = Wᵀ da_t,   dW = Σ da_t x_tᵀ,   dU = Σ da_t h_{t-1}ᵀ
                db   = Σ da_t,    dh_0 = Uᵀ da_1

Elman 1990. With relu and U = 1 initially, this is the IRNN of Le et al. 2015, arXiv:1504.00941.
∂h_t stands for the total gradient ∂L/∂h_t.

φ, φ', the layout of h, `lengths` and `reverse` are those of ops/recurrence. A step back in time is
a product with Uᵀ; in the IndRNN it is a product with a number.

Backward of this op, of lstm and of gru calls `probe(t0, t1, dh, da)` for every chunk of time steps.
Here dh (steps, B, H) is the total gradient ∂L/∂h_t, from the layer above and from later time steps,
and da is the gradient of the pre-activations. The probe of ops/indrnn gets dh_t alone, from which
the total gradient follows.

The cpu twin computes the product with W for a chunk of time steps at once. Its loop over time has
one product with U and one kernel for each time step (steps.py, which lstm and gru share).
"""

TWINS = ("reference", "cpu")
