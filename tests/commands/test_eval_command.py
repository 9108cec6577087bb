"""`indrnn eval`: the table of classes, the confusion matrix, the file of predictions and the picture."""

import csv
import io
import json

import numpy as np
import pytest
from rich.console import Console

from indrnn_np.commands import class_table
from indrnn_np.commands.cli import main
from indrnn_np.training.class_report import ClassReport

TRAIN = [
    "--backend",
    "reference",
    "--hidden",
    "4",
    "--layers",
    "1",
    "--epochs",
    "1",
    "--batch",
    "8",
    "--quiet",
]


@pytest.fixture(autouse=True)
def trained(tmp_path, monkeypatch, capsys):
    """A run on labels."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((3, 12, 2)), np.arange(12) % 3
    np.savez("labels.npz", x=x, y=y, x_test=x[:, :7], y_test=y[:7])
    assert main(["train", "sequences", "--data", "labels.npz", "--out", "run", *TRAIN]) == 0
    capsys.readouterr()


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_json_and_file_of_predictions_agree(capsys, tmp_path):
    code, out, _ = run(capsys, "eval", "run", "--json", "--predictions", "new/lines.csv")
    found, lines = (
        json.loads(out),
        list(csv.DictReader(io.StringIO((tmp_path / "new/lines.csv").read_text()))),
    )
    assert code == 0 and [line["target"] for line in lines] == [str(n % 3) for n in range(7)]
    counts = np.zeros((3, 3), int)
    for line in lines:
        counts[int(line["target"]), int(line["prediction"])] += 1
    assert found["confusion"] == counts.tolist()
    assert found["accuracy"] == pytest.approx(np.trace(counts) / 7)
    assert [each["samples"] for each in found["classes"]] == [3, 2, 2]


def test_the_table_is_printed(capsys):
    code, out, _ = run(capsys, "eval", "run")
    assert code == 0 and "precision" in out and class_table.CORNER in out


def test_the_confusion_matrix_is_drawn(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    assert run(capsys, "eval", "run", "--plot", "matrix.png")[0] == 0
    assert (tmp_path / "matrix.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_without_labels_has_no_table_and_no_picture(capsys, tmp_path):
    small = ["--iterations", "2", "--steps", "4", "--evaluation-size", "5"]
    rest = [option for option in TRAIN if option not in ("--epochs", "1")]
    rest.insert(rest.index("--layers") + 1, "1")
    assert run(capsys, "train", "adding", "--out", "sum", *small, *rest)[0] == 0
    code, out, _ = run(capsys, "eval", "sum", "--predictions", "lines.csv")
    assert code == 0 and "precision" not in out
    lines = (tmp_path / "lines.csv").read_text().splitlines()
    assert lines[0] == "sample,target_0,output_0" and len(lines) == 6
    code, _, err = run(capsys, "eval", "sum", "--plot", "matrix.png")
    assert (
        code == 2
        and "for task adding, expected a task with at most 1000 classes because its loss is mse" in err
    )


def shown(report, width=80):
    stream = io.StringIO()
    class_table.show(Console(file=stream, width=width), report)
    return stream.getvalue()


def test_many_classes_are_cut():
    text = shown(ClassReport(tuple(f"class {k}" for k in range(45)), np.eye(45, dtype=int)))
    assert "class 29" in text and "class 30" not in text
    assert "the first 30 of 45 classes" in text and class_table.CORNER not in text


def test_long_names_are_numbered_in_the_matrix_and_read_as_text():
    text = shown(ClassReport(("[red]walking", "sitting"), np.array([[4, 1], [0, 2]])))
    assert "[red]walking" in text and "2 sitting" in text and "80.0 %" in text
