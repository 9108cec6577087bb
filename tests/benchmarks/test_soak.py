"""benchmarks/soak.py: it runs, and a leak is found."""

import importlib
import itertools
import json
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def soak(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("soak")


def samples(**growth):
    """100 samples, one in 10 loops; each number grows by so much in a loop."""
    start = {"resident bytes": 10**8, "open files": 5, "threads": 3, "temporary files": 0}
    return [
        {"loops": 10 * i, **{name: value + 10 * i * growth.get(name.split()[0], 0) for name, value in start.items()}}
        for i in range(100)
    ]  # fmt: skip


def test_a_leak_is_found(soak):
    flat, leak = samples(), samples(resident=4096, open=1)
    assert soak.grown(flat) == [] and "Verdict: flat." in soak.page(flat, 1)
    assert soak.grown(leak) == ["resident bytes", "open files"]
    page = soak.page(leak, 1)
    assert "Verdict: resident bytes, open files grew." in page
    assert "- open files: 505 and 995, growth 490, at most 0 allowed" in page
    assert page.count("\n| ") == 1 + soak.POINTS


def test_a_step_in_the_first_half_is_no_leak(soak):
    """The allocator took 3.8 MB once: the slope of the whole run is steep, the second half is flat."""
    step = samples()
    for sample in step[30:]:
        sample["resident bytes"] += 3_800_000
    assert soak.grown(step) == []


@pytest.mark.parametrize(("resident", "most"), [(10**8, 2**20), (10**9, 10**7)])
def test_memory_may_grow_by_a_share_or_a_mebibyte(soak, resident, most):
    run = samples()
    for sample in run:
        sample["resident bytes"] = resident
    run[-1]["resident bytes"] = resident + most
    assert soak.grown(run) == []
    run[-1]["resident bytes"] += 1
    assert soak.grown(run) == ["resident bytes"]


def test_samples_are_taken_while_time_is_left(soak, monkeypatch):
    ticks = itertools.count()
    monkeypatch.setattr(soak.time, "monotonic", lambda: float(next(ticks)))
    done = []
    found = soak.soak(done.append, lambda: {"threads": 1}, 10)
    assert done == list(range(len(done))) and found[-1] == {"loops": len(done), "threads": 1}


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="reads /proc")
def test_the_script(soak, tmp_path):
    """Three loops, which leave nothing in the temporary folder."""
    assert soak.main(["--minutes", "0", "--out", str(tmp_path / "soak.md")]) in (0, 1)  # memory still settles
    found = json.loads((tmp_path / "soak.json").read_text("utf-8"))
    assert [one["loops"] for one in found["samples"]] == [1, 2, 3]
    assert {one["temporary files"] for one in found["samples"]} == {0}
    assert "3 loops of training" in (tmp_path / "soak.md").read_text("utf-8")
