"""Early stopping: `patience` ends a run, and its result is the best state."""

import json

import numpy as np
import pytest
from small_runs import QUIET, curve

import indrnn_np as ir
from indrnn_np import _renamed, tasks
from indrnn_np.commands.cli import main
from indrnn_np.training import checkpoint, run_directory
from indrnn_np.training.callbacks import Observer


def overfitting_run(out, patience, iterations=400, **options):
    """A network learns random numbers by heart, so that its validation error rises."""
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((4, 24, 2)), rng.standard_normal((24, 1))
    net = ir.plain(2, 8, 1, 1, 4, batchnorm=True, seed=2, dtype="float64", backend="reference")
    return ir.fit(
        net, (x, y), ir.Adam(0.03), iterations=iterations, batch=6, validation=0.5, validate_every=5, log_every=50,
        bn_batch=12, patience=patience, out=out, **QUIET, **options,
    )  # fmt: skip


@pytest.mark.parametrize("schedule", [None, ir.OneCycle(0.03, 400), ir.Plateau(0.03, patience=2)])
def test_patience_ends_the_run_with_the_best_state(tmp_path, schedule):
    result = overfitting_run(tmp_path, 6, schedule=schedule)
    summary, (iterations, values) = result.summary, result.curve("mse", "validation")
    best = iterations[int(np.argmin(values))]
    assert summary["ended"] == "patience" and summary["best"]["iteration"] == best
    assert summary["iterations"] == iterations[-1] == best + 6 * 5 < 400
    assert summary["final"]["validation"]["mse"] == pytest.approx(min(values), rel=1e-12)
    assert min(values) < values[-1]
    saved = ir.load(tmp_path / "checkpoints" / "best.npz").net
    assert result.net.iteration == saved.iteration == best
    np.testing.assert_array_equal(result.net.flat, saved.flat)
    np.testing.assert_array_equal(result.net.buffers.flat, saved.buffers.flat)  # those of the evaluation


def test_the_best_state_is_the_result_of_a_run_that_ends_otherwise(tmp_path):
    result = overfitting_run(tmp_path, 1000, iterations=60)
    assert result.summary["ended"] == "iterations" and result.summary["iterations"] == 60
    assert result.net.iteration == result.summary["best"]["iteration"] < 60


def test_more_patience_continues_bit_for_bit(tmp_path):
    whole = overfitting_run(tmp_path / "whole", 12)
    overfitting_run(tmp_path / "run", 4)
    again = overfitting_run(tmp_path / "run", 12, resume=tmp_path / "run")
    assert curve(again) == curve(whole) and again.summary["final"] == whole.summary["final"]
    np.testing.assert_array_equal(again.net.flat, whole.net.flat)
    for which in ("last", "best"):
        files = [run_directory.find_checkpoint(tmp_path / name, which) for name in ("whole", "run")]
        arrays, others = (checkpoint.read(file).arrays for file in files)
        assert arrays.keys() == others.keys() and "arrays/running" in arrays
        for name in arrays:
            np.testing.assert_array_equal(arrays[name], others[name], err_msg=name)


def test_a_network_trained_before_has_its_full_patience():
    rng = np.random.default_rng(0)
    data = rng.standard_normal((3, 8, 1), np.float32), rng.standard_normal((8, 1), np.float32)
    net = ir.plain(1, 3, 1, 1, 3, backend="reference")
    ir.fit(net, data, ir.Adam(0.1), iterations=50, **QUIET)
    plan = {"validation": 0.5, "validate_every": 2, "patience": 3}
    result = ir.fit(net, data, ir.Adam(0.1), iterations=40, **plan, **QUIET)
    assert len(result.curve("mse", "validation")[0]) >= 4


def test_commands_load_the_best_state(tmp_path, capsys):
    rng = np.random.default_rng(4)
    file, out = tmp_path / "data.npz", tmp_path / "run"
    np.savez(file, x=rng.standard_normal((5, 40, 2)), y=rng.integers(0, 2, 40))
    command = ["train", "sequences", "--data", str(file), "--held-out", "0.5", "--patience", "3", "--quiet",
               "--validate-every", "3", "--hidden", "6", "--out", str(out), "--backend", "reference"]  # fmt: skip
    assert main(command) == 0
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["ended"] == "patience"
    assert run_directory.load(out)[1].net.iteration == summary["best"]["iteration"]
    capsys.readouterr()
    assert main(["eval", str(out), "--split", "validation", "--json"]) == 0
    evaluated = json.loads(capsys.readouterr().out)
    text = json.dumps(evaluated)
    assert json.dumps(summary["final"]["validation"]["accuracy"])[:8] in text
    assert run_directory.load(out, "last")[1].net.iteration == summary["iterations"]


def test_patience_needs_validation():
    data = np.zeros((3, 4, 1), np.float32), np.zeros((4, 1), np.float32)
    net = ir.plain(1, 3, 1, 1, 3, backend="reference")
    with pytest.raises(
        ValueError, match="has no validation, expected validation data because patience depends"
    ):
        ir.fit(net, data, ir.Adam(), iterations=2, patience=1, **QUIET)
    task = tasks.get("adding", steps=3, backend="reference")
    with pytest.raises(ValueError, match="validate_every is 0, expected a number above 0 because patience"):
        ir.fit(net, task, ir.Adam(), iterations=2, patience=1, validate_every=0, **QUIET)


def test_a_run_of_0_1_0_keeps_the_patience_of_its_plateau():
    old = {"patience": 7} | dict.fromkeys(_renamed.SCHEDULE, 0)
    assert _renamed.settings(old)["patience"] == "lr_patience"
    assert "patience" not in _renamed.settings(old | {"lr_patience": 3})
    for chosen in ({"patience": 7}, {"patience": 7, "schedule": "plateau", "lr_minimum": 1e-6, "lr": 1e-3}):
        assert "patience" not in _renamed.settings(chosen)  # of a command line or a short file


def test_observers_see_the_number_of_updates_done(tmp_path):
    seen = []
    overfitting_run(tmp_path, 2, callbacks=[Seen(seen)])
    lines, done = zip(*seen, strict=True)
    last = max(done)
    assert all(count == line["iteration"] for line, count in seen if line["kind"] != "final")
    assert (
        all(count == last for line, count in seen if line["kind"] == "final")
        and lines[-1]["iteration"] < last
    )


class Seen(Observer):
    def __init__(self, seen):
        self.seen = seen

    def observe(self, trainer, line):
        self.seen.append((line, trainer.done))


def test_damaged_running_statistics_are_refused(tmp_path):
    overfitting_run(tmp_path, 2, iterations=10)
    file = run_directory.find_checkpoint(tmp_path)
    with np.load(file, allow_pickle=False) as held:
        arrays = dict(held)
    for wrong, words in (
        (np.zeros(3), "shape"),
        (np.full(16, np.nan), "nan"),
        (np.zeros(16, np.float32), "dtype"),
    ):
        np.savez(file, **arrays | {"arrays/running": wrong})
        with pytest.raises(ValueError, match=f"'running'.* {words}"):
            overfitting_run(tmp_path, 2, iterations=20, resume=tmp_path)
