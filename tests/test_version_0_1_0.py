"""Files that version 0.1.0 wrote still load, and the rows of `indrnn reproduce` have its settings."""

import json
import pickle
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np import _renamed, reproduce
from indrnn_np.commands.cli import main
from indrnn_np.settings import settings

FILES = Path(__file__).with_name("version_0_1_0")
LAST = "iteration-00000006.npz"


def test_a_checkpoint_loads():
    saved = ir.load(FILES / "run" / "checkpoints" / LAST)
    assert saved.net.steps == 8 and saved.optimizer.t == 6 and saved.meta["settings"]["hidden"] == 3


def test_a_run_is_evaluated_and_continued(tmp_path, capsys):
    run = shutil.copytree(FILES / "run", tmp_path / "run")
    assert main(["eval", str(run)]) == 0
    assert "mse 1.0123" in capsys.readouterr().out  # summary.json: 1.0122876850738582
    assert main(["train", "adding", "--resume", str(run), "--iterations", "8", "--quiet"]) == 0
    assert ir.load(run / "checkpoints" / "iteration-00000008.npz").optimizer.t == 8


def test_a_run_with_old_names_of_settings_continues(tmp_path, capsys):
    run = shutil.copytree(FILES / "run", tmp_path / "run")
    assert main(["train", "adding", "--resume", str(run), "--iterations", "7", "--quiet"]) == 0
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "bn_place is now norm_place, bn_per_step is now per_step" in error
    used = settings.read(run / "config.toml")
    assert used["norm_place"] == "before" and used["per_step"] is True and "bn_place" not in used


def test_a_config_file_with_old_names_trains_the_same_network(tmp_path, capsys):
    file, out = FILES / "run" / "config.toml", tmp_path / "again"
    assert main(["train", "--config", str(file), "--iterations", "6", "--out", str(out), "--quiet"]) == 0
    assert f"{file}: bn_place is now norm_place" in capsys.readouterr().err
    again, before = ir.load(out / "checkpoints" / LAST), ir.load(FILES / "run" / "checkpoints" / LAST)
    assert again.net.layers == before.net.layers and again.net.iteration == before.net.iteration == 6


def test_a_pickle_loads():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "indrnn_np.* has moved", DeprecationWarning)
        saved = pickle.loads((FILES / "objects.pickle").read_bytes())
    np.testing.assert_allclose(saved["net"](saved["x"]), saved["y"], rtol=1e-6)
    before = saved["net"].flat.copy()
    saved["optimizer"].update(saved["net"], saved["grads"])
    assert saved["optimizer"].t == 2 and not np.array_equal(saved["net"].flat, before)
    assert saved["schedule"].state_dict() is not None


ROWS = json.loads((FILES / "rows.json").read_text(encoding="utf-8"))


def test_every_row_of_0_1_0_exists():
    now = {f"{row.name} {form}" for row in reproduce.catalogue() for form in reproduce.FORMS}
    assert set(ROWS["rows"]) <= now


OLD_ROWS = [row for row in reproduce.catalogue() if f"{row.name} {reproduce.FORMS[0]}" in ROWS["rows"]]


@pytest.mark.parametrize("row", OLD_ROWS, ids=lambda row: row.name)
def test_a_row_has_the_settings_of_0_1_0(row):
    """Defaults of tasks may change; a row states its settings, so that its results stay comparable."""
    renamed = _renamed.settings(dict.fromkeys(("patience", *_renamed.SCHEDULE)))
    for form in reproduce.FORMS:
        own = ROWS["rows"][f"{row.name} {form}"]
        then = {renamed.get(name, name): v for name, v in (ROWS["common"][own["task"]] | own).items()}
        now = reproduce.Job(row, form, 0, Path(), {}).settings()
        assert {name: now[name] for name in then} == then
        assert now.get("standardise", False) == then.get("standardise", False)
        assert now.get("least_iterations", 0) == 0
