"""Tests of this folder run kernels in the emulator, and count what they executed."""

import re
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from indrnn_np.ops.recurrence import cuda_form
from ptx import comparison, findings, program, settings
from ptx.large_arrays import LargeLaunches

OFFSET = re.compile(r"(\s+)shl\.b64\s+(%rd\d+), %rd\d+, [234];")


def pytest_configure(config: pytest.Config) -> None:
    comparison.long = config.getoption("--ptx-long")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if not item.config.getoption("--ptx"):
        pytest.skip("needs pytest --ptx")


@pytest.fixture(autouse=True)
def _counts(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Attach the counts of the emulator to the test's report, which workers of xdist send to the main process."""
    before = program.counts.copy()
    yield
    for name, count in (program.counts - before).items():
        record_property(f"ptx {name}", count)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    total: Counter[str] = Counter()
    for report in reports:
        if getattr(report, "when", "") == "teardown":
            properties = {name: count for name, count in report.user_properties if name.startswith("ptx ")}
            total.update(properties)
    for name, count in total.items():
        terminalreporter.write_line(f"| {name.removeprefix('ptx ')} | {count} |")


@pytest.fixture
def programs() -> Iterator[Callable[[], list[program.Program]]]:
    """Return a function that lists the programs of this test."""
    before = dict(program._programs)
    program._programs.clear()
    yield program.programs
    program._programs.update(before)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Iterator[LargeLaunches]:
    """Launches on large arrays, of which some blocks run."""
    launches = LargeLaunches()
    monkeypatch.setattr(settings, "only_blocks", launches.select)
    monkeypatch.setattr(settings, "seed", 2)
    monkeypatch.setattr(program, "_programs", {})
    monkeypatch.setattr(cuda_form, "force_form", None)
    yield launches
    findings.clear()
    launches.close()


@pytest.fixture
def offsets_of_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the offsets in bytes of every kernel lose their high bits."""

    def mutate(name: str, text: str) -> str:
        return OFFSET.sub(lambda line: f"{line[0]}{line[1]}and.b64 {line[2]}, {line[2]}, 4294967295;", text)

    monkeypatch.setattr(settings, "mutate", mutate)
