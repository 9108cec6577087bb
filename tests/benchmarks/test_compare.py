"""benchmarks/compare.py: the interval of a median, the verdicts, and that every pair keeps A apart from B."""

import importlib
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def compare(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("compare")


@pytest.mark.parametrize("n", [6, 7, 15, 16, 31, 100])
def test_the_interval_is_the_shortest_that_holds_the_median_often_enough(compare, n):
    low, high = compare.interval(list(range(n))[::-1])
    assert high == n - 1 - low  # as many values below as above
    misses = [2 * stats.binom.cdf(k - 1, n, 0.5) for k in (low + 1, low + 2)]
    assert misses[0] <= 0.05 < misses[1]


def test_the_interval_of_few_values_is_their_span(compare):
    assert compare.interval([3.0, 1.0, 2.0]) == (1.0, 3.0)
    assert compare.interval([2.0]) == (2.0, 2.0)


def test_the_interval_holds_the_median_of_drawn_samples(compare):
    rng = np.random.default_rng(0)
    hits = 0
    for sample in rng.exponential(size=(1000, 15)):
        low, high = compare.interval(sample)
        hits += low <= np.log(2) <= high
    assert hits >= 950


@pytest.mark.parametrize(
    "name, a, factors, verdict",
    [
        ("mnist-layer", 1.0, [1.01] * 15, "reached"),
        ("mnist-layer", 1.0, [1.03] * 15, "missed"),
        ("mnist-layer", 1.0, [1.01] * 8 + [1.03] * 7, "open"),
        ("mnist-layer", 1.0, [0.9] * 5, "open"),  # too few pairs
        ("step", 1e-3, [1.04] * 15, "reached"),
        ("step", 1e-5, [1.09] * 15, "reached"),  # 0.9 µs
        ("step", 1e-4, [1.06] * 15, "missed"),
    ],
)
def test_a_target_is_reached_by_the_whole_interval(compare, name, a, factors, verdict):
    found = compare.judge(name, [a] * len(factors), [a * factor for factor in factors])
    assert found["verdict"] == verdict
    assert found["ratio"] == pytest.approx(np.median(factors))
    assert found["low"] <= found["ratio"] <= found["high"]


def test_ratios_are_those_of_neighbours(compare):
    """A machine that slows down to half its speed changes no ratio."""
    a = np.linspace(1.0, 2.0, 15)
    found = compare.judge("mnist-layer", a, 1.1 * a)
    assert found["low"] == pytest.approx(1.1) and found["high"] == pytest.approx(1.1)


def test_a_row(compare):
    found = compare.judge("step", [2e-5] * 15, [1e-5] * 15)
    assert (
        compare.row(2, "step", found)
        == "| 2 | step | 20 µs | 10 µs | 0.500 | 0.500 to 0.500 | 1.05 or 1 µs | reached |"
    )
    assert [compare.duration(seconds) for seconds in (2.5, 0.0123, 1e-7)] == ["2.5 s", "12.3 ms", "0.1 µs"]


def test_pairs_run_in_an_order_of_chance_and_are_kept_in_that_of_the_commits(compare):
    ran = []

    class Runner:
        def __init__(self, name):
            self.name = name

        def times(self, threads, seconds, repeats):
            ran.append(self.name)
            return {"step": float(ord(self.name))}

    args = compare.arguments(["x", "y", "--cases", "step", "--threads", "1", "--pairs", "40", "--seed", "3"])
    found = compare.measure(args, [Runner("A"), Runner("B")])
    assert found == {1: [[{"step": 65.0}, {"step": 66.0}]] * 40}
    orders = {"".join(ran[i : i + 2]) for i in range(2, len(ran), 2)}
    assert ran[:2] == ["A", "B"] and orders == {"AB", "BA"}


def test_every_case_can_be_prepared_and_timed(compare, monkeypatch):
    cases = compare.compare_cases
    monkeypatch.setattr(cases, "LAYERS", dict.fromkeys(cases.LAYERS, (3, 2, 2, 4)))
    small = {"input_size": 2, "hidden": 4, "output_size": 3, "layers": 2, "steps": 3}
    monkeypatch.setattr(cases, "ITERATIONS", dict.fromkeys(cases.ITERATIONS, (small, 2)))
    monkeypatch.setattr(
        cases, "RECURRENCES", {name: (way, 3, 4) for name, (way, *_) in cases.RECURRENCES.items()}
    )
    for name in cases.CASES:
        assert cases.seconds_of(cases.prepare(name), 0.0) > 0


def test_an_unknown_commit_is_one_sentence(compare, tmp_path):
    with pytest.raises(SystemExit, match="COMMIT is 'nothing', expected a commit of this repository"):
        compare.unpack("nothing", tmp_path)


def test_processes_use_bytecode_whatever_the_environment_says(compare, monkeypatch, tmp_path):
    """Without bytecode, the case `import` would time Python's compiler."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (tmp_path / "module.py").write_text("")
    args = compare.arguments(["x", "y"])
    compare.Runner(tmp_path, args)._run(["-c", "import module"], threads=1)
    assert list(tmp_path.glob("__pycache__/module.*.pyc"))
