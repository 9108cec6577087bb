"""The serial recurrence beside the scan over time: what is checked and timed, the table, the picture, the command."""

import json

import pytest

from indrnn_np import bench
from indrnn_np.backend import get
from indrnn_np.bench import crossover_time, report, timing
from indrnn_np.commands import bench as command
from indrnn_np.commands.cli import main
from indrnn_np.layers import time_table
from indrnn_np.ops.recurrence.activation import ACTIVATIONS

BRIEF = {"seconds": 1e-3, "rounds": 1}
POINT = (70, 3)  # three chunks


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """One tiny point in one short turn, for one activation."""
    monkeypatch.setattr(timing, "SETTLE", 0)
    monkeypatch.setattr(crossover_time, "ACTIVATIONS", {"relu": ACTIVATIONS["relu"]})
    monkeypatch.setattr(crossover_time, "QUICK_GRID", (POINT,))
    monkeypatch.setattr(command, "SECONDS", {True: 1e-3, False: 1e-3})
    monkeypatch.setattr(command, "ROUNDS", {True: 1, False: 1})


def made(*points):
    """A result of points (T, columns, serial ms, scan ms) on the cpu."""
    shape = {"backend": "cpu", "activation": "relu"}
    lines = [
        [{"candidate": "serial", "ms": serial}, {"candidate": "parallel", "ms": scan}]
        for *_, serial, scan in points
    ]
    cases = [
        shape | {"T": T, "H": N, "lines": found} for (T, N, *_), found in zip(points, lines, strict=True)
    ]
    return {"backends": ["cpu"], "cases": cases, "threads": 1, "dtype": "float32", "blas": "a BLAS"}


def test_both_forms_are_timed_after_the_scan_was_checked():
    assert all(T * N <= crossover_time.MOST for T, N in crossover_time.GRID)
    result = bench.run_crossover_time(("cpu", "reference"), (POINT,), **BRIEF)
    assert json.loads(json.dumps(result)) == result and report.passed(result)
    assert [case["backend"] for case in result["cases"]] == ["cpu", "reference"]
    for case in result["cases"]:
        assert {line["candidate"] for line in case["lines"]} == {"serial", "parallel"}
        assert case["checks"]["parallel"]["arrays"] == ["h", "da", "du", "dh0"]


def test_a_wrong_scan_is_named_and_not_timed(monkeypatch):
    module = get("cpu").parallel("recurrence")
    right = module.backward
    monkeypatch.setattr(
        module, "backward", lambda *args, **kw: (right(*args, **kw)[0], 2 * args[2], right(*args, **kw)[2])
    )
    result = bench.run_crossover_time(("cpu",), (POINT,), **BRIEF)
    (case,) = result["cases"]
    assert case["wrong"]["parallel"].startswith("70 x 3, relu, cpu: du[") and not case["lines"]
    assert not report.passed(result) and report.crossover_time_cells(case)[0][4:] == ("-", "-", "-")


def test_the_table_takes_the_least_length_from_which_the_scan_wins():
    result = made(
        (100, 1, 1.0, 0.5), (200, 1, 1.0, 1.1), (400, 1, 1.0, 0.5), (800, 1, 1.0, 0.9),  # wins from 400 on
        (100, 16, 1.0, 0.97), (200, 16, 1.0, 2.0),  # never
        (100, 64, 1.0, 0.5), (100, 256, 1.0, 1.0),
    )  # fmt: skip
    table = crossover_time.time_table(result)
    assert table["backends"]["cpu"]["least_steps"] == {"relu": [[1, 400], [16, time_table.NEVER], [64, 100]]}
    assert report.crossover_time_cells(result["cases"][0]) == [
        ("cpu", "100", "1", "relu", "1.00", "0.500", "scan 2.00 ×")
    ]


def test_the_picture(tmp_path, figure):
    from indrnn_np import plots

    result = made((100, 1, 1.0, 0.5), (200, 1, 1.0, 4.0), (100, 16, 3.0, 1.0))
    plots.crossover_time(result, tmp_path / "a.png")
    (axes,) = figure[0].axes
    assert axes.get_title(loc="left") == "cpu, relu: serial time over that of the scan"
    assert sorted(text.get_text() for text in axes.texts) == ["0.25", "2", "3"]
    with pytest.raises(ValueError, match="no point that was timed, expected at least one"):
        plots.crossover_time({"cases": []}, tmp_path / "a.png")


def test_the_command_writes_a_table_that_can_be_read(capsys, tmp_path):
    words = ["bench", "--crossover-time", "--quick", "--threads", "1", "--out", str(tmp_path)]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "scan ms" in out and "medians of 2 candidates, 1 of them compared" in out
    assert time_table.read(tmp_path / "time_table.json").choice("cpu", "relu", 10, 10**9) == "serial"
    assert json.loads((tmp_path / "crossover_time.json").read_text())["backends"] == ["cpu"]
    assert main([*words, "--ladder"]) == 2
    assert "--ladder is set, expected no such option because --crossover-time" in capsys.readouterr().err
