"""The iterations that end within a number of minutes, with a clock of the test."""

import json

import pytest

import indrnn_np as ir
from indrnn_np import tasks
from indrnn_np.commands.cli import main
from indrnn_np.settings import settings
from indrnn_np.training import metrics, speed
from indrnn_np.training.plan import Plan

SMALL = ["--steps", "6", "--hidden", "3", "--batch", "4", "--backend", "reference", "--quiet"]


@pytest.fixture
def clock(monkeypatch):
    """Time that passes in updates (1 s, the first two 10 s) and in batches of an evaluation (2 s) only."""
    now, updates = [0.0], [0]
    step_of, evaluate = speed.step_of, metrics.evaluate

    def timed_step(*arguments):
        step = step_of(*arguments)
        begin = step.begin

        def slow(batch, state):
            updates[0] += 1
            now[0] += 10.0 if updates[0] <= speed.WARM else 1.0
            return begin(batch, state)

        step.begin = slow
        return step

    def timed_evaluate(*arguments):
        now[0] += 2.0
        return evaluate(*arguments)

    monkeypatch.setattr(speed, "step_of", timed_step)
    monkeypatch.setattr(speed.metrics, "evaluate", timed_evaluate)
    monkeypatch.setattr(speed.time, "perf_counter", lambda: now[0])
    return updates


def setting(validate_every=10):
    task = tasks.get("adding", steps=6, evaluation_size=30, backend="reference")
    net = ir.plain(2, 3, 1, layers=1, steps=6, backend="reference")
    plan = Plan(iterations=1, batch=4, validate_every=validate_every, evaluation_batch=10)
    return net, task, ir.Adam(1e-3), plan.complete(task, 1e-3)


def test_updates_evaluations_and_the_measurement_fill_the_time(clock):
    net, task, adam, plan = setting()
    before = net.flat.copy()
    # 20 s of warm-up and 6 s of updates, then 4 s for each split; 3 batches of 2 s in each split at the end
    assert speed.iterations_in(2.0, net, task, adam, plan) == int((120 - 34 - 12) / (1.0 + 6 / 10))
    assert clock[0] == speed.WARM + 6
    assert (net.flat == before).all() and net.iteration == 0 and adam.t == 0


def test_without_validation_only_the_end_is_evaluated(clock):
    assert speed.iterations_in(2.0, *setting(validate_every=0)) == 120 - 34 - 12


def test_too_short_a_time_is_refused(clock):
    with pytest.raises(
        ValueError, match=r"minutes is 0\.5, and an iteration takes 1\.6 s.*expected more minutes"
    ):
        speed.iterations_in(0.5, *setting())


@pytest.mark.parametrize(
    "layers, iterations, minutes",
    [
        ([{"minutes": 3.0}], None, 3.0),
        ([{"minutes": 3.0}, {"iterations": 7}], 7, 3.0),
        ([{"iterations": 7}, {"minutes": 3.0}], 7, 3.0),
        ([{"preset": "fast"}, {"minutes": 3.0}], None, 3.0),
        ([{"minutes": 3.0}, {"minutes": 0.0}], 10_000, 0.0),
    ],
)
def test_minutes_are_the_length_unless_iterations_are_set(layers, iterations, minutes):
    used = settings.merge("adding", *layers)
    assert used["iterations"] == iterations and used["minutes"] == minutes


def test_a_run_stores_its_iterations_and_its_schedule_covers_them(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(speed, "iterations_in", lambda *arguments: 7)
    more = ["--minutes", "2", "--schedule", "one-cycle"]
    assert main(["train", "adding", *SMALL, *more, "--out", "run"]) == 0
    used = settings.read("run/config.toml")
    assert used["iterations"] == 7 and used["minutes"] == 0.0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text(encoding="utf-8"))
    assert summary["iterations"] == 7 and summary["schedule"]["iterations"] == 7
    assert "iterations: 7, from the speed of this machine" in (tmp_path / "run" / "log.txt").read_text(
        encoding="utf-8"
    )
    monkeypatch.setattr(speed, "iterations_in", lambda *arguments: 1 / 0)
    assert main(["train", "--config", "run/config.toml", "--out", "again", "--quiet"]) == 0
    assert main(["train", "--resume", "run", "--minutes", "1", "--quiet"]) == 0


def test_a_short_run_ends_in_its_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert (
        main(["train", "adding", *SMALL, "--minutes", "0.02", "--evaluation-size", "10", "--out", "run"]) == 0
    )
    assert settings.read("run/config.toml")["iterations"] >= 1
