"""Presets, and the length of runs on small sets."""

import json

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np import tasks
from indrnn_np.commands.cli import main
from indrnn_np.settings import build, settings
from indrnn_np.settings.defaults import PRESETS


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data(tmp_path):
    """An npz file of 40 sequences in four groups, in units far from 1."""
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    x = 1000 + 50 * rng.standard_normal((6, 40, 2)) + 100 * y[:, None]
    path = tmp_path / "data.npz"
    np.savez(path, x=x, y=y, x_test=x, y_test=y, groups=np.arange(40) // 10)
    return path


@pytest.mark.parametrize("task, name", [(task, name) for task in PRESETS for name in PRESETS[task]])
def test_a_preset_replaces_defaults_and_is_made_of_settings_of_its_task(task, name):
    preset = PRESETS[task][name]
    assert settings.check({k: v for k, v in preset.items() if v is not None}, task, "x") is not None
    used = settings.merge(task, {"preset": name})
    assert {key: used[key] for key in preset} == preset and used["preset"] == name
    assert settings.merge(task, {"preset": name}, {"lr": 0.5})["lr"] == 0.5
    assert (used["iterations"] is None) != (used.get("epochs") is None)


def test_the_last_preset_counts_and_an_unknown_one_is_refused():
    used = settings.merge("adding", {"preset": "paper"}, {"preset": "fast"})
    assert used["preset"] == "fast" and used["steps"] == 1000
    with pytest.raises(ValueError, match="preset is 'slow', expected one of paper, fast, long"):
        settings.merge("adding", {"preset": "slow"})
    with pytest.raises(ValueError, match="preset is 'paper', expected none, because uea has no presets"):
        settings.merge("uea", {"preset": "paper"})


def test_a_preset_is_stored_in_the_run_and_cannot_change(capsys):
    short = ["--steps", "6", "--iterations", "2", "--hidden", "3", "--backend", "reference", "--quiet"]
    assert main(["train", "adding", "--preset", "fast", *short, "--out", "run"]) == 0
    used = settings.read("run/config.toml")
    assert used["preset"] == "fast" and used["lr"] == 4e-3 and used["steps"] == 6
    assert main(["train", "--resume", "run", "--iterations", "3", "--quiet"]) == 0
    assert main(["train", "--resume", "run", "--preset", "paper", "--quiet"]) != 0
    assert "preset is 'paper', expected 'fast', the value stored in the run" in capsys.readouterr().err


@pytest.mark.parametrize(
    "layers, least",
    [([{}], 3000), ([{"epochs": 2.0}], 0), ([{"iterations": 5}], 0), ([{"epochs": 2.0, "least_iterations": 7}], 7)],
)  # fmt: skip
def test_a_chosen_length_has_no_minimum(layers, least):
    assert settings.merge("sequences", *layers)["least_iterations"] == least


def test_the_defaults_give_a_small_set_thousands_of_iterations(data):
    used = settings.merge("sequences", {"data": str(data), "held_out": 0.25})
    task = build.task(used)
    assert build.iterations(used, task) == 3000 and build.validate_every(used, task, 3000) == 60
    assert build.iterations(used | {"epochs": 6000.0}, task) == 6000 * task.epoch_length(32)
    assert build.validate_every(settings.merge("sequences", used, {"epochs": 3.0}), task, 3) is None


def test_a_run_stores_its_scaling_and_refuses_data_with_another(data, tmp_path, capsys):
    small = ["--epochs", "2", "--hidden", "4", "--layers", "1", "--backend", "reference", "--quiet"]
    assert (
        main(["train", "sequences", "--data", str(data), "--held-out", "0.25", *small, "--out", "run"]) == 0
    )
    described = json.loads((tmp_path / "run" / "summary.json").read_text())["task"]
    assert len(described["mean"]) == 2 and 1000 < described["mean"][0] < 1100
    assert described["samples"] == {"train": 30, "validation": 10, "test": 40}
    assert main(["eval", "run"]) == 0
    with np.load(data) as stored:
        arrays = dict(stored)
    np.savez(tmp_path / "other.npz", **arrays | {"x": arrays["x"] + 1})
    capsys.readouterr()
    assert main(["eval", "run", "--data", "other.npz"]) != 0
    assert "the mean of the training data is not that of" in capsys.readouterr().err


def test_a_run_older_than_standardising_has_its_inputs_as_they_are(tmp_path):
    stored = {"task": "sequences", "data": "a.npz", "epochs": 20.0, "lr": 2e-4}
    used = settings.of_run("resume", tmp_path, stored)
    assert used["standardise"] is False and used["least_iterations"] == 0
    assert settings.of_run("resume", tmp_path, stored | {"standardise": True})["standardise"] is True


def test_a_run_of_fit_on_standardised_data_is_evaluated_on_them(data, tmp_path, capsys):
    with np.load(data) as stored:
        np.savez("all.npz", **{name: array for name, array in stored.items() if name != "groups"})
    data = tmp_path / "all.npz"
    task = tasks.get("sequences", data=data, standardise=True)
    net = ir.plain(2, 3, 2, layers=1, steps=6, backend="reference")
    ir.fit(net, task, ir.Adam(1e-3), iterations=2, batch=8, out="run", progress=False)
    assert main(["eval", "run", "--data", str(data)]) == 0
    means = json.loads((tmp_path / "run" / "summary.json").read_text(encoding="utf-8"))["final"]["test"]
    assert f"accuracy {means['accuracy']:.5g}" in capsys.readouterr().out
