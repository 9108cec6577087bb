"""benchmarks/gpu.py: every part at tiny sizes in the simulator; wrong numbers are found, and nothing is lost."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import small_mnist
from entries import ENTRIES

from indrnn_np._cuda import target
from indrnn_np._gradcheck.hosted import hosted
from indrnn_np.backend import get

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
simulated = pytest.mark.skipif(not target.SIMULATED, reason="needs NUMBA_ENABLE_CUDASIM=1")
BY_SIZE = {"mse.add"}  # kernels that only run at sizes beyond the simulator's


@pytest.fixture
def gpu(monkeypatch):
    """The script as a module."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("gpu")


@pytest.fixture
def part(gpu, tmp_path):
    """An empty part at tiny sizes."""
    sizes = importlib.import_module("gpu_parts.sizes")
    return importlib.import_module("gpu_parts.part").Part("some", tmp_path, sizes.DRY, 100.0, {})


def script(*words):
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "gpu.py", *map(str, words)], capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_each_round_runs_with_the_library_that_it_names(gpu, monkeypatch):
    checks, used = importlib.import_module("gpu_parts.checks"), []
    monkeypatch.setattr(checks.cublas, "find", lambda: ("a library", ""))
    monkeypatch.setattr(checks._products, "use", used.append)
    rounds = [(library, value, used[-1]) for library, value in checks.each_library((1, 2))]
    assert rounds == [(name, value, name) for name in ("tiled", "cublas") for value in (1, 2)]


@simulated
def test_every_part_in_the_simulator(gpu, tmp_path):
    done = script("--dry", "--together", "--out", tmp_path)
    assert done.returncode == 0, done.stdout
    parts = {part["part"]: part for part in json.loads((tmp_path / "gpu.json").read_text("utf-8"))["parts"]}
    assert list(parts) == [name for name in gpu.PARTS if name not in gpu.EXTRA]
    assert all(part["done"] and not part["failures"] and part["tables"] for part in parts.values())
    (kernels,) = parts["checks"]["tables"][-1]["rows"]
    assert set(kernels["idle"]) <= BY_SIZE
    page = (tmp_path / "gpu.md").read_text("utf-8")
    for words in (
        "no failures", "| numba.cuda | simulator |", "| recurrence.backward |", "equal bits", "| indrnn_np |",
        "| a launch, 1 argument |", "| relu, forward, in place, narrow |", "| relu, backward, wide |",
        "cuda, batch on the GPU", "| tiled |",
        "| cpu ms | cuda ms |", "two graphs",
    ):  # fmt: skip
        assert words in page, words
    told = json.loads((tmp_path / "crossover.json").read_text("utf-8"))
    assert told["backends"] == ["cpu", "cuda"]


@simulated
def test_parts_in_processes_of_their_own_and_the_tests(tmp_path):
    done = script("--dry", "--parts", "scans", "--tests", "--out", tmp_path)
    assert done.returncode == 0, done.stdout
    scans, tests = json.loads((tmp_path / "gpu.json").read_text("utf-8"))["parts"]
    assert (scans["part"], tests["part"]) == ("scans", "tests")
    assert "passed" in tests["tables"][0]["rows"][0]["cells"][1]


@simulated
@pytest.mark.parametrize("task", ["adding", "mnist"])
def test_training(task, tmp_path):
    data = small_mnist.write(tmp_path / "data", train=11, test=2, side=2)
    done = script("--dry", "--train", task, "--data", data, "--set", "lr=0.01", "--out", tmp_path)
    assert done.returncode == 0, done.stdout
    (part,) = json.loads((tmp_path / f"{task}.json").read_text("utf-8"))["parts"]
    (table,) = part["tables"]
    assert [row["cells"][0] for row in table["rows"]][:2] == ["1", "2"]
    assert "lr 0.01," in part["notes"][0] and "after 2 " in part["notes"][-1]
    assert str(tmp_path) not in (tmp_path / f"{task}.md").read_text("utf-8")


@simulated
def test_a_wrong_kernel_is_found(part):
    judge = importlib.import_module("gpu_parts.judge").Judge(part, "float32")
    right, x = get("cuda").rows.add, np.ones((2, 3, 4), np.float32)
    call, entry = hosted("cuda").hosted, ENTRIES["rows", "add"]
    given = {"a": x, "b": x}
    expected = judge.right(entry, given)
    judge.calls("rows.add", entry, call(right), "once", given, expected)
    assert part.found["failures"] == [] and judge.tallies["rows.add"].error == 0

    def wrong(a, b, out=None):
        return right(right(a, b), b)

    judge.calls("rows.add", entry, call(wrong), "twice", given, expected)
    (sentence,) = part.found["failures"]
    assert sentence == (
        "rows.add, float32, twice (2, 3, 4): array 0[0, 0, 0] is np.float32(3.0), expected np.float64(2.0) "
        "(error 5.0e-01 of the largest entry)"
    )
    judge.write()
    (row,) = part.found["tables"][0]["rows"]
    assert row["cells"] == ["rows.add", "2", "5.0e-01", "1e-05", "-", "1 WRONG"]


def test_errors_of_arrays(part):
    off = importlib.import_module("gpu_parts.judge").off
    one = np.array([1.0, -4.0], np.float32)
    assert off(one, one.astype(float))[0] == 0 and off(one, np.array([1.0, -3.0]))[0] == pytest.approx(1 / 3)
    assert off(np.float32([np.nan, 1]), np.array([0.0, 1.0]))[0] == np.inf
    assert off(one, np.zeros(3)) == (np.inf, " has shape (2,), expected (3,)")
    assert off(np.array([1, 2]), np.array([1, 3]))[1] == ": 1 of 2 elements differ"
    assert off(np.zeros(1, np.float32), np.array([1e-300]))[0] < 1e-200  # no float32 is nearer
    gates = importlib.import_module("gpu_parts.judge").Tally()
    assert (gates.calls, gates.gates, gates.wrong) == (0, 0, 0)


def test_bits_are_compared(part):
    judge = importlib.import_module("gpu_parts.judge").Judge(part, "float32")
    judge.same_bits("x", "y", np.float32([1, 2]), np.float32([1, 2]))
    judge.same_bits("x", "y", np.float32([1, 2]), np.float32([1, 3]))
    judge.same_bits("x", "y", np.float32([0.0]), np.float32([-0.0]))
    judge.same_bits("x", "y", np.float64([1]), np.float32([1]))
    assert [sentence.split(": ")[1] for sentence in part.found["failures"]] == [
        "1 of 2 elements differ", "0 of 1 elements differ", "0 of 1 elements differ",
    ]  # fmt: skip


def test_a_broken_part_is_told_and_what_it_had_is_kept(gpu, part, capsys):
    part.table("a table", "x", "y").row(1, "two", value=3)
    with part.surviving("a rival", ours=False):
        raise ValueError("it broke")
    with part.surviving("a kernel"):
        raise RuntimeError("it  broke\ntoo")
    found = json.loads((part.folder / "parts" / "some.json").read_text("utf-8"))
    assert found["notes"][0].startswith("a rival: ValueError: it broke (test_gpu_script.py:")
    assert found["failures"][0].startswith("a kernel: RuntimeError: it broke too (")
    assert found["tables"] == [
        {"title": "a table", "header": ["x", "y"], "rows": [{"cells": ["1", "two"], "value": 3}]}
    ]
    page = gpu.page([found])
    assert (
        "| 1 | two |" in page
        and "## some (0 s, not finished)" in page
        and "Traceback" in capsys.readouterr().err
    )


def options(folder, **more):
    return SimpleNamespace(out=folder, dry=True, data=None, set=[], train=None, **more)


def test_a_part_that_hangs_is_ended(gpu, tmp_path):
    gpu.process(options(tmp_path), "checks", 0.05)
    (part,) = gpu.read(tmp_path, None)
    assert part["failures"] == ["stopped: it took more than 0 s"] and not part["done"]


def test_a_process_that_dies_is_told(gpu, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu.sys, "executable", "false")
    gpu.leave(tmp_path, "large", "notes", "so far")
    gpu.process(options(tmp_path), "large", 30)
    (part,) = gpu.read(tmp_path, None)
    assert part["failures"] == ["its process ended with 1"] and part["notes"] == ["so far"]
    assert gpu.write(tmp_path, None) == tmp_path / "gpu.md"


def test_which_parts_run(gpu, tmp_path):
    chosen = gpu.chosen(options(tmp_path, parts=None, tests=False))
    assert chosen[0] == gpu.ABOUT and not set(chosen) & set(gpu.EXTRA)
    assert gpu.chosen(options(tmp_path, parts=["scans", "checks"], tests=True)) == [
        "checks",
        "scans",
        "tests",
    ]
    for name, (module, seconds) in (gpu.PARTS | gpu.TRAINING).items():
        assert (BENCHMARKS / "gpu_parts" / f"{module}.py").is_file() and seconds > 0
        assert f"\ndef {name}(part: Part) -> None:" in (BENCHMARKS / "gpu_parts" / f"{module}.py").read_text(
            "utf-8"
        )
