"""benchmarks/four_judges.py: which judge sees which mistake, and what a finite difference returns at a kink."""

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def four_judges(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("four_judges")


def test_who_sees_which_mistake(four_judges):
    """A mistake that several judges share is seen by the others only."""
    found = four_judges.mistakes()
    wrong = {name.split(":")[0]: {j for j, e in errors.items() if e > 1e-8} for name, errors in found.items()}
    assert wrong == {
        "none": set(),
        "BPTT": {"BPTT"},
        "RTRL": {"RTRL"},
        "jvp": {"jvp"},
        "φ' of tanh": {"BPTT", "RTRL", "jvp"},
        "forward pass": {"BPTT", "jvp", "finite differences"},
    }
    for name, errors in found.items():
        assert all(e < 1e-13 or e > 1e-8 for judge, e in errors.items() if judge != "finite differences"), (
            name
        )


def test_a_finite_difference_halves_the_jump_at_a_kink(four_judges):
    found = four_judges.at_kink(*four_judges.SMALL)
    assert found["BPTT"] == found["RTRL"] == found["jvp"] == found["from below"] == 0
    assert found["from above"] != 0
    assert found["finite differences"] == pytest.approx(found["from above"] / 2, rel=1e-3)
