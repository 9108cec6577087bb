"""benchmarks/long_adding.py and long_memory.py: three short trainings, and both forms of a short pass."""

import importlib
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


@pytest.mark.slow
def test_the_serial_forms_make_the_same_updates_and_the_scan_nearly(tmp_path, monkeypatch):
    long_adding = importlib.import_module("long_adding")
    monkeypatch.setattr(long_adding, "LESSONS", ((20, 3, 1e-3), (30, 3, 1e-3)))
    monkeypatch.setattr(long_adding, "unpack", lambda commit, folder: ROOT)
    monkeypatch.setattr(
        long_adding, "run", lambda tree, folder, form: long_adding.last_lesson(70, 4, folder, form)
    )
    monkeypatch.setattr(sys, "argv", ["long_adding.py", "HEAD", "--out", str(tmp_path / "a.json")])
    long_adding.main()
    old, serial, scan = json.loads((tmp_path / "a.json").read_text())["runs"]
    assert old["iterations"] == [1, 2, 3, 4] and old["errors"] == serial["errors"]
    assert scan["errors"] == pytest.approx(serial["errors"], rel=1e-4)
    assert all(run["seconds"] == sorted(run["seconds"]) for run in (old, serial, scan))


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="memory is read from /proc, which Linux has"
)
def test_the_memory_of_a_short_pass(monkeypatch):
    long_memory = importlib.import_module("long_memory")
    monkeypatch.setattr(long_memory, "STEPS", 6000)
    for form in long_memory.FORMS:
        found = long_memory.measure(form)
        assert found["form"] == form and found["seconds"] > 0
        assert found["growth_mb"] > -10  # Linux updates the peak and the present size at different times
