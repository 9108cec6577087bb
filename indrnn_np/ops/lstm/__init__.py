"""Long short-term memory (LSTM) with a forget gate, for comparison with the IndRNN.

    forward     [i_t f_t g_t o_t] = [σ σ tanh σ](W x_t + U h_{t-1} + b)
                c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t
                h_t = o_t ⊙ tanh c_t
    backward    ∂h_t = dh_t + Uᵀ da_{t+1}
                ∂c_t = f_{t+1} ⊙ ∂c_{t+1} + ∂h_t ⊙ o_t ⊙ (1 - tanh² c_t)
                da_t = [∂c g i(1-i), ∂c c_{t-1} f(1-f), ∂c i (1-g²), ∂h tanh(c) o(1-o)]
                dx_t = Wᵀ da_t,   dW = Σ da_t x_tᵀ,   dU = Σ da_t h_{t-1}ᵀ,   db = Σ da_t

Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000. ∂h_t and ∂c_t stand
for the total gradients ∂L/∂h_t and ∂L/∂c_t.

W (4 H, D), U (4 H, H) and b (4 H,) hold the gates in the order i, f, g, o, as in PyTorch. PyTorch's
two biases are one bias here. Forward returns the states h and c (T+1, B, H) and the gates
(T, B, 4 H), and backward reads them. Layout, `lengths` and `reverse` are those of ops/recurrence:
rows of h, c and gates after the end of a sample are zero. `probe` is that of ops/rnn.
"""

TWINS = ("reference", "cpu")
