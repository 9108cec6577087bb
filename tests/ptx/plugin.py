"""`pytest --ptx`: CUDA tests run in the emulator, and a finding fails the test.

--ptx-seed N varies the orders of threads and blocks, which otherwise depend on the name of the test only.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import pytest

from . import fake_device, findings, settings
from .program import counts, programs

MOST_LINES = 12  # of findings in the message of a test


def options(parser: pytest.Parser) -> None:
    """Add the options of the emulator to pytest."""
    group = parser.getgroup("PTX emulator")
    group.addoption(
        "--ptx", action="store_true", help="run CUDA kernels as PTX on the CPU, with checks of memory"
    )
    group.addoption(
        "--ptx-seed", type=int, default=0, help="another order of threads and blocks in each test"
    )
    group.addoption(
        "--ptx-long", action="store_true", help="more orders in tests/ptx, and a table of what was executed"
    )
    group.addoption(
        "--ptx-capability", default="9.0", help="compute capability that kernels are compiled for"
    )


def configure(config: pytest.Config) -> None:
    """Install the emulator if pytest was called with --ptx."""
    if config.getoption("--ptx"):
        try:
            fake_device.install()
        except RuntimeError as error:
            raise pytest.UsageError(str(error)) from error
        major, minor = config.getoption("--ptx-capability").split(".")
        settings.capability = int(major), int(minor)
        config.pluginmanager.register(Plugin(config.getoption("--ptx-seed")))


class Plugin:
    """Gives each test a seed, and fails it if something was found."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if item.get_closest_marker("not_emulated"):
            pytest.skip("tests code that the PTX emulator replaces")
        findings.clear()
        settings.seed = zlib.crc32(item.nodeid.encode()) % 2**16 + self.seed

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        yield
        texts = [findings.describe(finding) for finding in findings.recorded]
        findings.clear()
        if texts:
            pytest.fail("\n".join(["the PTX emulator found:", *texts[:MOST_LINES]]), pytrace=False)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        numbers = ", ".join(f"{count} {name}" for name, count in counts.items())
        if counts:  # of this process: workers of xdist have their own
            terminalreporter.write_line(f"PTX emulator: {len(programs())} kernels, {numbers}")
