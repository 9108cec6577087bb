# %% [markdown]
# # 2. A layer, and a check of its gradients
#
# A layer has H neurons, each with a row of `W (H, D)`, one recurrent weight in `u (H,)`, and a
# bias. It processes T time steps of B samples at once:
#
# $$h_t = \varphi(W x_t + u \odot h_{t-1} + b)$$
#
# ## A layer is a description
#
# `ir.IndRNN` holds sizes and options. The network owns the arrays: all parameters are in one flat
# array, with views named by layer number and the paper's letters.

# %%
import numpy as np

import indrnn_np as ir

T, B, D, H = 20, 5, 3, 4
net = ir.Sequential([ir.IndRNN(D, H, recurrent_init="symmetric", input_init=0.5)], steps=T, seed=1)
for name, array in net.params.items():
    print(name, array.shape)
print(f"{net.size} parameters, |u| <= {net.bounds['0.u']:.4f}")
# > 0.W (4, 3)
# > 0.u (4,)
# > 0.b (4,)
# > 20 parameters, |u| <= 1.0353

# %% [markdown]
# ## Forward, two ways
#
# First the compiled kernel, then the equation as a NumPy loop:

# %%
rng = np.random.default_rng(0)
x = rng.standard_normal((T, B, D), dtype="float32")  # time first
y, state, tape = net.forward(x)

W, u, b = net.params["0.W"], net.params["0.u"], net.params["0.b"]
h = np.zeros((T + 1, B, H), "float32")
for t in range(T):
    h[t + 1] = np.maximum(W @ x[t, :, :, None] + (u * h[t] + b)[..., None], 0)[..., 0]

print("y", y.shape, y.dtype, "  last state", state[0].shape)
print("largest difference below 1e-5:", bool(np.abs(y - h[1:]).max() < 1e-5))
# > y (20, 5, 4) float32   last state (5, 4)
# > largest difference below 1e-5: True

# %% [markdown]
# Convert batch-first data, (B, T, D), with `np.ascontiguousarray(x.transpose(1, 0, 2))`. A wrong
# layout raises an error:

# %%
try:
    net.forward(np.ascontiguousarray(x.transpose(0, 2, 1)))
except ValueError as error:
    print(error)
# > Sequential.forward: x has shape (20, 3, 5), expected (T, B, 3) because the first layer has 3 inputs

# %% [markdown]
# ## Backward
#
# `backward` takes the gradient of the output, and returns the gradients of the input, of the
# initial state, and of all parameters by name.

# %%
loss, dy = ir.mse(y, np.ones_like(y))
dx, dstate, grads = net.backward(dy, tape)
print("dx", dx.shape, "  dh0", dstate[0].shape, "  all parameters' at once", grads.flat.shape)
# > dx (20, 5, 3)   dh0 (5, 4)   all parameters' at once (20,)

# %% [markdown]
# ## Check the gradients
#
# `ir.gradcheck` moves all arrays a little along random directions, in float64: x, every parameter
# and the initial state. It compares the change of the loss with the gradients of the backward pass.
# If a unit's gate changes in between, the result reports a kink.

# %%
report = ir.gradcheck(net, x)
print(sorted(row.name for row in report.rows), "passed:", report.passed)
# > ['0.W', '0.b', '0.u', 'state.0', 'x'] passed: True

# %% [markdown]
# Samples may have different lengths; values beyond a sample's length are ignored. The complex step
# can check smooth activations. It has almost no rounding error, so errors are near $10^{-16}$:

# %%
lengths = np.array([20, 7, 1, 13, 20])
print("with lengths:", ir.gradcheck(net, x, lengths=lengths).passed)
report = ir.gradcheck(ir.IndRNN(D, H, activation="tanh", input_init=0.5), x, method="complex")
print(
    "tanh, complex step:",
    report.passed,
    "  all errors below 1e-13:",
    all(row.error < 1e-13 for row in report.rows),
)
# > with lengths: True
# > tanh, complex step: True   all errors below 1e-13: True

# %% [markdown]
# ## The effect of a mistake
#
# The next cell derives du by hand with a mistake: `h_t` instead of `h_{t-1}`. Training may hide
# this mistake.

# %%
from indrnn_np._gradcheck import check_function

a, h0 = rng.standard_normal((6, 2, 3)), np.zeros((2, 3))


def states(u):
    h = [h0]
    for a_t in a:
        h.append(np.tanh(a_t + u * h[-1]))
    return h


def gradients(u, shift):
    h, carry, du = states(u), np.zeros_like(h0), np.zeros_like(u)
    for t in range(len(a), 0, -1):
        da = (1 - h[t] ** 2) * (1 + carry)  # the loss is the sum of all states
        du += (da * h[t - shift]).sum(axis=0)
        carry = u * da
    return {"u": du}


def loss_of(u):
    return sum(h_t.sum() for h_t in states(u)[1:])


u = np.array([0.5, 0.9, -0.7])
print("h_(t-1) passes:", check_function(loss_of, gradients(u, shift=1), {"u": u}).passed)
print("h_t passes:", check_function(loss_of, gradients(u, shift=0), {"u": u}, raises=False).passed)
# > h_(t-1) passes: True
# > h_t passes: False

# %% [markdown]
# Without `raises=False` the check raises a `GradientError`, which names the array, both numbers and
# the worst element. `indrnn check` runs this check for every operation and layer of the package on
# your machine.
#
# Next: [train two layers](03_adding_problem.py).
