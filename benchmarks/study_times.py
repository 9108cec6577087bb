"""How long each instrument of `indrnn study` takes as it stands, without an option: on the adding problem, T = 500.

    python benchmarks/study_times.py [--out FILE.json]

Each is a process of its own, timed from its launch to its end, start-up, training where it needs some, numbers and
picture included; kernels were compiled by a run before it, which is not timed. `report` is timed on a short run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine

from indrnn_np.commands.study import INSTRUMENTS

RUN = ["train", "adding", "--steps", "500", "--iterations", "200", "--quiet", "--out"]
INDRNN = [sys.executable, "-m", "indrnn_np"]


def seconds(folder: Path, *arguments: str) -> float:
    """Seconds of `indrnn ARGUMENTS`, run in `folder`."""
    begin = time.perf_counter()
    subprocess.run([*INDRNN, *arguments], cwd=folder, check=True, capture_output=True)
    return round(time.perf_counter() - begin, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds(folder, *RUN, "run")
        for instrument in INSTRUMENTS:
            options = {"report": ["run", "--quiet"], "playground": []}.get(instrument, ["--quiet"])
            seconds(folder, "study", instrument, *options)
            found[instrument] = seconds(folder, "study", instrument, *options)
            print(f"indrnn study {instrument}: {found[instrument]} s", flush=True)
    if args.out is not None:
        result = {"seconds": found, "machine": machine.describe()}
        args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
