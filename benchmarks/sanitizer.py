"""Run the kernels with shared memory and three forms of the recurrence under NVIDIA's compute-sanitizer.

    python benchmarks/sanitizer.py --out FOLDER

The four tools run at the same time, each in a process with small arrays, for at most 60 s together. Kernels have
memory of exactly the size of their arrays (INDRNN_CUDA_DEBUG). Each case is also compared with the reference.
FOLDER receives TOOL.txt, the output of each tool.

Exit code 0: no tool has a finding. 1: a tool has a finding, or did not end in time. 2: compute-sanitizer is missing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from stop_flag_check import wrong_flags

SECONDS = 60.0
TOOLS = {  # tool: value of INDRNN_CUDA_DEBUG
    "racecheck": "1",  # two threads of a block access a word of shared memory without a barrier between them
    "synccheck": "1",  # threads of a block that do not reach a barrier
    "memcheck": "1",  # accesses outside of an array, or misaligned
    "initcheck": "initcheck",  # reads of memory that nothing has written
}
SIZES = {"T": 9, "B": 3, "D": 7, "H": 40, "K": 65}  # a warp shares a row or a column
# Op, the form of the recurrence, and options.
CASES: tuple[tuple[str, str | int | None, dict], ...] = (
    ("recurrence", 8, {}), ("recurrence", 64, {}), ("recurrence", "wide", {}), ("indrnn", 8, {}),
    ("affine", None, {}), ("batchnorm", None, {}), ("batchnorm", None, {"per_step": True}), ("layernorm", None, {}),
    ("softmax_cross_entropy", None, {}), ("embedding", None, {}),
)  # fmt: skip


def find() -> str | None:
    """Return the path of compute-sanitizer: in the path, or in the toolkit of CUDA_HOME, or in /usr/local/cuda."""
    homes = [os.environ.get("CUDA_HOME"), os.environ.get("CUDA_PATH"), "/usr/local/cuda"]
    folders = [os.environ.get("PATH", ""), *(f"{home}/bin" for home in homes if home)]
    return shutil.which("compute-sanitizer", path=os.pathsep.join(folders))


def command(sanitizer: str, tool: str) -> list[str]:
    """Return the command line of a tool."""
    return [sanitizer, "--tool", tool, "--error-exitcode", "9", sys.executable, __file__, "--run"]


def sanitize(sanitizer: str, out: Path) -> int:
    """Run all tools, write their outputs, print a line for each, and return the exit code."""
    out.mkdir(parents=True, exist_ok=True)
    started, running = time.perf_counter(), {}
    for tool, debug in TOOLS.items():
        with open(out / f"{tool}.txt", "w", encoding="utf-8") as file:
            environment = {**os.environ, "INDRNN_CUDA_DEBUG": debug}
            running[tool] = subprocess.Popen(
                command(sanitizer, tool), stdout=file, stderr=file, env=environment
            )
    codes = {}
    for tool, process in running.items():
        try:
            code = codes[tool] = process.wait(max(0.1, SECONDS - (time.perf_counter() - started)))
            outcome = "no finding" if code == 0 else f"exit code {code}"
        except subprocess.TimeoutExpired:
            process.kill()
            codes[tool], outcome = process.wait(), f"did not end in {SECONDS:.0f} s"
        print(f"{tool}: {outcome}, {out / tool}.txt")
    return 1 if any(codes.values()) else 0


def run_cases() -> int:
    """Run the cases on backend cuda, compare them with the reference, and return the exit code."""
    from indrnn_np._cuda import products
    from indrnn_np._gradcheck.twins import compare
    from indrnn_np.ops.catalogue import entries
    from indrnn_np.ops.recurrence import cuda_form

    products.use("tiled")
    differs = 0
    for op, cuda_form.force_form, options in CASES:
        entry = next(entry for entry in entries() if entry.op == op and entry.gradients)
        outcome = compare(entry, entry.variants(**options)[0], "cuda", "float32", 0, SIZES)
        form = cuda_form.force_form
        title = ", ".join([op, *([] if form is None else [str(form)]), *options])
        print(f"{title}: {outcome.status} {outcome.detail}", flush=True)
        differs += outcome.status == "failed"
    cuda_form.force_form = None
    wrong = {"stop flag": wrong_flags(), "scan in a single pass": wrong_scans()}
    for title, details in wrong.items():
        print(f"{title}: {'; '.join(details) or 'passed'}", flush=True)
    return 1 if differs or any(wrong.values()) else 0


def wrong_scans() -> list[str]:
    """Return the passes of the recurrence whose scan in a single pass differs from the reference."""
    from indrnn_np._gradcheck.hosted import hosted
    from indrnn_np.ops.catalogue import Draw, entries
    from indrnn_np.ops.recurrence import single_pass

    single_pass.force, wrong = True, []
    for entry in (
        entry for entry in entries() if entry.op == "recurrence" and entry.name in ("forward", "backward")
    ):
        arguments = entry.arguments(Draw(np.random.default_rng(0), "float32", **SIZES), **entry.variants()[0])
        expected = entry.function(hosted("reference"))(**arguments)
        found = getattr(hosted("cuda").parallel("recurrence"), entry.name)(**arguments, chunk=2)
        pairs = zip(found, expected, strict=True) if isinstance(expected, tuple) else [(found, expected)]
        wrong += [entry.name for pair in pairs if not np.allclose(*pair, rtol=1e-4, atol=1e-4)]
    single_pass.force = None
    return wrong


def main() -> int:
    """Run the tools, or with --run the cases, which the tools start."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("sanitizer"), help="folder of the outputs")
    parser.add_argument("--run", action="store_true", help="run the cases without compute-sanitizer")
    args = parser.parse_args()
    if args.run:
        return run_cases()
    sanitizer = find()
    if sanitizer is None:
        places = "PATH, CUDA_HOME/bin and /usr/local/cuda/bin"
        sys.stderr.write(
            f"sanitizer: compute-sanitizer is not in {places}, expected that of a CUDA toolkit\n"
        )
        return 2
    return sanitize(sanitizer, args.out)


if __name__ == "__main__":
    sys.exit(main())
