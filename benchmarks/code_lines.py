"""Print the code lines of each folder of the package, side by side for several commits.

    python benchmarks/code_lines.py [COMMIT ...]      default: the working tree

Code lines are lines without blank lines, comments and docstrings. Modules that stood at the root of version 0.1.0 count
for the folder that they moved to.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from io import BytesIO
from pathlib import Path

from reading_path import code_lines

ROOT = Path(__file__).parents[1]
MOVED = {  # folder: modules that stood at the root, and packages with another name
    "_cpu": "_about _arrays _environment _numba _threads _tiles _turns",
    "_cuda": "_cublas _cuda _device _graph _pool _products _recording _simulator _wide",
    "_check": "_check", "_files": "_files", "_gradcheck": "gradcheck", "commands": "cli",
    "networks": "generate inference interop recompute sequential stack", "optim": "losses optim schedules",
    "reproduce": "published", "settings": "build setting_tables settings", "training": "checkpoint memory train",
}  # fmt: skip
FOLDERS = {name: folder for folder, names in MOVED.items() for name in names.split()}


def count(package: Path) -> Counter[str]:
    """Return the code lines of the modules at the root of a package ("."), and of each folder in it."""
    lines: Counter[str] = Counter()
    for path in package.rglob("*.py"):
        parts = path.relative_to(package).with_suffix("").parts
        folder = FOLDERS.get(parts[0], parts[0] if len(parts) > 1 else ".")
        lines[folder] += code_lines(path.read_text("utf-8"))
    return lines


def at(commit: str) -> Counter[str]:
    """Return the code lines of a commit."""
    command = ["git", "-C", str(ROOT), "archive", commit, "indrnn_np"]
    archive = subprocess.run(command, check=True, capture_output=True).stdout
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
        return count(Path(folder, "indrnn_np"))


def main() -> None:
    """Print a table with a column for each commit."""
    columns = {commit: at(commit) for commit in sys.argv[1:]} or {"lines": count(ROOT / "indrnn_np")}
    folders = sorted(set().union(*columns.values()))
    print(f"| folder | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for folder in folders:
        print(f"| `{folder}` | {' | '.join(str(lines[folder]) for lines in columns.values())} |")
    print(f"| all | {' | '.join(str(sum(lines.values())) for lines in columns.values())} |")


if __name__ == "__main__":
    main()
