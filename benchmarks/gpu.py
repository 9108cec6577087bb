"""Everything about the backend "cuda" that only a GPU can tell: one command, less than ten minutes.

    python benchmarks/gpu.py                                checks, then times, into benchmarks/results/gpu
    python benchmarks/gpu.py --tests                        also the project's tests, if there is time left
    python benchmarks/gpu.py --parts checks layers          these parts only
    python benchmarks/gpu.py --train adding                 another run: the adding problem of 5000 steps to a goal
    python benchmarks/gpu.py --train mnist --data DIR       sequential MNIST for --minutes
    python benchmarks/gpu.py --dry                          every part at tiny sizes in numba's simulator, without a GPU

Each part (gpu_parts/) is a process of its own, since a kernel that fails takes its process along, and leaves what it
found in DIR/parts after every line. DIR/gpu.json and DIR/gpu.md are written anew after each part. Exit code 1:
something of this package was wrong or broke; what other packages did wrong is only told.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from gpu_parts import EXTRA, PARTS, TRAINING, file_of, nothing_yet

FOLDER = Path(__file__).parent
RESERVE = 5  # seconds at the end, for the files
ABOUT = next(iter(PARTS))
START = 8  # seconds that a part needs to begin


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=FOLDER / "results" / "gpu", metavar="DIR")
    parser.add_argument("--parts", nargs="+", choices=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--tests", action="store_true", help="also the part tests")
    parser.add_argument("--train", choices=TRAINING, help="train instead")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with MNIST's four idx files")
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings of `indrnn train`, for --train"
    )
    parser.add_argument("--minutes", type=float, default=9.5, help="for all together (default: 9.5)")
    parser.add_argument("--dry", action="store_true", help="tiny sizes, in numba's simulator")
    parser.add_argument("--together", action="store_true", help="all parts in one process")
    parser.add_argument("--child", metavar="PART", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=0.0, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    args = arguments()
    prepare(args.dry)
    args.out.mkdir(parents=True, exist_ok=True)
    if args.child:
        run(args, args.child, args.seconds)
        return 0
    end, names = time.monotonic() + 60 * args.minutes, chosen(args)
    for name in names:
        seconds = min((PARTS | TRAINING)[name][1], end - time.monotonic() - RESERVE)
        print(f"{name}: at most {seconds:.0f} s", flush=True)
        if seconds < START:
            leave(args.out, name, "notes", "left out: no time left")
        elif args.together:
            run(args, name, seconds)
        else:
            process(args, name, seconds)
        page_path = write(args.out, args.train)
        if name == ABOUT and read(args.out, None)[0]["failures"]:
            break  # without a GPU nothing else can run
    found = [part for part in read(args.out, args.train) if part["part"] in names]
    failures = [f"{part['part']}: {sentence}" for part in found for sentence in part["failures"]]
    print("\n".join([f"{len(failures)} failures", *failures, str(page_path)]))
    return 1 if failures else 0


def chosen(args: argparse.Namespace) -> list[str]:
    """The parts to run; what an earlier run left of them is taken away."""
    wanted = args.parts or [name for name in PARTS if name not in EXTRA]
    wanted = [*wanted, *(EXTRA if args.tests else ())]
    names = [args.train] if args.train else [name for name in PARTS if name in wanted]
    for name in names:
        file_of(args.out, name).unlink(missing_ok=True)
    return names


def prepare(dry: bool) -> None:
    """Set what numpy and numba read when they are loaded, and find the package where it is not installed."""
    if dry:
        os.environ |= {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    os.environ.setdefault("NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS", "0")
    if importlib.util.find_spec("indrnn_np") is None:
        sys.path.insert(0, str(FOLDER.parent))
        os.environ["PYTHONPATH"] = os.pathsep.join([str(FOLDER.parent), os.environ.get("PYTHONPATH", "")])
    if importlib.util.find_spec("platformdirs") is None:  # which knows where compiled kernels are kept
        os.environ.setdefault("INDRNN_CACHE_DIR", str(Path(tempfile.gettempdir()) / "indrnn_np"))
    from indrnn_np._cpu import environment

    environment.configure()


def run(args: argparse.Namespace, name: str, seconds: float) -> None:
    """Run a part in this process."""
    from gpu_parts.part import Part
    from gpu_parts.sizes import DRY, REAL

    options = {"data": args.data and str(args.data), "set": args.set}
    part = Part(name, args.out, DRY if args.dry else REAL, seconds, options)
    with part.surviving(name):
        module = importlib.import_module(f"gpu_parts.{(PARTS | TRAINING)[name][0]}")
        getattr(module, name)(part)
        part.end()


def process(args: argparse.Namespace, name: str, seconds: float) -> None:
    """Run a part in a process of its own; one that takes too long is ended with all that it has started."""
    words = [
        sys.executable,
        __file__,
        "--child",
        name,
        f"--seconds={seconds - START / 2}",
        "--out",
        str(args.out),
    ]
    words += ["--dry"] if args.dry else []
    words += ["--data", str(args.data)] if args.data else []
    words += ["--set", *args.set] if args.set else []
    child = subprocess.Popen(words, start_new_session=True)
    try:
        code = child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        leave(args.out, name, "failures", f"stopped: it took more than {seconds:.0f} s")
    else:
        if code:
            leave(args.out, name, "failures", f"its process ended with {code}")


def leave(out: Path, name: str, kind: str, sentence: str) -> None:
    """Write down what became of a part that cannot say it itself."""
    path = file_of(out, name)
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else nothing_yet(name)
    found[kind].append(sentence)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def read(out: Path, train: str | None) -> list[dict[str, Any]]:
    """What all parts have left so far, or a training."""
    paths = [file_of(out, name) for name in ([train] if train else PARTS)]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.is_file()]


def write(out: Path, train: str | None) -> Path:
    """gpu.json and gpu.md, or those of a training, from what has been left so far; returns the page."""
    found, path = read(out, train), out / f"{train or 'gpu'}.md"
    path.write_text("\n".join(page(found)) + "\n", encoding="utf-8")
    path.with_suffix(".json").write_text(json.dumps({"parts": found}, indent=1) + "\n", encoding="utf-8")
    return path


def page(found: list[dict[str, Any]]) -> list[str]:
    """The results as Markdown."""
    failures = sum(len(part["failures"]) for part in found)
    lines = ["# On a GPU", "", f"Written by `python benchmarks/gpu.py`; {failures or 'no'} failures."]
    for part in found:
        lines += [
            "",
            f"## {part['part']} ({part['seconds']:.0f} s{'' if part['done'] else ', not finished'})",
        ]
        for kind, word in (("failures", "**failed**"), ("notes", "note")):
            lines += ["", *(f"- {word}: {sentence}" for sentence in part[kind])] if part[kind] else []
        for table in part["tables"]:
            lines += ["", f"**{table['title']}**", "", f"| {' | '.join(table['header'])} |"]
            lines += ["|" + " --- |" * len(table["header"])]
            lines += [f"| {' | '.join(row['cells'])} |" for row in table["rows"]]
    return lines


if __name__ == "__main__":
    sys.exit(main())
