# %% [markdown]
# # 1. One neuron by hand
#
# An IndRNN layer consists of many neurons side by side, each of which depends on its own state
# only. So a single neuron shows the whole computation:
#
# $$h_t = \varphi(w\, x_t + u\, h_{t-1} + b)$$
#
# The neuron reads a number $x_t$ at each time step, and remembers one number $h_{t-1}$. Three time
# steps are enough to compute everything with pencil and paper.

# %%
import numpy as np

w, u, b = 0.5, 0.8, 0.0
x = [1.0, 2.0, 0.5]


def relu(p):
    return max(p, 0.0)


h0 = 0.0
h1 = relu(w * x[0] + u * h0 + b)
h2 = relu(w * x[1] + u * h1 + b)
h3 = relu(w * x[2] + u * h2 + b)
print(f"h1 = {h1:.4f}   h2 = {h2:.4f}   h3 = {h3:.4f}")
# > h1 = 0.5000   h2 = 1.4000   h3 = 1.3700

# %% [markdown]
# The first time step adds half of $x_1$ to the state; $0.8 \cdot 0.8$ of it remains at the third.
# `u` determines how much a neuron keeps from one time step to the next. It is the only memory of
# this neuron.
#
# ## The loss, and one gradient
#
# Let the target for $h_3$ be 1. The loss is the squared error, and its derivative starts the
# backward pass:
#
# $$L = (h_3 - 1)^2, \qquad \frac{\partial L}{\partial h_3} = 2\,(h_3 - 1)$$

# %%
loss = (h3 - 1) ** 2
dh3 = 2 * (h3 - 1)
print(f"L = {loss:.4f}   dL/dh3 = {dh3:.4f}")
# > L = 0.1369   dL/dh3 = 0.7400

# %% [markdown]
# ## Backward, step by step
#
# Let $p_t = w x_t + u h_{t-1} + b$ and $da_t = \partial L / \partial p_t$. Only the next time step
# reads $h_2$, as $u h_2$. So
#
# $$da_t = \varphi'(p_t)\, \frac{\partial L}{\partial h_t}, \qquad \frac{\partial L}{\partial h_{t-1}} = u\, da_t$$
#
# and all three relu gates are open: $\varphi' = 1$.

# %%
da3 = 1 * dh3
da2 = 1 * (u * da3)
da1 = 1 * (u * da2)
dh0 = u * da1
print(f"da3 = {da3:.4f}   da2 = {da2:.4f}   da1 = {da1:.4f}   dh0 = {dh0:.5f}")
# > da3 = 0.7400   da2 = 0.5920   da1 = 0.4736   dh0 = 0.37888

# %% [markdown]
# The parameters are used at every time step, so their gradients are sums over time: $p_t$ contains
# $w$ times $x_t$, $u$ times $h_{t-1}$, and $b$ times 1.

# %%
dw = da3 * x[2] + da2 * x[1] + da1 * x[0]
du = da3 * h2 + da2 * h1 + da1 * h0
db = da3 + da2 + da1
print(f"dw = {dw:.4f}   du = {du:.4f}   db = {db:.4f}")
# > dw = 2.0276   du = 1.3320   db = 1.8056

# %% [markdown]
# This is back-propagation through time. The rest of this package makes these lines fast.
#
# ## The same from the package
#
# Arrays are time-major: `x` is (T, B, D), here 3 time steps, 1 sample, 1 input. `LastStep` returns
# only the last state.

# %%
import indrnn_np as ir

net = ir.Sequential([ir.IndRNN(1, 1), ir.LastStep()], steps=3, dtype="float64")
net.params["0.W"][...], net.params["0.u"][...], net.params["0.b"][...] = w, u, b

y, state, tape = net.forward(np.array(x).reshape(3, 1, 1))
package_loss, dy = ir.mse(y, np.array([[1.0]]))
dx, dstate, grads = net.backward(dy, tape)

print(f"h3 = {y[0, 0]:.4f}   L = {package_loss:.4f}")
for name, by_hand in {"0.W": dw, "0.u": du, "0.b": db}.items():
    print(f"d{name[2]} = {grads[name].item():.4f}   by hand {by_hand:.4f}")
print(f"dh0 = {dstate[0][0, 0]:.5f}   by hand {dh0:.5f}")
# > h3 = 1.3700   L = 0.1369
# > dW = 2.0276   by hand 2.0276
# > du = 1.3320   by hand 1.3320
# > db = 1.8056   by hand 1.8056
# > dh0 = 0.37888   by hand 0.37888

# %% [markdown]
# ## Check with the forward pass
#
# A derivative is the change of the loss when a number changes a little. It can be computed without
# a backward pass:
#
# $$\frac{\partial L}{\partial u} \approx \frac{L(u + \epsilon) - L(u - \epsilon)}{2 \epsilon}$$


# %%
def loss_at(u):
    h = 0.0
    for x_t in x:
        h = relu(w * x_t + u * h + b)
    return (h - 1) ** 2


eps = 1e-6
numerical = (loss_at(u + eps) - loss_at(u - eps)) / (2 * eps)
print(f"finite difference {numerical:.6f}   backward {du:.6f}")
# > finite difference 1.332000   backward 1.332000

# %% [markdown]
# `ir.gradcheck` does so for every gradient of a network, layer or operation; [the next
# script](02_layer_and_gradcheck.py) uses it.
#
# ## A closed gate
#
# With $x_2 = -2$ the second pre-activation is negative: relu returns 0 and passes no gradient. The
# neuron forgets everything before this time step, in both directions.

# %%
x_closed = np.array([1.0, -2.0, 0.5]).reshape(3, 1, 1)
y, state, tape = net.forward(x_closed)
_, dy = ir.mse(y, np.array([[1.0]]))
dx, dstate, grads = net.backward(dy, tape)
print("h3 =", y.item(), "  dx =", dx.ravel())
# > h3 = 0.25   dx = [ 0.    0.   -0.75]

# %% [markdown]
# ## Why |u| has a bound
#
# While the gates are open, each time step back multiplies the gradient by `u`, so $T - t$ steps
# multiply it by $u^{T-t}$. Over long sequences this is a steep function of `u`:

# %%
for value in (0.9, 0.99, 1.0, 1.001, 1.01):
    print(f"u = {value:<6} u^1000 = {value**1000:.3g}")
# > u = 0.9    u^1000 = 1.75e-46
# > u = 0.99   u^1000 = 4.32e-05
# > u = 1.0    u^1000 = 1
# > u = 1.001  u^1000 = 2.72
# > u = 1.01   u^1000 = 2.1e+04

# %% [markdown]
# In a network with a recurrent matrix these are powers of a matrix, whose eigenvalues cannot be
# bounded individually. Here each neuron has one number, so a bound is a single line: no gradient
# grows by more than a factor of 2 over T time steps if $|u| \le 2^{1/T}$.

# %%
bound = ir.recurrent_bound("relu", gamma=2.0, steps=1000)
print(f"bound {bound:.6f}   bound^1000 = {bound**1000:.4f}")
# > bound 1.000693   bound^1000 = 2.0000

# %% [markdown]
# The engine's recurrence shows the same: a gradient of 1 arrives at the last of 1000 states, and
# `probe` receives the gradient at all earlier ones.

# %%
weights = np.array([0.98, 0.995, 1.0, bound])
net = ir.Sequential([ir.IndRNN(1, 4)], steps=1000, dtype="float64")
net.params["0.u"][...] = weights
net.params["0.W"][...], net.params["0.b"][...] = 0.01, 0.0
y, state, tape = net.forward(np.ones((1000, 1, 1)))
dy = np.zeros_like(y)
dy[-1] = 1
found = []
net.backward(dy, tape, probe=lambda layer, t0, t1, dh, da: found.append((t0, da.copy())))  # chunk by chunk
found.sort(key=lambda chunk: chunk[0])  # backward comes from the end
gradient = np.concatenate([da for _, da in found])[:, 0]  # (T, H); gates are open, so it is dL/dh_t too
for n, value in enumerate(weights):
    print(f"u = {value:.4f}   dL/dh_1 = {gradient[0, n]:.4g}   u^999 = {value**999:.4g}")
# > u = 0.9800   dL/dh_1 = 1.717e-09   u^999 = 1.717e-09
# > u = 0.9950   dL/dh_1 = 0.006687   u^999 = 0.006687
# > u = 1.0000   dL/dh_1 = 1   u^999 = 1
# > u = 1.0007   dL/dh_1 = 1.999   u^999 = 1.999

# %% [markdown]
# The next cell draws this gradient. The colours and line styles can be distinguished by
# colour-blind readers too.

# %% mystnb={"image": {"alt": "The gradient falls for u below 1, stays for u = 1, and doubles at the bound"}}
from indrnn_np.plots import style

figure = style.empty(7.2, 3.6)
axes = figure.subplots()
looks = [(style.ORANGE, ":"), (style.GREEN, "--"), (style.GREY, "-."), (style.BLUE, "-")]
for n, (colour, line) in enumerate(looks):
    axes.plot(
        1000 - np.arange(1, 1001), gradient[:, n], color=colour, linestyle=line, label=f"u = {weights[n]:.4f}"
    )
axes.set_yscale("log")
axes.set_ylim(1e-6, 10)
axes.set_xlabel("steps back, $T - t$")
style.dress(axes, r"gradient $\partial L / \partial h_t$")
axes.legend(frameon=False, fontsize=8)
style.save(figure, "pictures/gradient-by-u.png")
figure

# %% [markdown]
# *The gradient on $h_t$ over the number of time steps back. A neuron with u = 0.98 receives
# gradients from the last few hundred steps, a neuron at the bound from all 1000.*
#
# Next: [a layer, and a check of all its gradients](02_layer_and_gradcheck.py). The derivation for whole layers,
# beside the lines of code: [the equations](../equations.md).
