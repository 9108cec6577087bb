"""benchmarks/keep_runs.py: what is kept of runs, and curves drawn from it."""

import importlib
import json
from pathlib import Path

import pytest
from small_runs import adding, net_for

import indrnn_np as ir

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def keep_runs(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("keep_runs")


def test_a_run_is_kept_beside_others_and_drawn(keep_runs, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    task = adding()
    for name in ("one", "two"):
        ir.fit(net_for(task), task, ir.Adam(1e-2), iterations=6, batch=5, log_every=1, validate_every=2,
               out=tmp_path / name, progress=False)  # fmt: skip
        command = [
            "add",
            tmp_path / "kept" / "runs.json",
            name,
            tmp_path / name,
            "--command",
            f"train {name}",
        ]
        assert keep_runs.main(list(map(str, command))) == 0
    kept = json.loads((tmp_path / "kept" / "runs.json").read_text())
    assert list(kept) == ["one", "two"] and kept["two"]["command"] == "train two"
    assert [p["iteration"] for p in kept["one"]["points"] if p["kind"] == "validation"] == [2, 4, 6]
    assert not [p for p in kept["one"]["points"] if p["kind"] == "train"]
    assert kept["one"]["summary"]["iterations"] == 6 and kept["one"]["commit"]
    assert keep_runs.main(["draw", str(tmp_path / "kept" / "runs.json"), "one"]) == 0
    assert (tmp_path / "kept" / "one.png").read_bytes()[:4] == b"\x89PNG"


def test_rows_replace_those_of_the_same_name(keep_runs, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    old = json.loads((BENCHMARKS / "results" / "reproduce" / "table.json").read_text())
    (tmp_path / "table.json").write_text(json.dumps(old))
    again = {**old[1], "runs": [{**old[1]["runs"][0], "iterations": 7}]}
    monkeypatch.setattr(keep_runs.table, "collect", lambda rows, folder: [again])
    keep_runs.keep_rows(tmp_path / "runs", tmp_path)
    new = json.loads((tmp_path / "table.json").read_text())
    assert [entry["row"] for entry in new] == [entry["row"] for entry in old]
    assert new[0] == old[0] and new[1]["runs"][0]["iterations"] == 7 and "commit" in new[1]["runs"][0]
    assert (tmp_path / "table.md").is_file() and (tmp_path / "adding-100.png").is_file()


def test_fewer_than_120_files_of_results_are_kept():
    assert len([path for path in (BENCHMARKS / "results").rglob("*") if path.is_file()]) < 120


def test_the_tables_of_the_results_are_printed_from_the_kept_runs(monkeypatch, capsys):
    monkeypatch.syspath_prepend(BENCHMARKS)
    importlib.import_module("report").main()
    printed = capsys.readouterr().out.splitlines()
    page = (BENCHMARKS.parent / "docs" / "results.md").read_text("utf-8")
    rows = [line for line in printed if line.startswith(("| adding-", "| mnist-"))]
    assert len(rows) > 30 and not [row for row in rows if row not in page and "epoch" not in row]


def test_the_tables_beside_their_pictures_are_printed_from_the_kept_rows(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    tables = importlib.import_module("report").compare()
    page = (BENCHMARKS.parent / "docs" / "tables.md").read_text("utf-8")
    shown = [name for name in tables if f"/{name}.png" in page]
    assert len(shown) > 10 and not [name for name in shown if tables[name] not in page]


def test_settings_that_all_runs_of_a_row_share_are_kept_once():
    for entry in json.loads((BENCHMARKS / "results" / "reproduce" / "table.json").read_text()):
        for run in entry["runs"]:
            assert not set(entry["settings"]) & set(run["settings"])
            used = entry["settings"] | run["settings"]
            assert used["seed"] == run["seed"] and used["task"]
