# %% [markdown]
# # 6. CPU against GPU, kernel by kernel
#
# The package holds each of four operations five times: as plain NumPy to read (`reference`), as a
# simple and as a tuned loop for the CPU (`plain_cpu`, `cpu`), and as a simple and as a tuned kernel
# for the GPU (`plain_cuda`, `cuda`). These five are the rungs of a ladder: each computes the same
# numbers as the one before, in less time.
#
# ## Measured here, or stored
#
# With a GPU, the next cell checks and times all five rungs on your machine. Without one, it reads
# the times of the CPU that are stored in the repository. There are no stored times of a GPU yet,
# because the package has not run on one.

# %%
import json
from pathlib import Path

import indrnn_np as ir
from indrnn_np import bench

if "cuda" in ir.backends():
    ladder = bench.run_ladder(threads=1)
    print("measured on this machine, with its GPU")
else:
    repository = Path(ir.__file__).parents[1]  # a clone, installed with `pip install -e`
    ladder = json.loads((repository / "benchmarks/results/ladder/ladder.json").read_text("utf-8"))
    print(f"no GPU here; CPU times of {ladder['date']}, {ladder['command']!r}")
# > no GPU here; CPU times of 2026-11-29, 'indrnn bench --ladder --threads 1 --out benchmarks/results/ladder'

# %% [markdown]
# ## The ladder
#
# A bar is the time of a forward and a backward pass (adam: of one update). A factor compares a rung
# with the one above it.

# %% mystnb={"image": {"alt": "Bars: the time of each rung of the ladder, for four ops"}}
from indrnn_np import plots

figure = plots.ladder_figure(ladder)
plots.style.save(figure, "pictures/ladder.png")
figure

# %% [markdown]
# ## How far down can it go?
#
# The recurrence does little arithmetic: a multiplication, an addition and a comparison for each
# number that it reads. So memory sets its limit. Forward it reads a and writes h; backward it reads
# dh and h, and writes da: five arrays of T·B·H numbers.

# %%
case = next(case for case in ladder["cases"] if case["name"] == "recurrence")
moved = 5 * case["T"] * case["B"] * case["H"] * 4  # bytes
for line in case["lines"]:
    print(f"{line['candidate']:<10} {line['ms']:7.3f} ms   {moved / line['ms'] / 1e6:6.2f} GB/s")
# > reference   46.543 ms     1.38 GB/s
# > plain_cpu    4.388 ms    14.64 GB/s
# > cpu          3.807 ms    16.87 GB/s

# %% [markdown]
# The last column is to be compared with the copy rate of the memory: a kernel that is far below it
# waits for something else. `indrnn bench --cases scan-relu` measures the copy rate of your CPU. On a
# GPU a kernel often waits for the latency of the memory: this recurrence has only B·H = 4096
# independent columns, each a chain of 784 time steps, and a GPU needs many more columns to hide the
# time of an access ([CUDA](../cuda.md)).
#
# ## Other sizes
#
# The answer to "CPU or GPU?" depends on the size. With a GPU, this command times both for a grid of
# lengths and columns, with and without the transfer of the arrays:
#
# ```sh
# indrnn bench --backend cpu,cuda
# ```
#
# Each rung with its code and the reason for its speed: [how kernels are built](../kernels.md).
#
# This ends the first hour. Next: [the equations](../equations.md), [deep networks](../networks.md),
# [tasks](../tasks.md), [your own cell](../extending.md).
