"""The command `indrnn bench`: its table, its JSON, its files, its exit codes, and its picture."""

import argparse
import json
import struct
import sys

import pytest

from indrnn_np import bench
from indrnn_np.backend import get
from indrnn_np.bench import crossover, load, recurrence, report
from indrnn_np.bench.cases import ITERATION, LAYER, RECURRENCE, Case
from indrnn_np.commands import bench as command
from indrnn_np.commands.cli import main

CASES = (
    Case("small-layer", LAYER, 5, 3, 2, 4, "small"),
    Case("small-scan", RECURRENCE, 6, 3, 0, 4, "small"),
    Case("small-network", ITERATION, 6, 4, 1, 5, "small", layers=2),
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Small cases in short turns, and what was selected."""
    asked = []
    monkeypatch.setattr(recurrence, "CACHES", 0)
    monkeypatch.setattr(command, "select", lambda level, names: (asked.append((level, names)), CASES)[1])
    monkeypatch.setattr(command, "SECONDS", {True: 1e-3, False: 1e-3})
    monkeypatch.setattr(command, "ROUNDS", {True: 1, False: 2})
    monkeypatch.setattr(load, "share_of_cores", lambda: (1.0, 2))
    return asked


def run(capsys, *words):
    code = main(["bench", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_table(capsys, small):
    code, out, err = run(capsys)
    assert code == 0 and err == "" and small == [("default", [])]
    for words in (
        "× floor", "of copy", "BLAS and core", "small-layer (5, 3, 2, 4)", "indrnn_np, both passes",
        "forward, in place", "its matrix products", "medians of 8 candidates, 5 of them compared", "float32",
    ):  # fmt: skip
        assert words in out


def test_a_busy_machine_is_said_before_and_after(capsys, monkeypatch):
    monkeypatch.setattr(load, "share_of_cores", lambda: (0.5, 2))
    code, out, err = run(capsys)
    warning = "the machine is busy (this process got 50 % of 2 cores): the times are too long"
    assert code == 0 and err == f"bench: {warning}\n" and warning in out
    told = json.loads(run(capsys, "--json")[1])
    assert told["share_of_cores"] == 0.5 and warning in told["machine"]["advice"]


def test_a_ratio_below_1_is_explained():
    fast, slow = ({"lines": [{"times_floor": ratio}, {"times_before": None}]} for ratio in (0.9, 0.997))
    assert report.explanations({"cases": [slow]}) == []
    (line,) = report.explanations({"cases": [slow, fast]})
    assert line.startswith("× floor below 1: faster than")
    (line,) = report.explanations({"cases": [{"lines": [{"times_before": 0.5, "times_reference": 3.0}]}]})
    assert line.startswith("× rung before below 1: on this machine the rung is slower")


def test_what_is_selected(capsys, small):
    run(capsys, "--quick")
    run(capsys, "--cases", "steps-100000", "one-layer")
    assert small == [("quick", []), ("default", ["steps-100000", "one-layer"])]


def test_json(capsys):
    code, out, _ = run(capsys, "--json", "--quick")
    told = json.loads(out)
    assert code == 0 and [case["name"] for case in told["cases"]] == [case.name for case in CASES]
    assert {"versions", "machine", "BLAS", "environment", "advice"} == set(told["machine"])
    assert told["rounds"] == 1 and told["threads"] >= 1


def test_threads_are_set(capsys, monkeypatch):
    chosen = []
    monkeypatch.setattr("indrnn_np._cpu.threads.set_threads", chosen.append)
    run(capsys, "--threads", 2)
    assert chosen == [2]


def test_files_and_the_picture_of_all_kinds(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    code, out, _ = run(capsys, "--out", tmp_path / "new")
    assert code == 0 and f"results: {tmp_path / 'new' / 'bench.json'}" in out
    told = json.loads((tmp_path / "new" / "bench.json").read_text("utf-8"))
    assert len(told["cases"]) == 3
    data = (tmp_path / "new" / "bench.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">2I", data[16:24])[0] == 1200


def test_without_matplotlib_it_says_so(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, out, _ = run(capsys, "--out", tmp_path)
    assert code == 0 and "no bench.png: matplotlib is not installed" in out
    assert (tmp_path / "bench.json").is_file() and not (tmp_path / "bench.png").exists()


def test_a_wrong_kernel_is_exit_code_1_and_the_rest_is_timed(capsys, monkeypatch):
    module = get("cpu").recurrence
    right = module.forward

    def wrong(*args, **options):
        h = right(*args, **options)
        h[-1] += 1
        return h

    monkeypatch.setattr(module, "forward", wrong)
    code, out, _ = run(capsys)
    assert code == 1 and "small-scan: wrong, not timed: small-scan, forward, in place: h[5, " in out
    assert "small-layer (5, 3, 2, 4)" in out and "small-scan (6, 3, 4)" not in out


def test_an_unknown_case_is_one_sentence(capsys, monkeypatch):
    monkeypatch.setattr(command, "select", bench.select)
    code, _, err = run(capsys, "--cases", "mnist")
    assert code == 2 and err.startswith("indrnn: bench: case is 'mnist', expected one of mnist-layer, ")


def test_a_bar_on_a_terminal_only(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with command.Bar() as bar:
        bar("small-layer: check", 1, 4)
        shown = bar._bar.tasks[0]
        assert (shown.description, shown.completed, shown.total) == ("small-layer: check", 1, 4)
    assert capsys.readouterr().out == ""


def test_help_names_the_cases():
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    told = " ".join(parser.format_help().split())
    assert all(case.name in told.replace("- ", "-") for case in bench.CASES)


# the picture

LINE = {"role": "engine", "ms": 2.0, "times_floor": None, "gb_per_s": None}


def result(*cases):
    return {"threads": 1, "dtype": "float32", "blas": "its BLAS", "cases": list(cases)}


def layer_case(*floors):
    lines = [LINE | {"candidate": f"c{i}", "times_floor": floor} for i, floor in enumerate(floors)]
    return {"name": "one", "kind": LAYER, "T": 5, "B": 3, "D": 2, "H": 4, "lines": lines}


def test_a_bar_for_each_line(tmp_path, figure):
    from indrnn_np import plots

    scan = layer_case() | {"kind": RECURRENCE, "D": 0}
    scan["lines"] = [LINE | {"candidate": "copy", "role": "copy", "gb_per_s": 12.0}]
    plots.bench(result(layer_case(1.5, 1.0), scan, layer_case()), tmp_path / "a.png")
    top, bottom = figure[0].axes
    assert [bar.get_width() for bar in top.patches] == [1.5, 1.0] and top.get_xscale() == "linear"
    assert [bar.get_width() for bar in bottom.patches] == [12.0]
    assert [label.get_text() for label in top.get_yticklabels()] == ["one  (5, 3, 2, 4)", "c0", "c1"]
    assert [label.get_text() for label in bottom.get_yticklabels()] == ["one  (5, 3, 4)", "copy"]
    assert "GB/s" in bottom.get_xlabel() and "products" in top.get_xlabel()


def test_slow_rivals_make_the_axis_logarithmic(tmp_path, figure):
    from indrnn_np import plots

    plots.bench(result(layer_case(0.2, 50.0)), tmp_path / "a.png")
    (axes,) = figure[0].axes
    assert axes.get_xscale() == "log" and axes.get_xlim()[0] < 0.2 and axes.get_xlim()[1] > 50


def test_a_picture_of_nothing_is_refused(tmp_path, figure):
    from indrnn_np import plots

    with pytest.raises(ValueError, match="no case that was timed, expected at least one"):
        plots.bench(result(layer_case()), tmp_path / "a.png")


def test_the_simulator_gets_small_sizes_and_is_named_in_the_first_line(capsys, monkeypatch):
    grids = []

    def run_crossover(backends, grid, **options):
        grids.append(grid)
        return crossover.run_crossover(backends, ((4, 8),), **options)

    monkeypatch.setattr(bench, "run_crossover", run_crossover)
    assert run(capsys, "--backend", "cpu,reference")[2] == ""
    monkeypatch.setattr(get("reference").device, "simulated", True)
    monkeypatch.setattr(load, "share_of_cores", lambda: (0.5, 2))
    code, _, err = run(capsys, "--backend", "cpu,reference")
    start = "bench: kernels of backend reference run as plain Python in numba's simulator (NUMBA_ENABLE_CUDASIM=1)"
    first, second = err.splitlines()
    assert code == 0 and first == f"{start}; sizes are small and times say nothing about a GPU"
    assert second.startswith("bench: the machine is busy")
    assert grids == [crossover.GRID, crossover.SIMULATED_GRID]
