"""`indrnn train` in numba's simulator: its first line, and the small sizes where the user sets none."""

import pytest

from indrnn_np.backend import get
from indrnn_np.commands.cli import main
from indrnn_np.settings import settings
from indrnn_np.settings.defaults import IN_SIMULATOR
from indrnn_np.settings.tables import TASKS

CHOSEN = ["--backend", "reference", "--hidden", "3", "--steps", "5", "--quiet"]
START = (
    "train: kernels of backend reference run as plain Python in numba's simulator (NUMBA_ENABLE_CUDASIM=1)"
)


@pytest.fixture(autouse=True)
def simulated(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(get("reference").device, "simulated", True)


def test_sizes_that_are_set_are_kept_and_the_others_are_small(capsys):
    assert main(["train", "adding", "--out", "run", "--batch", "2", "--iterations", "3", *CHOSEN]) == 0
    captured = capsys.readouterr()
    small = "layers 1, validate_every 10, log_every 5, evaluation_size 20"
    assert captured.err.splitlines()[0] == f"{START}; small defaults: {small}"
    assert "finished after 3 iterations" in captured.out
    config = settings.read("run/config.toml")
    assert {name: config[name] for name in ("steps", "hidden", "batch", "layers", "evaluation_size")} == {
        "steps": 5, "hidden": 3, "batch": 2, "layers": 1, "evaluation_size": 20
    }  # fmt: skip


def test_a_run_is_resumed_with_its_sizes(capsys):
    assert main(["train", "adding", "--out", "run", "--iterations", "2", *CHOSEN]) == 0
    capsys.readouterr()
    assert main(["train", "--resume", "run", "--iterations", "4", "--quiet"]) == 0
    assert capsys.readouterr().err == f"{START}; small defaults: none\n"


def test_other_backends_keep_their_defaults(capsys):
    words = ["--backend", "cpu", "--steps", "5", "--iterations", "1", "--evaluation-size", "3", "--quiet"]
    assert main(["train", "adding", "--out", "run", *words]) == 0
    assert capsys.readouterr().err == ""
    assert settings.read("run/config.toml")["hidden"] == 128


@pytest.mark.parametrize("task", TASKS)
def test_the_small_defaults_are_settings_of_the_task(task):
    small = settings.in_simulator(task, {})
    assert settings.check(small, task, "test") == small
    assert {"hidden", "batch", "iterations"} <= set(small) <= set(IN_SIMULATOR)
    assert "hidden" not in settings.in_simulator(task, {"hidden": 5})
    assert "iterations" not in settings.in_simulator(task, {"epochs": 1.0})
