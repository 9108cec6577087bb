"""Tests of this folder run kernels in the emulator."""

from collections.abc import Callable, Iterator

import pytest

from ptx import comparison, program


def pytest_configure(config: pytest.Config) -> None:
    comparison.long = config.getoption("--ptx-long")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if not item.config.getoption("--ptx"):
        pytest.skip("needs pytest --ptx")


@pytest.fixture
def programs() -> Iterator[Callable[[], list[program.Program]]]:
    """Return a function that lists the programs of this test."""
    before = dict(program._programs)
    program._programs.clear()
    yield program.programs
    program._programs.update(before)
