"""The operations: each is one folder with its equation, a plain NumPy reference and its fast twins.

    op                       equation                                        twins beside the reference
    recurrence               h_t = φ(a_t + u ⊙ h_{t-1})                      cpu
    indrnn                   h_t = φ(W x_t + u ⊙ h_{t-1} + b)                cpu
    affine                   y = W x + b                                     cpu
    batchnorm                y = scale ⊙ (x - mean) / √(var + eps) + shift   cpu
    dropout                  y_t = m ⊙ x_t / (1 - rate), one m for all t     cpu
    random                   bits = Philox4x32-10(seed; stream, iteration)   cpu
    softmax_cross_entropy    L = -mean log softmax(y)[target]                cpu
    mse                      L = mean (y - target)²                          cpu
    sgd                      p ← p - lr m                                    cpu
    adam                     p ← p - lr m̂ / (√v̂ + eps)                       cpu
    gradient                 ‖g‖, clipping by norm and by value              cpu
    project                  u ← min(max(u, -bound), bound)                  -
    finite                   where the first NaN or Inf stands               cpu

Letters, everywhere in this package: T steps, B batch, D inputs, H units, K classes, P parameters. Arrays are
time-major and C-contiguous: x (T, B, D), a (T, B, H), W (H, D), u and b (H,), h0 (B, H); states have T+1 rows
with h[0] = h0. A gradient is the name with a `d` in front.

Each op's `__init__` says in `TWINS` which backends have a module of its own; the others are served by the
reference. An op changes nothing but what is passed as `out=` (an optimizer: the parameters and moments that
it is given).
"""
