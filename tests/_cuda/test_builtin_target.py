"""Where numba-cuda is not installed the target inside numba is live, and compiles the kernels too.

A Python of its own tries it, because one process has one of them (builtin_target.py); it takes NVVM from the wheels of
the extra `ptx`, without which this is skipped.
"""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_numbas_own_target_compiles_the_kernels(monkeypatch, pytestconfig):
    every = pytestconfig.getoption("--ptx-long")
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    registers = importlib.import_module("registers")
    try:
        registers.tools()
    except RuntimeError as missing:
        pytest.skip(str(missing))
    monkeypatch.setenv("PYTHONPATH", "")
    script = ROOT / "tests" / "builtin_target.py"
    command = [sys.executable, "-S", script, *(["--all"] if every else []), *filter(None, sys.path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    kernels = [
        name
        for name, _ in registers.kernels()
        if every or "[relu" in name or not name.startswith(registers.WALKS)
    ]
    assert told == {"target": "built-in", "kernels": len(kernels), "errors": {}}
