"""Backends beside each other: what is checked and timed at a point, the table, the picture, and the command."""

import json
import struct

import numpy as np
import pytest

from indrnn_np import backend, bench
from indrnn_np._cuda import arrays, target
from indrnn_np.backend import get
from indrnn_np.bench import crossover, report, timing
from indrnn_np.bench.crossover import KERNEL, STEP, TRANSFER, WHATS
from indrnn_np.commands import bench as command
from indrnn_np.commands.cli import main

PAIR = ("cpu", "reference")
POINTS = ((3, 8), (4, 12))
BRIEF = {"seconds": 1e-3, "rounds": 1}
on_the_gpu = pytest.mark.skipif("cuda" not in backend.backends(), reason=target.problem()[0] or "no GPU")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Tiny points in one short turn."""
    monkeypatch.setattr(timing, "SETTLE", 0)
    monkeypatch.setattr(crossover, "HIDDEN", 4)
    monkeypatch.setattr(crossover, "QUICK_GRID", POINTS[:1])
    monkeypatch.setattr(crossover, "GRID", POINTS)
    monkeypatch.setattr(command, "SECONDS", {True: 1e-3, False: 1e-3})
    monkeypatch.setattr(command, "ROUNDS", {True: 1, False: 1})


def run(backends=PAIR, points=POINTS, **options):
    return bench.run_crossover(backends, points, **BRIEF | options)


def call(capsys, *words):
    code = main(["bench", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


# what is timed


def test_the_grids():
    assert len(crossover.STEPS) * len(crossover.COLUMNS) == 9
    for T, columns in ((32, 256), (2048, 65_536), (5, 12), (5, 7)):
        point = crossover.case(T, columns)
        assert point.T == T and columns == point.B * point.H and point.D == point.H <= crossover.HIDDEN
    for size in ((0, 4), (3, 0)):
        with pytest.raises(ValueError, match="is 0, expected a number of at least 1"):
            crossover.case(*size)


def test_each_backend_is_compared_and_timed_at_each_point():
    told = []
    result = run(progress=lambda *words: told.append(words), threads=1)
    assert json.loads(json.dumps(result)) == result and report.passed(result)
    assert result["backends"] == list(PAIR) and result["threads"] == 1
    for case, (T, columns) in zip(result["cases"], POINTS, strict=True):
        assert (case["kind"], case["T"], case["B"] * case["H"]) == (crossover.CROSSOVER, T, columns)
        assert [(line["what"], line["backend"]) for line in case["lines"]] == [
            (what, name) for what in WHATS for name in PAIR
        ]
        assert set(case["checks"]) == {f"{what}, {name}" for what in (KERNEL, STEP) for name in PAIR}
        for check in case["checks"].values():
            assert check["error"] <= check["tolerance"] and check["arrays"]
        for line in case["lines"]:
            assert 0 < line["ms_low"] <= line["ms"] <= line["ms_high"]
            assert line["candidate"] == f"{line['what']}, {line['backend']}"
    assert told[0] == ("3 x 8: check cpu", 0, 8) and told[-1][1:] == (8, 8)


def test_a_backend_of_numpy_arrays_has_nothing_to_transfer():
    lines = {line["candidate"]: line for line in run(points=POINTS[:1])["cases"][0]["lines"]}
    assert lines[f"{TRANSFER}, cpu"]["ms"] == lines[f"{STEP}, cpu"]["ms"]


def test_every_call_ends_with_the_backend_done(monkeypatch):
    ops, asked = get("cpu"), []
    monkeypatch.setattr(ops.device, "synchronize", lambda: asked.append(1))
    for number, (_, candidate) in enumerate(crossover.prepare(crossover.case(3, 8), ops), 1):
        candidate.run()
        assert len(asked) == number


def test_a_wrong_kernel_is_named_and_the_others_are_timed(monkeypatch):
    module = get("cpu").recurrence
    right = module.backward

    def wrong(*args, **options):
        da, du, dh0 = right(*args, **options)
        return da, 2 * du, dh0

    monkeypatch.setattr(module, "backward", wrong)
    result = run(points=POINTS[:1])
    (case,) = result["cases"]
    assert case["wrong"]["cpu"].startswith("3 x 8, cpu, backward: du[") and not report.passed(result)
    assert {line["backend"] for line in case["lines"]} == {"reference"}
    assert report.crossover_cells(result, case)[0][3] == "-"


def test_a_point_without_room_is_left_out(monkeypatch):
    monkeypatch.setattr(get("cpu").device, "memory", lambda: (2**20, "the test"))
    result = run(points=((3, 2**16),))
    (case,) = result["cases"]
    assert case["left_out"] == {
        "cpu": "about 0.00732 GiB are needed, 0.000977 GiB are free, by the test"
    } and {line["backend"] for line in case["lines"]} == {"reference"}
    assert crossover.missing_memory(crossover.case(3, 8), get("reference")) == ""


def test_numbers_out_of_range_are_refused():
    for options, words in (({"seconds": 0}, "seconds is 0"), ({"rounds": 0}, "rounds is 0")):
        with pytest.raises(ValueError, match=words):
            run(**options)


@on_the_gpu
def test_the_gpu_beside_the_cpu():
    result = run(("cpu", "cuda"), POINTS[:1])
    assert report.passed(result), report.remarks(result)
    rows = report.crossover_cells(result, result["cases"][0])
    assert [row[2] for row in rows] == list(WHATS) and all("×" in row[-1] for row in rows)


@on_the_gpu
def test_arrays_stand_where_they_are_meant_to():
    point = crossover.case(3, 8)
    training = crossover.iteration.Training(point, "cuda")
    assert all(isinstance(array, np.ndarray) for array in training.host)
    assert all(isinstance(array, arrays.DeviceArray) for array in training.batch)
    data = crossover.recurrence.draw(point, 3, "cuda")
    assert all(isinstance(array, arrays.DeviceArray) for array in (data.a, data.dh, data.u, data.h, data.da))


# the words


def line(what, name, ms):
    return {"what": what, "backend": name, "ms": ms}


def made(*times, T=32, B=2, H=128):
    """A result of one point from pairs of milliseconds, on cpu and cuda, for each thing."""
    lines = [
        line(what, name, ms)
        for what, pair in zip(WHATS, times, strict=False)
        for name, ms in zip(("cpu", "cuda"), pair, strict=True)
    ]
    shape = {"T": T, "B": B, "H": H}
    head = {"threads": 2, "dtype": "float32", "blas": "its BLAS", "backends": ["cpu", "cuda"]}
    return head | {"cases": [shape | {"lines": lines}]}


def test_the_cells_of_a_table():
    result = made((1.0, 4.0), (20.0, 0.5), (20.0, 2.0))
    assert report.crossover_header(result) == ("T", "columns", "what", "cpu ms", "cuda ms", "faster")
    assert report.crossover_cells(result, result["cases"][0]) == [
        ("32", "256", KERNEL, "1.00", "4.00", "cpu 4.00 ×"),
        ("", "", STEP, "20.0", "0.500", "cuda 40.0 ×"),
        ("", "", TRANSFER, "20.0", "2.00", "cuda 10.0 ×"),
    ]
    assert report.faster({"cpu": 1.0}) == "-"


def test_a_curve_for_each_backend_and_length(tmp_path, figure):
    from indrnn_np import plots

    result = made((1.0, 4.0), (20.0, 0.5), (20.0, 2.0))
    result["cases"] += made((2.0, 4.0), (40.0, 0.6), (40.0, 3.0), B=4)["cases"]
    result["cases"] += made((8.0, 4.0), (90.0, 0.6), (90.0, 3.0), T=64)["cases"]
    plots.crossover(result, tmp_path / "a.png")
    left, right = figure[0].axes
    assert (left.get_title(), right.get_title()) == (KERNEL, STEP)
    assert [axes.get_xscale() + axes.get_yscale() for axes in (left, right)] == ["loglog"] * 2
    curves = {curve.get_label(): curve for curve in right.lines}
    assert list(curves) == [
        "cpu, $T = 32$", "cuda, $T = 32$", "cuda, $T = 32$, with transfer",
        "cpu, $T = 64$", "cuda, $T = 64$", "cuda, $T = 64$, with transfer",
    ]  # fmt: skip
    assert list(curves["cpu, $T = 32$"].get_xdata()) == [256, 512]
    assert list(curves["cuda, $T = 32$, with transfer"].get_ydata()) == [2.0, 3.0]
    looks = {(c.get_color(), c.get_linestyle(), c.get_marker(), c.get_markerfacecolor()) for c in right.lines}
    assert len(looks) == 6 and len(left.lines) == 4 and len(figure[0].legends[0].get_texts()) == 6


def test_a_picture_of_nothing_is_refused(tmp_path, figure):
    from indrnn_np import plots

    with pytest.raises(ValueError, match="no point that was timed, expected at least one"):
        plots.crossover(made(), tmp_path / "a.png")


# the command


def test_the_command_prints_a_table(capsys):
    code, out, err = call(capsys, "--backend", "cpu,reference", "--threads", 1)
    assert code == 0 and err == ""
    for words in ("columns", "reference ms", "faster", KERNEL, STEP, TRANSFER, "1 thread, float32", "×"):
        assert words in out
    assert "medians of 12 candidates, 8 of them compared with the reference" in out


def test_the_command_writes_json_and_a_picture(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    code, out, _ = call(capsys, "--backend", "cpu,reference", "--quick", "--json", "--out", tmp_path)
    told = json.loads(out)
    assert code == 0 and told == json.loads((tmp_path / "crossover.json").read_text("utf-8"))
    assert len(told["cases"]) == 1 and "GPU" in told["machine"] and told["backends"] == list(PAIR)
    data = (tmp_path / "crossover.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">2I", data[16:24])[0] == 1350


def test_what_cannot_be_is_one_sentence(capsys, monkeypatch):
    code, _, err = call(capsys, "--backend", "cpu,gpu")
    assert code == 2 and err.startswith("indrnn: backend: name is 'gpu', expected one of 'cpu', 'cuda', 'ref")
    code, _, err = call(capsys, "--backend", "cpu,reference", "--cases", "one-layer")
    assert code == 2 and "--cases is one-layer, expected none because --backend cpu,reference" in err
    monkeypatch.setattr(
        crossover, "get", backend._table.__wrapped__
    )  # without its memory of a GPU that is there
    monkeypatch.setattr(target, "problem", lambda: ("there is no GPU", "one", "and pip install it"))
    code, _, err = call(capsys, "--backend", "cpu,cuda")
    refusal = "indrnn: backend 'cuda': there is no GPU, expected one and pip install it\n"
    assert code == 2 and err.endswith(refusal)  # in the simulator, a note stands before it
