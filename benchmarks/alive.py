"""How many neurons of each recurrent layer are alive: positive at any step of any of 50 fresh adding sequences.

python benchmarks/alive.py CHECKPOINT ...
"""

from __future__ import annotations

import sys

import indrnn_np as ir
from indrnn_np import tasks


def main() -> None:
    for path in sys.argv[1:]:
        net = ir.load(path).net
        batch = tasks.get("adding", steps=net.steps, seed=5).batch(0, 50)
        gates = net.gates(net.forward(batch.x)[2])
        alive = ", ".join(f"{int(g.any(axis=(0, 1)).sum())} of {g.shape[2]}" for g in gates)
        print(f"{path}, iteration {net.iteration}: {alive}")


if __name__ == "__main__":
    main()
