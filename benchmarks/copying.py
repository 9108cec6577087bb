"""What a network that was trained on copying memory knows: which symbols there were, and in which place each stood.

    python benchmarks/copying.py RUN_DIR ... [--out benchmarks/results/copying.json]

RUN_DIR is a run of `indrnn train copying`. For each: recall by place (1 of 8 by chance); the share of answers that are
one of the sequence's own ten symbols, in whatever place (1 - (7/8)^10 = 74 % by chance); how often an answer is the
sequence's commonest symbol; and what the recall would be of answering that one ten times.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import machine
import numpy as np

from indrnn_np import study
from indrnn_np.tasks.copying import SYMBOLS, WORD

SEQUENCES, BATCH = 1000, 100


def measure(run: str) -> dict[str, Any]:
    subject = study.from_run(run)
    answers, symbols = [], []
    for batch in subject.task.evaluation("test", BATCH, subject.net.iteration):
        answers.append(subject.net(batch.x)[-WORD:, :, :SYMBOLS].argmax(axis=2))
        symbols.append(batch.target[-WORD:])
    said, true = np.concatenate(answers, axis=1), np.concatenate(symbols, axis=1)  # (10, N)
    counts = (true[..., None] == np.arange(SYMBOLS)).sum(axis=0)  # (N, 8)
    commonest = counts.max(axis=1)
    own = np.take_along_axis(counts.T, said, axis=0)  # how often the sequence has the symbol that was said
    return {
        "run": Path(run).name, "title": subject.title, "delay": subject.task.delay, "sequences": said.shape[1],
        "recall": float((said == true).mean()), "by place": (said == true).mean(axis=1).tolist(),
        "own symbols": float((own > 0).mean()),
        "commonest": float((own == commonest).mean()), "recall of the commonest": float(commonest.mean() / WORD),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="RUN_DIR")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    found = [measure(run) for run in args.runs]
    for one in found:
        places = " ".join(f"{100 * share:.0f}" for share in one["by place"])
        print(
            f"{one['run']}, {one['title']}, delay {one['delay']}: recall {one['recall']:.1%} (by place {places} %), "
            f"own symbols {one['own symbols']:.1%}, the commonest {one['commonest']:.1%}; always the commonest would "
            f"recall {one['recall of the commonest']:.1%}"
        )
    if args.out is not None:
        result = {"machine": machine.describe(), "runs": found}
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
