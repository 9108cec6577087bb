"""The runs of a sweep: combinations, folders, and errors before anything starts."""

import argparse
from pathlib import Path

import numpy as np
import pytest
import small_sweeps

import indrnn_np as ir
from indrnn_np._sweep import product
from indrnn_np.commands import options
from indrnn_np.settings import assignments


def jobs(sets, seeds=(0,), out=Path("out"), **options):
    return product.jobs_of("adding", sets, seeds, out, **options)


def test_every_combination_with_every_seed_in_order():
    made = jobs({"lr": [1e-4, 1e-3, 1e-4], "layers": (1, 2), "hidden": 8}, range(2))
    assert [tuple(job.choice.values()) for job in made] == [
        (lr, layers, 8, seed) for lr in (1e-4, 1e-3) for layers in (1, 2) for seed in (0, 1)
    ]
    assert made[1].used["seed"] == 1 and made[2].used["layers"] == 2 and made[0].used["lr"] == 1e-4
    assert made[0].folder == str(Path.cwd() / "out" / "lr=0.0001,layers=1,hidden=8,seed=0")


def test_values_of_numpy_and_the_threads():
    made = jobs({"lr": np.array([0.5, 1.0]), "threads": [0, 3]}, np.arange(1), threads=2)
    assert [(job.used["lr"], job.used["threads"]) for job in made] == [(0.5, 2), (0.5, 3), (1.0, 2), (1.0, 3)]
    assert type(made[0].used["lr"]) is float and type(made[0].used["seed"]) is int


def test_a_file_of_settings_gives_way_to_the_values(tmp_path):
    (job,) = jobs({"hidden": 7}, config=small_sweeps.config(tmp_path))
    assert (job.used["steps"], job.used["hidden"], job.used["lr"]) == (5, 7, 2e-4)


def test_names_of_folders_are_unique_and_legal():
    names = {product.folder_name({"data": path, "seed": 0}) for path in ("a/b", "a-b", "a b", "x" * 300)}
    assert len(names) == 4 and all(len(name) <= 255 and "/" not in name and " " not in name for name in names)
    assert product.folder_name({"data": "a-b", "seed": 0}) == "data=a-b,seed=0"


@pytest.mark.parametrize(
    ("sets", "options", "error", "message"),
    [
        ({"lrr": 1.0}, {}, ValueError, r"unknown setting 'lrr' \(did you mean lr\?\), expected one of"),
        ({"epochs": 1.0}, {}, ValueError, "unknown setting 'epochs' .a setting of mnist"),
        ({"lr": [0.1, -1.0]}, {}, ValueError, "lr is -1.0, expected a finite number above 0"),
        ({"layers": "two"}, {}, ValueError, "layers is 'two', expected a value of type int"),
        ({"cell": ["lstm", "lsm"]}, {}, ValueError, "cell is 'lsm', expected one of indrnn"),
        ({"cell": "lstm", "gamma": 1.0}, {}, ValueError, "gamma is 1.0 with cell='lstm', expected no gamma"),
        ({"dropout_places": "last=much"}, {}, ValueError, "dropout_places is 'last=much', expected rates"),
        ({"lr": []}, {}, ValueError, "lr has no value, expected at least one"),
        ({"seed": [1, 2]}, {}, ValueError, "seed is one of the settings, expected seeds in its place"),
        ([("lr", 1.0)], {}, TypeError, r"sets is \[\('lr', 1.0\)\], expected a dict"),
        ({}, {"seeds": []}, ValueError, r"seeds is \[\], expected a list of at least one seed"),
        ({}, {"seeds": 3}, ValueError, "seeds is 3, expected a list"),
        ({}, {"seeds": [-1]}, ValueError, "seed is -1, expected a whole number of at least 0"),
        ({}, {"jobs": 0}, ValueError, "jobs is 0, expected a number of at least 1"),
        ({}, {"executor": 2}, TypeError, "executor is 2, expected an Executor"),
        ({}, {"progress": 1}, TypeError, "progress is 1, expected True or False"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_before_anything_starts(tmp_path, sets, options, error, message):
    with pytest.raises(error, match=f"(sweep|settings): {message}"):
        ir.sweep("adding", sets, out=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_an_unknown_task_is_refused():
    with pytest.raises(ValueError, match="sweep: task is 'adsing', expected one of 'adding'"):
        ir.sweep("adsing", {})


def test_a_folder_with_another_run_is_refused(tmp_path):
    small_sweeps.threaded({"lr": 1e-3}, tmp_path)
    with pytest.raises(ValueError, match=r"seed=0 holds another run; .*hidden is 5, expected 4"):
        small_sweeps.threaded(
            {"lr": [1e-3, 1e-2]}, tmp_path, config=other(tmp_path, "hidden = 4", "hidden = 5")
        )
    with pytest.raises(
        ValueError, match=r"seed=0 holds another run; clip_norm: 0.0 -> 1.0, expected another folder"
    ):
        small_sweeps.threaded(
            {"lr": [1e-3, 1e-2]}, tmp_path, config=other(tmp_path, "steps", "clip_norm = 1.0\nsteps")
        )
    assert [path.name for path in (tmp_path / "out").glob("lr*")] == ["lr=0.001,seed=0"]
    result = small_sweeps.threaded(
        {"lr": 1e-3}, tmp_path, config=other(tmp_path, "threads = 1", "threads = 2")
    )
    assert result.runs[0]["machine"]["threads"] == 1  # the finished run is kept


def other(folder, old, new):
    path = folder / "other.toml"
    path.write_text(small_sweeps.CONFIG.replace(old, new))
    return path


@pytest.mark.parametrize(("text", "seeds"), [("2,0,2", (2, 0)), ("0-3", (0, 1, 2, 3)), ("7, 1-2", (7, 1, 2))])
def test_seeds_on_the_command_line(text, seeds):
    assert options.seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "-1", "1.5", "3-1", "0-1-2", "0-10000", "٣"])
def test_wrong_seeds_on_the_command_line(text):
    with pytest.raises(
        argparse.ArgumentTypeError, match=r"seeds is .*, expected numbers such as 0,1,2 or 0-4"
    ):
        options.seeds(text)


def test_values_on_the_command_line():
    def several(text):
        return assignments.several("sweep", text, "adding")

    assert several("lr=1e-4,1") == ("lr", [1e-4, 1.0]) and several("--clip-norm=0") == ("clip_norm", [0.0])
    assert several("batchnorm=yes,false") == ("batchnorm", [True, False])
    assert several('dropout_places=["last=0.1,dense=0.2"]') == ("dropout_places", ["last=0.1,dense=0.2"])
