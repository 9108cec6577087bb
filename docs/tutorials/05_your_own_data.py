# %% [markdown]
# # 5. Your own data in ten lines
#
# Your data are arrays: `x` holds N sequences of T time steps with D values each, and `y` holds a
# label or a number for each sequence. `ir.fit` trains on them. This page uses simulated recordings
# of a sensor; replace the next cell by your own `np.load` or `pandas.read_csv`.
#
# ## The data
#
# A machine vibrates. While it is sound, the vibration is a sine; a worn bearing adds a knock that
# fades within each turn. The position at the start and the speed are random, and there is noise.
# Each of 400 recordings has 100 time steps of one sensor, so `x` is (N, T), a recording in each row.

# %%
import numpy as np

rng = np.random.default_rng(0)
N, T = 400, 100
turns = rng.uniform(0, 1, (N, 1)) + rng.uniform(0.04, 0.08, (N, 1)) * np.arange(T)
worn = rng.integers(0, 2, N)
knocks = worn[:, None] * np.exp(-10 * (turns % 1))
x = np.sin(2 * np.pi * turns) + knocks + 0.3 * rng.standard_normal((N, T))
x, y = x.astype("float32"), np.where(worn, "worn", "sound")
print("x", x.shape, x.dtype, "  labels", y[:3])
# > x (400, 100) float32   labels ['worn' 'worn' 'worn']

# %% [markdown]
# ## Ten lines
#
# `layout="btd"` says that the axes of `x` are batch, time and inputs. The network has one output
# for each class; labels select the cross-entropy loss and the accuracy. The first 300 recordings
# are for training, of which a fifth is held out for validation; the other 100 are the test.

# %%
import indrnn_np as ir

net = ir.plain(input_size=1, hidden=32, output_size=2, layers=2, steps=T, input_init="kaiming")
plan = ir.Plan(epochs=40, batch=32, log_every=10)
train = (x[:300], y[:300])
result = ir.fit(net, train, ir.Adam(5e-3), plan=plan, layout="btd", validation=0.2, progress=False)
answers = result.predict(x[300:])
print("more than 9 of 10 new recordings are right:", np.mean(answers == y[300:]) > 0.9)
# > more than 9 of 10 new recordings are right: True

# %% [markdown]
# ## The curve

# %% mystnb={"image": {"alt": "Error rate in validation and training loss fall over the iterations"}}
result.plot("pictures/your-own-data.png")

# %% [markdown]
# `result.to_pandas()` returns the same history as a table ([notebooks](../notebooks.md)), and
# `result.predict_proba` the probabilities of the classes.
#
# ## Use the network
#
# Save it, load it in another program, and run it on a stream: `net.step` takes one time step of one
# or more recordings, and keeps the state between calls. Its output is a score for each class.

# %%
ir.save("pictures/bearing.npz", net)
loaded = ir.load("pictures/bearing.npz").net
state = None
for value in x[300]:
    scores, state = loaded.step(value.reshape(1, 1), state)
print("the stream gives the same answer:", result.classes[scores.argmax()] == answers[0])
# > the stream gives the same answer: True

# %% [markdown]
# ## What the neurons remember
#
# The laboratory reads arrays with time first, (T, N, D). A finding is shown with its figure, when it
# is the last line of a cell:

# %%
ir.study.memory(net, np.ascontiguousarray(x[300:].T[:, :, None]))

# %% [markdown]
# Sequences of different lengths, several labels, real-valued targets, labels at each time step, and
# a loss of your own: [your own data](../own-data.md).
#
# Next: [CPU against GPU](06_cpu_against_gpu.py).
