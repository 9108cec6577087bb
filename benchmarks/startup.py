"""How long a user waits for the first training step: after install, when every kernel is compiled, and later.

    python benchmarks/startup.py [--repeats N] [--out FILE.json]

Each start is a process of its own, `indrnn train adding`, timed from its launch until the first iteration is done and
it is ended; first with an empty folder of compiled kernels, then with the one that this filled.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine

PROGRAM = """
import os, sys
import indrnn_np.commands.cli
from indrnn_np.training import trainer
iterate = trainer.Trainer.iterate
def first(self):
    iterate(self)
    os._exit(0)
trainer.Trainer.iterate = first
indrnn_np.commands.cli.main(["train", "adding", "--out", sys.argv[1]])
"""


def start(folder: Path, number: int) -> float:
    """Seconds of one start with the kernels in `folder`."""
    environ = {**os.environ, "INDRNN_CACHE_DIR": str(folder / "kernels")}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has bytecode
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", PROGRAM, str(folder / f"run-{number}")], env=environ, check=True,
                   capture_output=True)  # fmt: skip
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--repeats", type=int, default=3, help="later starts, of which the median counts (%(default)s)"
    )
    parser.add_argument("--out")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        seconds = [start(Path(name), number) for number in range(1 + args.repeats)]
    first, later = seconds[0], sorted(seconds[1:])[args.repeats // 2]
    print(
        f"first iteration of indrnn train adding: {first:.1f} s with nothing compiled, {later:.1f} s on later starts"
    )
    if args.out:
        found = {"first_s": first, "later_s": seconds[1:], "machine": machine.describe()}
        Path(args.out).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
