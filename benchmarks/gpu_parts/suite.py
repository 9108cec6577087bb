"""The project's tests with the GPU there: whatever runs on every backend runs on "cuda" too."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from .part import Part

ROOT = Path(__file__).parents[2]
CHOSEN = ("tests/ops", "tests/_cuda/test_cuda_network.py", "tests/bench/test_crossover.py")
DRY = ("tests/ops/test_project.py",)
WORKERS = 8  # each compiles its kernels for itself


def tests(part: Part) -> None:
    """Run pytest in a process of its own, as long as there is time."""
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow"]
    if not part.sizes.dry and importlib.util.find_spec("xdist") is not None:
        words += ["-n", str(WORKERS)]
    words += DRY if part.sizes.dry else CHOSEN
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    table = part.table("Tests", "command", "result")
    try:
        done = subprocess.run(
            words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=max(1, part.left - 5)
        )
        text, code = done.stdout + done.stderr, done.returncode
    except subprocess.TimeoutExpired as error:
        text, code = (error.stdout or b"").decode(errors="replace"), None
    (part.folder / "tests.log").write_text(text, encoding="utf-8")
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "nothing printed")
    if code is None:
        part.note(f"the tests were stopped after {part.found['seconds']:.0f} s: no time left")
    elif code:
        part.fail(f"the tests ended with {code}: {last}")
        failed = [line for line in text.splitlines() if line.startswith(("FAILED", "ERROR"))]
        for line in failed[:30]:
            part.note(line[:300])
    table.row(" ".join(words[1:]), last, code=code)
