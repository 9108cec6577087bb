"""Does the gradient reach the first of 21 recurrent layers? Residual IndRNNs beside stacks of RNN-relu and LSTM.

    python benchmarks/depth.py --data DIR [--permuted] [--hidden 64] [--iterations 1700] --out benchmarks/results/depth

DIR holds MNIST's idx files. Each network trains on sequential MNIST, batches of 32; every `--every` iterations the norm
of ∂L/∂h over all steps of one batch is measured for every recurrent layer (indrnn_np.study.gradient_flow).
OUT/depth.json gets the numbers after every measurement, OUT/depth.png the picture.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import machine
import numpy as np

import indrnn_np as ir
from indrnn_np import networks, plots, study, tasks
from indrnn_np.training import metrics

BLOCKS, GAMMA, DROPOUT, BATCH, CLIP = 10, 5.0, 0.1, 32, 10.0  # 2 · 10 + 1 recurrent layers
LAYERS = 2 * BLOCKS + 1
# name: how it is made, and its learning rate; rivals those of the paper (2e-3 where φ is tanh)
Make = Callable[[int, int], Any]
NETWORKS: dict[str, tuple[Make, float]] = {
    "residual IndRNN, batch norm before": (lambda H, T: _residual(H, T, "before"), 1e-3),
    "residual IndRNN, batch norm after": (lambda H, T: _residual(H, T, "after"), 1e-3),
    "RNN-relu": (lambda H, T: networks.plain(1, H, 10, LAYERS, T, cell="rnn-relu"), 2e-4),
    "LSTM": (lambda H, T: networks.plain(1, H, 10, LAYERS, T, cell="lstm"), 2e-3),
}


def _residual(hidden: int, steps: int, norm: str) -> Any:
    return networks.residual(1, hidden, 10, BLOCKS, steps, dropout=DROPOUT, gamma=GAMMA, norm_place=norm)


def train(name: str, task: Any, hidden: int, iterations: int, every: int, tell: Callable[[Any], None]) -> Any:
    """Train one network; the record has loss, accuracy and the norms of each measurement."""
    make, lr = NETWORKS[name]
    net = make(hidden, task.steps)
    optimizer, work = ir.Adam(lr, weight_decay=1e-4), ir.Workspace()
    record: dict[str, Any] = {
        "name": name,
        "parameters": net.size,
        "lr": lr,
        "measured": [],
        "diverged": None,
    }
    start, losses, hits = time.perf_counter(), [], []
    for i in range(iterations + 1):
        batch = task.batch(i, BATCH)
        if i % every == 0:
            found = study.gradient_flow(net, batch.x, batch.target)
            record["layers"] = found.layers
            record["measured"].append(
                {"iteration": i, "seconds": round(time.perf_counter() - start, 1), "norms": found.totals().tolist(),
                 "loss": _mean(losses), "accuracy": _mean(hits)}
            )  # fmt: skip
            losses, hits = [], []
            tell(record)
        if i == iterations:
            break
        y, _, tape = net.forward(batch.x, work=work)
        loss, dy = ir.softmax_cross_entropy(y, batch.target)
        if not math.isfinite(loss):
            record["diverged"] = i
            break
        losses.append(loss)
        hits.append(float((y.argmax(axis=1) == batch.target).mean()))
        _, _, grads = net.backward(dy, tape, input_gradient=False)
        ir.clip_value(grads, CLIP)
        optimizer.update(net, grads)
        net.project()
    if record["diverged"] is None:
        with metrics.large_batch_statistics(net, task, 500, iterations):
            found = metrics.evaluate(net, task.evaluation("validation", 250), task.loss)
        record["validation accuracy"] = found["accuracy"]
    return record


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--permuted", action="store_true")
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument(
        "--iterations", type=int, default=1700, help="of the first network: an epoch of 1700 batches"
    )
    parser.add_argument("--others", type=int, default=200, help="iterations of the other networks")
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    ir.set_threads(args.threads)
    task = tasks.get("mnist", data=args.data, permuted=args.permuted, seed=0)
    args.out.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {"task": task.name, "steps": task.steps, "hidden": args.hidden, "batch": BATCH,
                              "threads": args.threads, "machine": machine.describe(), "networks": []}  # fmt: skip

    def keep(record: Any) -> None:
        known = [one for one in result["networks"] if one["name"] != record["name"]]
        result["networks"] = [*known, record]
        (args.out / "depth.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        last = record["measured"][-1]
        norms = last["norms"]
        print(f"{record['name']}: iteration {last['iteration']}, loss {last['loss']}, accuracy {last['accuracy']}, "
              f"first over last {norms[0] / max(norms[-1], 1e-300):.3g}", flush=True)  # fmt: skip

    for number, name in enumerate(NETWORKS):
        keep(train(name, task, args.hidden, args.others if number else args.iterations, args.every, keep))
    plots.depth(result, args.out / "depth.png")


if __name__ == "__main__":
    main()
