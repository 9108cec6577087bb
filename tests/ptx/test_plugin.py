"""`pytest --ptx` in a process of its own: what fails a test, what is skipped, what is missing."""

import os
import subprocess
import sys
from pathlib import Path

import indrnn_np

TESTS = Path(__file__).parents[1]
CONFTEST = """
from ptx import plugin

def pytest_addoption(parser):
    plugin.options(parser)

def pytest_configure(config):
    plugin.configure(config)
"""
THREE_TESTS = """
import numpy as np
import pytest

from indrnn_np._cuda import arrays
from indrnn_np._cuda.launch import kernel
from indrnn_np._cuda.target import cuda

@kernel("float32[::1]")
def write_next(y):
    y[cuda.grid(1) + 1] = 1

@pytest.mark.not_emulated
def test_driver():
    raise AssertionError("runs")

def test_right():
    assert np.array_equal(arrays.zeros(5, np.float32).to_host(), np.zeros(5))

def test_wrong():
    write_next(5, arrays.zeros(5, np.float32))
"""


def run(folder, **environment):
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_three.py").write_text(THREE_TESTS)
    path = os.pathsep.join([str(TESTS), str(Path(indrnn_np.__file__).parents[1])])
    command = [sys.executable, "-m", "pytest", "--ptx", "-p", "no:cacheprovider", str(folder)]
    environment = os.environ | {"PYTHONPATH": path, "PYTEST_ADDOPTS": ""} | environment
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return result.stdout + result.stderr


def test_a_finding_fails_its_test(tmp_path):
    output = run(tmp_path)
    assert "1 failed, 1 passed, 1 skipped" in output
    assert "the PTX emulator found:\nbounds: write_next: line " in output
    assert "element 5 of argument 0 (5,) float32" in output
    assert "PTX emulator: 2 kernels, 3 launches, " in output


def test_a_missing_gcc_is_named(tmp_path):
    assert "gcc is not installed: apt-get install gcc libc6-dev" in run(tmp_path, PATH="")


def test_another_target_is_named(tmp_path):
    assert "NUMBA_ENABLE_CUDASIM=1 runs kernels as Python" in run(tmp_path, NUMBA_ENABLE_CUDASIM="1")
