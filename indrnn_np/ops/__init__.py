"""The operations: each is one folder with its equation, a plain NumPy reference and its fast twins.

    op                       equation                                        twins beside the reference
    recurrence               h_t = φ(a_t + u ⊙ h_{t-1})                      cpu,cuda
    indrnn                   h_t = φ(W x_t + u ⊙ h_{t-1} + b)                cpu,cuda
    affine                   y = W x + b                                     cpu,cuda
    batchnorm                y = scale ⊙ (x - mean) / √(var + eps) + shift   cpu,cuda
    dropout                  y_t = m ⊙ x_t / (1 - rate), one m for all t     cpu,cuda
    rows                     rows copied, added, put side by side            cuda
    random                   bits = Philox4x32-10(seed; stream, iteration)   cpu,cuda
    softmax_cross_entropy    L = -mean log softmax(y)[target]                cpu,cuda
    mse                      L = mean (y - target)²                          cpu,cuda
    sgd                      p ← p - lr m                                    cpu,cuda
    adam                     p ← p - lr m̂ / (√v̂ + eps)                       cpu,cuda
    gradient                 ‖g‖, clipping by norm and by value              cpu,cuda
    project                  u ← min(max(u, -bound), bound)                  cuda
    finite                   where the first NaN or Inf stands               cpu,cuda
    adding                   sum of the two marked values of a sequence      cpu,cuda
    embedding                y = E[id]                                       cpu,cuda
    layernorm                y = scale ⊙ (x - mean) / √(var + eps) + shift   cpu,cuda
    rnn                      h_t = φ(W x_t + U h_{t-1} + b)                  cpu
    lstm                     h_t = o_t ⊙ tanh(f_t ⊙ c_{t-1} + i_t ⊙ g_t)     cpu
    gru                      h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}           cpu

Letters, everywhere in this package: T steps, B batch, D inputs, H units, K classes, P parameters. Arrays are
time-major and C-contiguous: x (T, B, D), a (T, B, H), W (H, D), u and b (H,), h0 (B, H); states have T+1 rows
with h[0] = h0. A gradient is the name with a `d` in front.

Each op's `__init__` says in `TWINS` which backends have a module of its own; the others are served by the
reference, which takes no arrays in a GPU's memory: "cuda" refuses an op without a twin. An op changes nothing but what
is passed as `out=` (an optimizer: the parameters and moments that it is given; batchnorm.update: the running
statistics).
"""
