# %% [markdown]
# # 4. Streams and single neurons
#
# A trained network can process an unlimited stream, one time step at a time: its state is one
# number per neuron. The state of a neuron does not affect other neurons of its layer, so you can
# observe each of them by itself.
#
# First, train a small network on the adding problem with T = 50:

# %%
import numpy as np

import indrnn_np as ir
from indrnn_np import tasks

T = 50
task = tasks.get("adding", steps=T, seed=3)
net = ir.plain(2, 16, 1, layers=2, steps=T, seed=3)
optimizer = ir.Adam(1e-2, lr_of={"u": 0.05})
result = ir.fit(
    net,
    task,
    optimizer,
    iterations=600,
    batch=50,
    schedule=ir.OneCycle(1e-2, 600),
    clip_norm=1.0,
    validate_every=0,
    progress=False,
)
print("learned:", result.summary["final"]["test"]["mse"] < 0.01)
# > learned: True

# %% [markdown]
# ## One step at a time
#
# `net.step(x_t, state)` takes x_t (B, D) and returns the output of this time step and the state for
# the next one. Data from a microphone or a sensor arrive in this form.

# %%
batch = task.batch(iteration=10_000, size=1)
x, target = batch.x, batch.target
state = None
for x_t in x:
    y_t, state = net.step(x_t, state)

whole = net(x)
print("the same as the whole sequence:", np.allclose(y_t, whole, atol=1e-5))
print("state of each layer:", [None if s is None else s.shape for s in state])
# > the same as the whole sequence: True
# > state of each layer: [(1, 16), (1, 16), (1, 16), None]

# %% [markdown]
# `LastStep` returns its input, one row; the read-out has no state.
#
# ## Window by window
#
# The state that `infer` and `forward` return is the initial state of the next window. For any
# division into windows, the results equal those of the whole sequence:

# %%
state = None
for window in np.split(x, [7, 30]):
    y, state = net.infer(window, state)
print("three windows:", np.allclose(y, whole, atol=1e-5))
# > three windows: True

# %% [markdown]
# In training, the gradient of the state takes the same way back: `net.backward(dy, tape, dstate)`
# takes the gradient from the next window, and returns that for the previous one. Truncated
# back-propagation through time leaves it out.
#
# ## How long does a neuron remember?
#
# With open gates, $u^n$ of an input is left after n time steps. Half of it is left after $-\ln 2 /
# \ln |u|$ steps.

# %%
for layer in ("0", "1"):
    u = np.abs(net.params[f"{layer}.u"].astype(float))
    halved = np.log(0.5) / np.log(np.minimum(u, 1 - 1e-9))
    print(f"layer {layer}: {np.sum(halved > T)} of {len(u)} neurons keep half of it for more than {T} steps")
# > layer 0: 0 of 16 neurons keep half of it for more than 50 steps
# > layer 1: 16 of 16 neurons keep half of it for more than 50 steps

# %% [markdown]
# ## Traces of neurons
#
# The trace of a neuron is its state after each time step. The next cell selects the neuron of the
# last layer with the largest contribution to the answer, $|W_n h_{n,T}|$ in the read-out.

# %%
state, traces = None, []
for x_t in x:
    y_t, state = net.step(x_t, state)
    traces.append([layer_state[0] for layer_state in state[:2]])
first, second = (np.array([step[layer] for step in traces]) for layer in (0, 1))  # (T, H) each

readout = net.params["3.W"][0]
speaker = int(np.argmax(np.abs(readout * second[-1])))
marked = x[:, 0, 1].nonzero()[0]
values = x[marked, 0, 0]
print("marked steps", marked, "  their values", values.round(2))
print(f"sum {target.item():.2f}, answer {y_t.item():.2f}")

trace = second[:, speaker]
size = np.abs(np.diff(trace))
jumps = np.sort(np.argsort(size)[-2:] + 1)
print(
    "its state changes most at the marked steps, or right behind:", bool(np.all(np.abs(jumps - marked) <= 1))
)
# > marked steps [14 31]   their values [0.33 0.69]
# ~ sum 1.03, answer 1.02
# > its state changes most at the marked steps, or right behind: True

# %% mystnb={"image": {"alt": "The input with two marks, and three neurons that jump at both"}}
from indrnn_np.plots import style

figure = style.empty(7.2, 4.2)
top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[1, 2])
steps = np.arange(T)
top.plot(steps, x[:, 0, 0], color=style.GREY, linewidth=0.9, label="value")
top.plot(steps[marked], values, "o", color=style.ORANGE, label="marked")
style.dress(top, "input $x_t$")
top.legend(frameon=False, fontsize=8, loc="upper right", ncols=2)
order = np.argsort(-np.abs(readout * second[-1]))
looks = [(style.BLUE, "-"), (style.GREEN, "--"), (style.GREY, ":")]
for n, (colour, line) in zip(order, looks, strict=False):
    bottom.plot(
        steps, second[:, n], color=colour, linestyle=line, label=f"neuron {n}, u = {net.params['1.u'][n]:.3f}"
    )
for step in steps[marked]:
    bottom.axvline(step, color=style.ORANGE, linewidth=0.8)
bottom.set_xlabel("time step $t$")
style.dress(bottom, "state $h_t$, second layer")
bottom.legend(frameon=False, fontsize=8)
style.save(figure, "pictures/neurons.png")
figure

# %% [markdown]
# *Above: the stream with its two marked values. Below: the three neurons of the second layer with
# the largest contributions to the answer.*
#
# Next: [your own data in ten lines](05_your_own_data.py).
