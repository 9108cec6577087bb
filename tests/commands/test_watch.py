"""`indrnn watch`: the curves of runs in a terminal."""

import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from indrnn_np._files import locks
from indrnn_np.commands import options, watch
from indrnn_np.commands.cli import main
from indrnn_np.plots.terminal import terminal
from indrnn_np.training import run_directory

LINES = [
    line
    for i in range(100, 1001, 100)
    for line in (
        {"kind": "train", "iteration": i, "lr": 0.1, "mse": 1 / i, "gradient_norm": 2.0, "seconds": i / 8},
        {"kind": "validation", "iteration": i, "mse": 2 / i, "accuracy": i / 2000, "seconds": i / 8},
    )
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(name, lines=LINES):
    Path(name).mkdir()
    Path(name, "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def run(capsys, *arguments):
    code = main(["watch", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_one_run_is_drawn_with_training_and_validation(capsys):
    write("one")
    code, out, err = run(capsys, "one")
    assert code == 0 and err == ""
    lines = out.splitlines()
    assert lines[0].strip() == "mse" and max(map(len, lines)) <= 80
    assert "a training" in out and "b validation" in out and "1,000" in out
    cells = [cell.strip() for cell in lines[-2].split("│")]
    assert cells[1:-1] == ["one", "stopped", "1,000", "0:02:05", "0.001", "0.002", "0.002"]


def test_several_runs_share_a_drawing(capsys):
    write("one")
    write("two", LINES[:10])
    code, out, _ = run(capsys, "one", "two", "--metric", "accuracy")
    assert code == 0 and "a one" in out and "b two" in out and out.splitlines()[0].strip() == "accuracy"
    assert [line.split("│")[-2].strip() for line in out.splitlines()[-3:-1]] == [
        "0.5",
        "0.25",
    ]  # the best ones


def test_runs_of_the_same_name_are_told_apart(capsys):
    for parent, lines in (("adding", LINES), ("copying", LINES[:10])):
        Path(parent).mkdir()
        write(f"{parent}/[red]1", lines)
    code, out, _ = run(capsys, "adding/[red]1", "copying/[red]1")
    assert code == 0 and "a adding/[red]1" in out and "b copying/[red]1" in out
    assert "│ adding/[red" in out and "│ copying/[re" in out  # the table cuts long names
    code, out, _ = run(capsys, "adding/[red]1")
    assert code == 0 and "│ [red]1 │" in out


@pytest.mark.parametrize("lines", [LINES[:1], [LINES[0], LINES[0] | {"iteration": 200}]])
def test_a_single_value_is_drawn(capsys, lines):
    write("one", lines)
    code, out, err = run(capsys, "one")
    assert (code, err) == (0, "") and "│     0.01 │" in out


def test_a_line_without_its_time(capsys):
    write("one", [{"kind": "train", "iteration": 1, "mse": 0.5}])
    code, out, _ = run(capsys, "one")
    assert code == 0 and "0 s" in out


def test_errors_name_the_run_and_the_known_metrics(capsys):
    write("one")
    code, _, err = run(capsys, "one", "--metric", "mse_")
    assert (
        code == 2
        and "watch: metric is 'mse_', expected one of 'lr', 'mse', 'gradient_norm', 'accuracy'" in err
    )
    code, _, err = run(capsys, "nowhere")
    assert code == 2 and "nowhere/metrics.jsonl is not a file, expected the metrics of a run" in err


def test_a_run_without_lines_and_one_with_half_a_line(capsys):
    write("empty", [])
    code, out, _ = run(capsys, "empty")
    assert code == 0 and "no line yet" in out
    write("half")
    with Path("half/metrics.jsonl").open("a") as file:
        file.write('{"kind": "tra')
    assert "1,000" in run(capsys, "half")[1]


def test_without_plotext_the_error_names_the_extra(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotext", None)
    write("one")
    code, _, err = run(capsys, "one")
    assert code == 2 and "plotext is not installed" in err and "pip install 'indrnn-np[watch]'" in err


def test_following_ends_with_the_run(capsys, monkeypatch):
    """A run that trains holds its lock; each pause of the command lets it do something."""
    steps, states = [], []
    page = watch._page
    monkeypatch.setattr(
        watch, "_page", lambda runs, *rest: (states.append(runs[0].state), page(runs, *rest))[1]
    )
    monkeypatch.setattr(watch.time, "sleep", lambda seconds: (steps.append(seconds), next(training, None)))

    def train():
        with run_directory.RunDirectory("one").writing() as directory:
            yield
            directory.create()
            yield
            for line in LINES:
                directory.append(line)
            yield

    training = train()
    next(training)
    code, out, _ = run(capsys, "one", "--follow", "--every", "0.5")
    assert code == 0 and steps == [0.5] * 3 and states == ["running"] * 3 + ["stopped"]
    assert "1,000" in out and "training" in out


def test_ctrl_c_ends_following_without_an_error(capsys, monkeypatch):
    def interrupted(seconds):
        raise KeyboardInterrupt

    write("one")
    monkeypatch.setattr(locks, "is_held", lambda folder: True)
    monkeypatch.setattr(watch.time, "sleep", interrupted)
    code, out, err = run(capsys, "one", "--follow")
    assert code == 0 and err == "" and "running" in out


def test_colours_on_a_terminal_and_letters_elsewhere(capsys, monkeypatch):
    curves = {"one": ([1, 2], [3.0, 4.0]), "two": ([1, 2], [4.0, 3.0]), "none": ([], [])}
    plain, coloured = (terminal(curves, "mse", (60, 12), colours=colours) for colours in (False, True))
    assert "\x1b[3" not in plain and "a one" in plain and "b two" in plain and "none" not in plain
    assert "\x1b[38;5;" in coloured and "⢕" in coloured
    write("one")
    monkeypatch.setattr(options, "console", lambda width: Console(force_terminal=True, width=70, height=20))
    out = run(capsys, "one")[1]
    assert "\x1b[" in out and "⢕" in out
