"""The recurrent network whose neurons all see each other's last state, a rival of the IndRNN.

    forward     h_t = φ(W x_t + U h_{t-1} + b)                      Elman 1990; with relu and U = 1 the IRNN of
                                                                    Le et al. 2015, arXiv:1504.00941
    backward    ∂L/∂h_t = dh_t + Uᵀ da_{t+1},   da_t = φ'_t ⊙ ∂L/∂h_t
                dx_t = Wᵀ da_t,   dW = Σ da_t x_tᵀ,   dU = Σ da_t h_{t-1}ᵀ,   db = Σ da_t,   dh_0 = Uᵀ da_1

φ and φ' are those of ops/recurrence, and so are the layout of h, `lengths` and `reverse`. A step back in time is a
product with Uᵀ, where the IndRNN's multiplies by a number.

`probe(t0, t1, dh, da)`, if given to backward of this op, of lstm or of gru, is called for every chunk of time with the
whole gradient ∂L/∂h_t on its states, what arrives from above and from later steps together, (steps, B, H), and with the
gradient on its pre-activations. (The probe of ops/indrnn is given dh_t alone, from which the whole follows there.)

The cpu twin takes the product with W for a chunk of steps at once; inside the loop stand one product with U and one
kernel a step (steps.py, which lstm and gru share).
"""

TWINS = ("reference", "cpu")
