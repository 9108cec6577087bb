# %% [markdown]
# # 3. Training: the adding problem
#
# Two of T numbers are marked; the target is their sum. To answer after the last time step, a
# network must keep a number for up to T steps and ignore all others. This is the classical test of
# long memory.
#
# ## The task
#
# A batch is a function of seed and iteration: nothing is stored, and every run gets the same
# numbers.

# %%
import numpy as np

import indrnn_np as ir
from indrnn_np import tasks

task = tasks.get("adding", steps=50, seed=0)
batch = task.batch(iteration=0, size=50)
values, marked = batch.x[..., 0], batch.x[..., 1]
print(
    "x",
    batch.x.shape,
    "  target",
    batch.target.shape,
    "  marked steps of the first sample",
    marked[:, 0].nonzero()[0],
)
print("targets are the sums:", np.allclose((values * marked).sum(axis=0), batch.target[:, 0]))
print(f"always answering 1 scores {task.baseline:.4f}")
# > x (50, 50, 2)   target (50, 1)   marked steps of the first sample [14 34]
# > targets are the sums: True
# > always answering 1 scores 0.1667

# %% [markdown]
# ## The network
#
# The network has two IndRNN layers of 32 units, the last state, and a linear read-out. `ir.plain`
# builds it. u of the last layer starts with long memories, because only the last time step is read.

# %%
net = ir.plain(2, 32, 1, layers=2, steps=50, seed=0)
print([type(layer).__name__ for layer in net.layers], net.size, "parameters")
for name, bound in net.bounds.items():
    u = net.params[name]
    print(f"{name} from {u.min():.3f} to {u.max():.3f}, bound {bound:.4f}")
# > ['IndRNN', 'IndRNN', 'LastStep', 'Linear'] 1249 parameters
# > 0.u from 0.021 to 0.994, bound 1.0140
# > 1.u from 0.986 to 1.014, bound 1.0140

# %% [markdown]
# A notebook shows a network as a table of its layers, when it is the last line of a cell:

# %%
net

# %% [markdown]
# ## The training loop by hand
#
# The next cell makes one iteration. The projection at its end enforces $|u| \le 2^{1/T}$.

# %%
optimizer = ir.Adam(5e-3, lr_of={"u": 0.05})  # u a twentieth: small changes of u are large ones of memory
y, state, tape = net.forward(batch.x)
loss, dy = ir.mse(y, batch.target)
dx, dstate, grads = net.backward(dy, tape)
ir.clip_norm(grads, 1.0)
optimizer.update(net, grads)
net.project()
print(f"loss before the first update {loss:.2f}")
# ~ loss before the first update 1.34

# %% [markdown]
# ## The training loop in one call
#
# `ir.fit` does the same, with a learning-rate schedule, validation on new sequences, optional
# checkpoints, and a check for non-finite numbers.

# %%
result = ir.fit(
    net,
    task,
    optimizer,
    iterations=600,
    batch=50,
    schedule=ir.OneCycle(5e-3, 600),
    clip_norm=1.0,
    validate_every=100,
    log_every=20,
    progress=False,
)
errors = dict(zip(*result.curve("mse", "validation"), strict=True))
print(f"error after 100 updates {errors[100]:.4f}")
final = result.summary["final"]["test"]["mse"]
print(f"test error {final:.5f}")
print("a fiftieth of the blind guess or less:", final < task.baseline / 50)
# ~ error after 100 updates 0.1778
# ~ test error 0.00011
# > a fiftieth of the blind guess or less: True

# %% [markdown]
# For about two hundred iterations the network is hardly better than the blind guess. Then it learns
# the meaning of the markers, and the error falls. (The numbers differ a little from machine to
# machine, because matrix products round differently; a small difference can move the fall of the
# error.)
#
# ## The curve

# %% mystnb={"image": {"alt": "The error stays at the blind guess for 200 iterations, then falls"}}
result.plot("pictures/first-adding.png")

# %% [markdown]
# *Mean squared error over updates. The dashed line is the blind guess.*
#
# ## Save, load, predict
#
# A checkpoint is one npz file without pickles; NumPy alone can read it.

# %%
ir.save("pictures/adding.npz", net)
again = ir.load("pictures/adding.npz").net
fresh = task.batch(iteration=12345, size=4)
x, target = fresh.x, fresh.target
print("the same answers:", np.array_equal(again(x), net(x)))
for name, values in (("asked", target), ("answered", again(x))):
    print(name, *(f"{value:.2f}" for value in values[:, 0]))
# > the same answers: True
# ~ asked 0.62 0.79 1.50 1.04
# ~ answered 0.62 0.80 1.50 1.04

# %% [markdown]
# The command line does all of this. It writes settings, metrics and checkpoints to a folder, from
# which a run can be resumed:
#
# ```sh
# indrnn train adding --steps 50 --hidden 32 --lr 5e-3 --lr-u 0.05 --schedule one-cycle --clip-norm 1 --iterations 600
# ```
#
# Next: [a stream, one time step at a time, and single neurons](04_streams_and_neurons.py). Longer
# runs, up to 5000 time steps: [results](../results.md).
