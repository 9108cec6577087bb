# %% [markdown]
# # 5. Your own data in ten lines
#
# Your data are arrays: `x` holds N sequences of T time steps with D values each, and `y` holds a
# label or a number for each sequence. `ir.fit` trains on them. This page uses simulated recordings
# of a sensor; replace the next cell by your own `np.load`.
#
# ## The data
#
# A machine vibrates. While it is sound, the vibration is a sine; a worn bearing adds a knock that
# fades within each turn. The position at the start and the speed are random, and there is noise.
# Each of 400 recordings has 100 time steps of one sensor.

# %%
import numpy as np

rng = np.random.default_rng(0)
N, T = 400, 100
turns = rng.uniform(0, 1, N) + rng.uniform(0.04, 0.08, N) * np.arange(T)[:, None]  # (T, N)
worn = rng.integers(0, 2, N)  # the label of each recording: 0 sound, 1 worn
x = np.sin(2 * np.pi * turns) + worn * np.exp(-10 * (turns % 1)) + 0.2 * rng.standard_normal((T, N))
x = x[:, :, None]  # (T, N, D): time first
print("x", x.shape, "  labels", worn.shape)
# > x (100, 400, 1)   labels (400,)

# %% [markdown]
# ## Ten lines
#
# Data that are stored sample by sample, (N, T, D), become time-major by
# `np.ascontiguousarray(x.transpose(1, 0, 2))`. The network has one output for each class; integer
# labels select the cross-entropy loss and the accuracy. The first 300 recordings are for training,
# of which a fifth is held out for validation; the other 100 are the test.

# %%
import indrnn_np as ir

net = ir.plain(input_size=1, hidden=32, output_size=2, layers=2, steps=T, input_init="kaiming")
data = ir.Data(x[:, :300], worn[:300])
result = ir.fit(net, data, ir.Adam(5e-3), epochs=40, batch=32, validation=0.2, log_every=10, progress=False)

answers = net(x[:, 300:]).argmax(axis=1)  # the class with the largest score
accuracy = np.mean(answers == worn[300:])
print("more than 9 of 10 new recordings are right:", accuracy > 0.9)
# > more than 9 of 10 new recordings are right: True

# %% [markdown]
# ## The curve

# %%
result.plot("pictures/your-own-data.png")

# %% [markdown]
# `result.to_pandas()` returns the same history as a table ([notebooks](../notebooks.md)).
#
# ## Use the network
#
# Save it, load it in another program, and run it on a stream: `net.step` takes one time step of one
# or more recordings, and keeps the state between calls.

# %%
ir.save("pictures/bearing.npz", net)
loaded = ir.load("pictures/bearing.npz").net
state = None
for x_t in x[:, 300:301].astype("float32"):
    scores, state = loaded.step(x_t, state)
print("the stream gives the same answer:", scores.argmax() == answers[0])
# > the stream gives the same answer: True

# %% [markdown]
# ## What the neurons remember
#
# A finding of the laboratory is shown with its figure, when it is the last line of a cell:

# %%
ir.study.memory(net, np.ascontiguousarray(x[:, 300:], "float32"))

# %% [markdown]
# Sequences of different lengths, real-valued targets and labels at each time step: [tasks](../tasks.md).
#
# Next: [CPU against GPU](06_cpu_against_gpu.py).
