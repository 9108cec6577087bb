"""What do the gates of an LSTM add on a text? Train LSTMs with gates that do not depend on the text.

    python benchmarks/held_gates.py --data FILE [--held f|ifo] [--seeds 0,1,2] [--out FILE.json]

A held gate has the value σ(b), one number for each unit: its rows of W and U stay 0. The settings are those of the row
shakespeare-rivals/lstm of `indrnn reproduce`; the units give the same number of parameters without the rows of zeros.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import machine

import indrnn_np as ir
from indrnn_np import reproduce
from indrnn_np._cpu.threads import set_threads
from indrnn_np.layers.base import Parameter
from indrnn_np.settings import build, settings
from indrnn_np.training import fit

ROW = "shakespeare-rivals/lstm"
GATES = "ifgo"  # blocks of rows of W and U (ops/lstm)
HIDDEN = {"": 154, "f": 184, "ifo": 342}  # units by held gates; each network has about 193,000 parameters


@dataclass(frozen=True)
class HeldGates(ir.LSTM):
    """LSTM in which the gates in `held` learn their bias only."""

    held: str = ""

    def parameters(self, steps):
        """Return the parameters of an LSTM, with zeros in the rows of held gates."""

        def start(drawn):
            return lambda rng, shape: self._hold(drawn(rng, shape))

        known = super().parameters(steps)
        return known | {name: Parameter(known[name].shape, start(known[name].init)) for name in "WU"}

    def backward(self, dy, tape, dstate, ctx):
        """Return the gradients of an LSTM, with zeros in the rows of held gates."""
        dx, before, grads = super().backward(dy, tape, dstate, ctx)
        for name in "WU":
            self._hold(grads[name])
        return dx, before, grads

    def _hold(self, matrix):
        """Set the rows of held gates to zero."""
        blocks = matrix.reshape(self.gates, self.hidden_size, -1)
        for gate in self.held:
            blocks[GATES.index(gate)] = 0
        return matrix


def held_layer(layer: ir.LSTM, held: str) -> HeldGates:
    """Return a layer like this one, with held gates."""
    return HeldGates(layer.input_size, layer.hidden_size, layer.input_init, layer.forget_bias, held=held)


def measure(data: str, held: str, seed: int, **changes: Any) -> dict[str, Any]:
    """Train one network and return its results in bits; `changes` are settings other than those of the row."""
    row = reproduce.find([ROW])[0].settings("budget") | {"hidden": HIDDEN[held]} | changes
    used = settings.merge("chars", settings.check(row, "chars", ROW), {"data": data, "seed": seed})
    task, net, rule, plan = build.parts(used)
    layers = [held_layer(layer, held) if isinstance(layer, ir.LSTM) else layer for layer in net.layers]
    net = ir.Sequential(layers, task.steps, dtype=net.dtype, seed=seed)
    (lstm,) = (layer for layer in layers if isinstance(layer, HeldGates))
    zeros = len(held) * lstm.hidden_size * (lstm.input_size + lstm.hidden_size)
    summary = fit.train(net, task, rule, build.whole(plan, used, task)).summary
    return {
        "held": held, "hidden": lstm.hidden_size, "parameters": net.size - zeros, "seed": seed,
        **{split: summary["final"][split]["bits"] for split in ("validation", "test")},
        "minutes": round(summary["seconds"] / 60, 2),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, metavar="FILE", help="the text")
    parser.add_argument("--held", choices=HIDDEN, default="f", help="held gates; none: the LSTM of the row")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="file to which the runs are added")
    args = parser.parse_args()
    set_threads(args.threads)
    runs = []
    for seed in map(int, args.seeds.split(",")):
        runs.append(measure(args.data, args.held, seed) | {"threads": args.threads})
        print(json.dumps(runs[-1]), flush=True)
    if args.out is not None:
        known = json.loads(args.out.read_text("utf-8"))["runs"] if args.out.is_file() else []
        result = {"runs": known + runs, "machine": machine.describe()}
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
