"""Gated recurrent unit (GRU), for comparison with the IndRNN.

    forward     r_t = σ(W_r x_t + b_r + U_r h_{t-1} + c_r)
                z_t = σ(W_z x_t + b_z + U_z h_{t-1} + c_z)
                m_t = U_n h_{t-1} + c_n
                n_t = tanh(W_n x_t + b_n + r_t ⊙ m_t)
                h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}
    backward    ∂h_t = dh_t + z_{t+1} ⊙ ∂h_{t+1} + Uᵀ dv_{t+1}
                da_t = [da_n m r(1-r), ∂h (h_{t-1} - n) z(1-z), ∂h (1-z)(1-n²)]
                dv_t = da_t, with r ⊙ da_n in place of da_n
                dx_t = Wᵀ da_t,   dW = Σ da_t x_tᵀ,   dU = Σ dv_t h_{t-1}ᵀ
                db   = Σ da_t,    dc = Σ dv_t

Cho et al. 2014, arXiv:1406.1078; ∂h_t stands for the total gradient ∂L/∂h_t.

The reset gate r multiplies the product U_n h, as in cuDNN and PyTorch; in the paper it multiplies
the state before the product. One product at each time step serves all three gates. W (3 H, D), U
(3 H, H), b and c (3 H,) hold the gates in the order r, z, n. z = 1 keeps the state, as in PyTorch.
Forward returns h (T+1, B, H) and gates (T, B, 4 H), which hold r, z, n and m. Backward reads both.
Layout, `lengths` and `reverse` are those of ops/recurrence: rows of h and gates after the end of a
sample are zero. `probe` is that of ops/rnn, where da is the gradient of W x_t.
"""

TWINS = ("reference", "cpu")
