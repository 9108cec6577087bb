"""Schedules are functions of the iteration; Plateau listens."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indrnn_np.optim import schedules
from indrnn_np.optim.schedules import Constant, Cosine, OneCycle, Plateau, StepDecay

PURE = [
    Constant(1e-3),
    StepDecay(1e-3, 10, 0.5),
    Cosine(1e-3, 100, warmup=10, final=0.1),
    Cosine(1e-3, 7),
    OneCycle(1e-3, 100),
    OneCycle(1e-3, 9, rise=0.0),
]


@given(st.sampled_from(PURE), st.integers(0, 300))
def test_rates_are_pure_and_at_most_lr(schedule, iteration):
    rate = schedule(iteration)
    assert rate == schedule(iteration)
    assert 0 <= rate <= schedule.lr * (1 + 1e-12)


@pytest.mark.parametrize("schedule", [*PURE, Plateau(1e-3, 5, mode="max")], ids=repr)
def test_a_spec_gives_the_schedule_back(schedule):
    assert schedules.from_spec(json.loads(json.dumps(schedule.spec()))) == schedule


def test_the_values_that_define_each():
    assert [StepDecay(1.0, 10)(i) for i in (0, 9, 10, 20)] == pytest.approx([1, 1, 0.1, 0.01])
    cosine = Cosine(1.0, 110, warmup=10, final=0.2)
    assert [cosine(i) for i in (0, 4, 9, 10, 60, 110, 999)] == pytest.approx([0.1, 0.5, 1, 1, 0.6, 0.2, 0.2])
    cycle = OneCycle(1.0, 100, rise=0.3, start=0.1, final=0.01)
    assert [cycle(i) for i in (0, 15, 30, 100)] == pytest.approx([0.1, 0.55, 1, 0.01])


@given(st.integers(2, 400))
def test_one_cycle_rises_and_then_falls(iterations):
    rates = np.array([OneCycle(1.0, iterations)(i) for i in range(iterations + 1)])
    top = int(rates.argmax())
    assert (np.diff(rates[: top + 1]) > 0).all() and (np.diff(rates[top:]) < 0).all()


def test_plateau_waits_reduces_and_ends():
    plateau = Plateau(1e-3, patience=2, factor=0.1, minimum=1e-5)
    assert [plateau.observe(v) for v in (3.0, 2.0, 2.5, 2.0, 2.0, 1.0)] == [
        False,
        False,
        False,
        True,
        False,
        False,
    ]
    assert plateau(0) == pytest.approx(1e-4) and not plateau.exhausted
    assert [plateau.observe(9.0) for _ in range(4)] == [False, True, False, True]
    assert plateau(0) == pytest.approx(1e-6) and plateau.exhausted


def test_plateau_maximises_and_halves_its_patience():
    plateau = Plateau(1.0, patience=4, mode="max", patience_factor=0.5)
    assert [plateau.observe(v) for v in (0.5, 0.6, *[0.6] * 6)] == [*[False] * 5, True, False, True]
    assert plateau(0) == pytest.approx(0.04)


def test_plateau_counts_nan_as_no_progress():
    plateau = Plateau(1.0, patience=2)
    assert [plateau.observe(v) for v in (float("nan"), float("nan"), 1.0)] == [False, True, False]


def test_plateau_state_round_trip():
    one, other = Plateau(1.0, 3), Plateau(1.0, 3)
    for value in (1.0, 2.0, 2.0):
        one.observe(value)
    other.load_state_dict(json.loads(json.dumps(one.state_dict())))
    assert other.observe(2.0) and one.observe(2.0)
    assert one(0) == other(0) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Constant(0.0), "Constant: lr is 0.0, expected a number above 0"),
        (lambda: StepDecay(1.0, 0), "StepDecay: every is 0"),
        (
            lambda: StepDecay(1.0, 1, 1e300),
            r"StepDecay: factor is 1e\+300, expected a number above 0, at most 1",
        ),
        (lambda: Cosine(1.0, 5, warmup=5), "Cosine: iterations is 5, expected a number of at least 6"),
        (
            lambda: OneCycle(1.0, 10, rise=1.0),
            "OneCycle: rise is 1.0, expected a number from 0.0 to below 1.0",
        ),
        (lambda: Plateau(1.0, 2, mode="up"), "Plateau: mode is 'up', expected one of 'min', 'max'"),
        (
            lambda: schedules.from_spec({"type": "Linear", "lr": 1.0}),
            "type is 'Linear', expected one of 'Constant'",
        ),
        (lambda: Constant(1.0).load_state_dict({"bad": 1}), "Constant.load_state_dict: state holds"),
        (lambda: Plateau(1.0, 2).load_state_dict({}), "Plateau.load_state_dict: state holds"),
    ],
)
def test_errors_say_what_is_wrong(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_numbers_of_numpy_keep_their_precision():
    numbers = {"lr": np.float32(0.5), "iterations": np.int64(9), "rise": np.float32(0.5)}
    schedule = OneCycle(**numbers)
    assert [type(value) for value in schedule.spec().values()] == [str, float, int, float, float, float]
    assert [schedule(i) for i in range(9)] == [OneCycle(0.5, 9, 0.5)(i) for i in range(9)]


@pytest.mark.parametrize("lr", [float("inf"), float("nan")])
def test_a_rate_is_finite(lr):
    with pytest.raises(ValueError, match=rf"Constant: lr is {lr}, expected a (finite )?number"):
        Constant(lr)
