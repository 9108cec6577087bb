"""Accuracy of the scan over time against float64, beside the serial recurrence: 60 cases with relu.

    python benchmarks/scan_accuracy.py [--out FILE.json]

A case is a sequence length, a chunk length, a distribution of u and a mean of the inputs N(mean, 0.5²); 64 columns in
float32. Errors are the largest of a column, over its largest state. `limit` is 1.5 times the serial error plus 2 ulp.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import machine
import numpy as np

from indrnn_np.ops.recurrence import cpu, parallel_cpu

STEPS, CHUNKS, MEANS, COLUMNS = (5000, 100_000), (64, 256, 1024), (0.0, 0.1), 64
WEIGHTS = {
    "U(-1, 1) 2^(1/T)": lambda rng, T: rng.uniform(-1, 1, COLUMNS) * 2 ** (1 / T),
    "U(0.95, 1)": lambda rng, T: rng.uniform(0.95, 1, COLUMNS),
    "2^(1/T)": lambda rng, T: np.full(COLUMNS, 2 ** (1 / T)),
    "1": lambda rng, T: np.ones(COLUMNS),
    "-1": lambda rng, T: -np.ones(COLUMNS),
}


def error(h: np.ndarray, exact: np.ndarray) -> float:
    """Largest error of all columns, in units of the column's largest state."""
    return float((np.abs(h - exact).max(axis=0) / np.abs(exact).max(axis=0)).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows = []
    for T, (name, weights), mean in itertools.product(STEPS, WEIGHTS.items(), MEANS):
        rng = np.random.default_rng(0)
        a = rng.normal(mean, 0.5, (T, 1, COLUMNS)).astype("float32")
        u, h0 = weights(rng, T).astype("float32"), np.zeros((1, COLUMNS), "float32")
        exact = cpu.forward(a.astype("float64"), u.astype("float64"), h0.astype("float64"))
        serial = cpu.forward(a, u, h0)
        for L in CHUNKS:
            report: dict[str, int] = {}
            h = parallel_cpu.forward(a, u, h0, report=report, chunk=L)
            rows.append(
                {
                    "T": T,
                    "L": L,
                    "u": name,
                    "mean": mean,
                    "serial": error(serial, exact),
                    "scan": error(h, exact),
                }
                | {
                    "equal columns": int((h == serial).all(axis=(0, 1)).sum()),
                    "certified": report["exact columns"],
                }
                | {"other gates": int(((h > 0) != (exact > 0)).sum()), "columns": COLUMNS}
            )
            limit = 1.5 * rows[-1]["serial"] + 2 * float(np.finfo("float32").eps)
            rows[-1] |= {"limit": limit, "within": bool(rows[-1]["scan"] <= limit)}
            print(*rows[-1].values())
    ratio = max(row["scan"] / row["serial"] for row in rows)
    summary = {"cases": len(rows), "within": sum(row["within"] for row in rows), "largest ratio": ratio}
    summary["gates that differ from float64's"] = sum(row["other gates"] for row in rows)
    print(summary)
    if args.out is not None:
        result = summary | {"rows": rows, "machine": machine.describe()}
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
