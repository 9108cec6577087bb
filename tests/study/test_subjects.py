"""Networks to study: from a run, from a checkpoint, and fresh ones; and the command that looks at them."""

import json

import numpy as np
import pytest

from indrnn_np import study
from indrnn_np.commands.cli import main

SMALL = ["--steps", "6", "--hidden", "3", "--batch", "2", "--backend", "reference"]
TINY = ["--steps", "6", "--set", "hidden=3", "--batch", "2", "--backend", "reference"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of three iterations."""
    folder = tmp_path_factory.mktemp("runs") / "first run"
    assert main(["train", "adding", *SMALL, "--iterations", "3", "--quiet", "--out", str(folder)]) == 0
    return folder


def flow(out, *arguments):
    return main(["study", "flow", *arguments, "--out", str(out)])


def test_a_fresh_network_is_the_one_that_training_starts_with(run):
    fresh = study.from_settings("adding", steps=6, hidden=3, batch=2, backend="reference")
    trained = study.from_run(run)
    assert fresh.title == "IndRNN" and trained.title == "IndRNN, iteration 3" and trained.net.iteration == 3
    assert fresh.net.spec() == trained.net.spec() and not np.array_equal(fresh.net.flat, trained.net.flat)
    assert fresh.batch().x.shape == (6, 2, 2) and fresh.batch(5).x.shape == (6, 5, 2)
    seen = [trained.batch(2, i).x for i in (None, 3, 0)]
    assert np.array_equal(seen[0], seen[1]) and not np.array_equal(seen[0], seen[2])
    assert study.from_settings("adding", steps=6, cell="gru").title == "GRU"


def test_the_adding_problem_marks_two_steps_and_other_tasks_none(run):
    trained, copying = study.from_run(run), study.from_settings("copying", delay=2, evaluation_size=5)
    sequence = trained.batch().x[:, 0]
    marks = trained.marks(sequence)
    assert len(marks) == 2 and all(sequence[t - 1, 1] == 1 for t in marks)
    assert copying.marks(copying.batch(1).x[:, 0]) == []


def test_a_run_is_found_by_its_folder_or_by_a_checkpoint(run):
    file = run / "checkpoints" / "iteration-00000003.npz"
    by_file = study.from_run(file, backend="cpu")
    assert by_file.net.backend == "cpu" and by_file.settings["backend"] == "cpu"
    assert np.array_equal(by_file.net.flat, study.from_run(run).net.flat)


def test_errors_of_subjects(tmp_path):
    import indrnn_np as ir

    with pytest.raises(FileNotFoundError, match=r"holds no last checkpoint"):
        study.from_run(tmp_path)
    net = ir.plain(2, 3, 1, 1, 4)
    ir.save(tmp_path / "bare.npz", net)
    with pytest.raises(
        ValueError, match=r"bare.npz holds no settings, expected a checkpoint of `indrnn train`"
    ):
        study.from_run(tmp_path / "bare.npz")
    with pytest.raises(ValueError, match=r"study.from_settings: task is 'sums', expected one of"):
        study.from_settings("sums")
    with pytest.raises(ValueError, match=r"unknown setting 'hiden'"):
        study.from_settings("adding", hiden=3)


def test_the_command_compares_fresh_networks(tmp_path, capsys):
    assert flow(tmp_path, *TINY, "--cells", "indrnn", "lstm") == 0
    said = capsys.readouterr().out
    assert said.startswith("IndRNN: ‖∂L/∂h‖ at the first step") and "\nLSTM: " in said and "written: " in said
    names = {path.name for path in tmp_path.iterdir()} - {"flow.png"}
    assert names == {"flow-indrnn.npz", "flow-indrnn.csv", "flow-lstm.npz", "flow-lstm.csv", "flow.json"}
    about = json.loads((tmp_path / "flow.json").read_text())
    assert [one["title"] for one in about["findings"]] == ["IndRNN", "LSTM"] and about["study"] == "flow"
    assert about["versions"]["numpy"] == np.__version__


def test_the_command_tells_json(tmp_path, capsys):
    assert flow(tmp_path, *TINY, "--cells", "indrnn", "--json", "--theme", "dark", "--seed", "4") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["kind"] == "flow" and len(found["table"]["norm of dL/dh_t"]) == 2 * 6


def test_the_command_looks_at_runs(run, tmp_path, capsys):
    assert flow(tmp_path / "one", str(run)) == 0
    assert capsys.readouterr().out.startswith("IndRNN, iteration 3: ")
    assert flow(tmp_path / "two", str(run), str(run), "--backend", "cpu", "--batch", "3") == 0
    assert capsys.readouterr().out.count("first run (IndRNN, iteration 3): ") == 2


def test_the_command_makes_a_film(tmp_path, capsys):
    assert flow(tmp_path, *TINY, "--cells", "indrnn", "--train", "2", "--frames", "3", "--quiet") == 0
    said = capsys.readouterr()
    assert "before training: " in said.out and "after 2 iterations: " in said.out and not said.err
    with np.load(tmp_path / "flow-indrnn.npz") as found:
        assert found["iterations"].tolist() == [0, 1, 2] and found["norms"].shape == (3, 2, 6)


def test_without_matplotlib_the_numbers_are_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert flow(tmp_path, *TINY, "--cells", "indrnn") == 0
    assert "no flow.png: matplotlib is not installed" in capsys.readouterr().out
    assert not (tmp_path / "flow.png").exists() and (tmp_path / "flow-indrnn.npz").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "hidden"], "study: --set 'hidden', expected NAME=VALUE with a setting of `indrnn train`"),
        (["--set", "hiden=3"], "study: --set 'hiden=3', expected NAME=VALUE"),
        (["--set", "hidden=three"], "study: --set 'hidden=three', expected a value of type int"),
        (["--set", "batchnorm=perhaps"], "study: --set 'batchnorm=perhaps', expected a value of type bool"),
        (["nowhere"], "nowhere holds no last checkpoint"),
        (
            ["nowhere", "--cells", "lstm"],
            "study: cells=['lstm'] is set with RUN_DIR, expected no settings because a run has",
        ),
        (
            ["nowhere", "--task", "copying"],
            "study: task=copying is set with RUN_DIR, expected no settings because a run has",
        ),
        (
            ["nowhere", "--steps", "5"],
            "study: steps=5 is set with RUN_DIR, expected no settings because a run has",
        ),
        (["--cells", "lstm", "--set", "gamma=1"], "gamma"),
        (
            ["--frames", "1", "--train", "2", *TINY],
            "study.film: frames is 1, expected a number of at least 2",
        ),
    ],
)
def test_errors_of_the_command(arguments, said, tmp_path, capsys):
    assert flow(tmp_path, *arguments) != 0
    assert said in capsys.readouterr().err


def test_settings_are_read_as_training_reads_them(tmp_path):
    assert flow(tmp_path, *TINY, "--cells", "indrnn", "--set", "batchnorm=yes", "--set", "layers=3") == 0
    with np.load(tmp_path / "flow-indrnn.npz") as found:
        assert found["norms"].shape == (3, 6)
