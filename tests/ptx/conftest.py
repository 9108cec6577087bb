"""Tests of this folder run kernels in the emulator."""

import pytest


def pytest_runtest_setup(item: pytest.Item) -> None:
    if not item.config.getoption("--ptx"):
        pytest.skip("needs pytest --ptx")
