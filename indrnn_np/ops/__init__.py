"""Operations: each folder holds an equation, a reference in plain NumPy, and fast twins.

    op                       equation                                        other twins
    recurrence               h_t = φ(a_t + u ⊙ h_{t-1})                      cpu,cuda
    indrnn                   h_t = φ(W x_t + u ⊙ h_{t-1} + b)                cpu,cuda
    affine                   y = W x + b                                     cpu,cuda
    batchnorm                y = scale ⊙ (x - mean) / √(var + eps) + shift   cpu,cuda
    dropout                  y_t = m ⊙ x_t / (1 - rate), one m for all t     cpu,cuda
    rows                     rows copied, added, concatenated                cuda
    random                   bits = Philox4x32-10(seed; stream, iteration)   cpu,cuda
    softmax_cross_entropy    L = -mean log softmax(y)[target]                cpu,cuda
    softmax_readout          L of y = W x + b, a few rows of y at a time     cpu
    mse                      L = mean (y - target)²                          cpu,cuda
    binary_cross_entropy     L = -mean [t log σ(y) + (1 - t) log(1 - σ(y))]  cpu,cuda
    sgd                      p ← p - lr m                                    cpu,cuda
    adam                     p ← p - lr m̂ / (√v̂ + eps)                       cpu,cuda
    gradient                 ‖g‖, clipping by norm and by value              cpu,cuda
    project                  u ← min(max(u, -bound), bound)                  cuda
    finite                   index of the first NaN or Inf                   cpu,cuda
    adding                   sum of the two marked values of a sequence      cpu,cuda
    embedding                y = E[id]                                       cpu,cuda
    layernorm                y = scale ⊙ (x - mean) / √(var + eps) + shift   cpu,cuda
    rnn                      h_t = φ(W x_t + U h_{t-1} + b)                  cpu
    lstm                     h_t = o_t ⊙ tanh(f_t ⊙ c_{t-1} + i_t ⊙ g_t)     cpu
    gru                      h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}           cpu
    rotation                 z_t = λ z_{t-1} + a_t for pairs of neurons      cpu

Letters in this package: T time steps, B batch size, D inputs, H units, K classes, P parameters.
Arrays are time-major and C-contiguous: x (T, B, D), a (T, B, H), W (H, D), u and b (H,), h0 (B, H).
States have T+1 rows with h[0] = h0. The gradient of an array has the name of the array after a `d`.

`TWINS` in the `__init__` of each op lists the backends that have a module for the op. The reference
serves the other CPU backends. It does not accept arrays in GPU memory, so "cuda" refuses an op
without a twin. An op writes to `out=` only. Exceptions are the optimizers, which change parameters
and moments, and batchnorm.update, which changes the running statistics.
"""
