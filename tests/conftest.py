"""Hypothesis profiles, the threads of parallel test workers, and the `backend` fixture."""

import os
import signal
import sys
from typing import Any

# Read when numpy is loaded, so set before its first import: each of several test workers would start one BLAS thread a
# core. The engine's own threads stay: some tests compare thread counts.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from ptx import plugin

from indrnn_np import backend as backends
from indrnn_np._cuda import target as _cuda
from indrnn_np.networks.sequential import Sequential

# No deadline: the first example compiles. Both slow-data checks judge speed, which is no test's business here.
COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
settings.register_profile("dev", COMMON, max_examples=30)
settings.register_profile("ci", COMMON, max_examples=30, derandomize=True, print_blob=True)
settings.register_profile("nojit", COMMON, max_examples=8, derandomize=True, print_blob=True)


def _profile() -> str:
    """INDRNN_HYPOTHESIS if set; few examples without compiled loops; the same examples each time in CI."""
    if chosen := os.environ.get("INDRNN_HYPOTHESIS"):
        return chosen
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return "nojit"
    return "ci" if os.environ.get("CI") else "dev"


settings.load_profile(_profile())

# Passes over one sample are right and say so: here they are small examples. tests/layers/test_single_values.py looks.
Sequential.refuses_single_values, Sequential.warned_of_single_values = False, True

# A background process of a shell ignores Ctrl-C, one under nohup SIGHUP. Tests of signals need the usual handlers.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

if _cuda.SIMULATED:
    sys.setswitchinterval(1e-3)  # a barrier waits for the next turn of each thread


def pytest_addoption(parser: pytest.Parser) -> None:
    plugin.options(parser)


def pytest_configure(config: pytest.Config) -> None:
    if _cuda.available() and not _cuda.SIMULATED:  # drivers and their libraries have warnings of their own
        config.addinivalue_line("filterwarnings", "default")
    plugin.configure(config)


@pytest.fixture(
    params=[name for name in backends.backends() if backends.get(name).device.arrays is np.ndarray]
)
def backend(request: pytest.FixtureRequest) -> str:
    """The name of each backend whose networks take and give NumPy arrays, in turn."""
    return request.param


@pytest.fixture
def figure(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures that were saved."""
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    kept = []
    save = Figure.savefig

    def keep(self, *target, **options):
        kept.append(self)
        save(self, *target, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return kept
