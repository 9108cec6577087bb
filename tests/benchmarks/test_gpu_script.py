"""benchmarks/gpu.py: every part at tiny sizes in the simulator; wrong numbers are found, and no result is lost."""

import contextlib
import importlib
import json
import subprocess
import sys
import time
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
# Kernels that only run at sizes beyond those of a dry run.
BY_SIZE = {"mse.add", "recurrence.sum[32]",
           *(f"batchnorm.{name}[32]" for name in ("column_sums", "gradients", "statistics"))}  # fmt: skip
ORDER = ["about", "smoke", "recurrence", "scan", "layers", "lstm", "torch_loop", "triton_scan", "torch_compiled",
         "graphs", "iterations", "small_checks", "large", "checks", "crossover"]  # fmt: skip
BUDGET = 360  # seconds of the device
FILES = 6  # that may be written

# A worker whose parts only report two rows. In the part "hangs" it waits for its end, and in "lost" the GPU fails.
STUB = """
import sys, time
sys.path.insert(0, {folder!r})
import gpu
from gpu_parts import fake_device, part, worker

def run_part(now):
    table = now.table("rows", "number")
    table.row(1)
    if now.name in {lost!r}:
        raise part.ContextLost("an illegal address")
    while now.name in {hangs!r}:
        time.sleep(1)
    table.row(2)
    now.end()

fake_device.FakeClock.watch = lambda self: None
worker.run_part = run_part
sys.exit(worker.run(gpu.arguments()))
"""


@pytest.fixture
def gpu(monkeypatch, tmp_path):
    """The script as a module."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setenv("INDRNN_CACHE_DIR", str(tmp_path / "kernels"))
    return importlib.import_module("gpu")


@pytest.fixture
def module(gpu):
    """Return a module of the parts by name."""
    return lambda name: importlib.import_module(f"gpu_parts.{name}")


@pytest.fixture
def part(module, monkeypatch):
    """An empty part at tiny sizes, on a GPU that works; `events` holds what it reports."""
    monkeypatch.setattr(target, "synchronize", lambda: None)
    events = []
    made = module("part").Part("some", module("sizes").DRY, events.append, module("part").Clock(), 100.0)
    made.events = events
    return made


def texts(part, kind):
    return [event["text"] for event in part.events if event["event"] == kind]


def script(*words):
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "gpu.py", *map(str, words)], capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@simulated
def test_every_part_in_the_simulator(tmp_path):
    done = script("--dry", "--out", tmp_path)
    assert done.returncode == 0, done.stdout
    parts = {part["part"]: part for part in json.loads((tmp_path / "gpu.json").read_text("utf-8"))["parts"]}
    assert list(parts) == ORDER
    assert all(part["done"] and not part["failures"] and part["tables"] for part in parts.values())
    assert all(part["seconds"] <= part["limit"] for part in parts.values())
    assert 100 < sum(part["seconds"] for part in parts.values()) < BUDGET
    assert len(list(tmp_path.iterdir())) <= FILES and (tmp_path / "gpu.log").read_text("utf-8") == ""
    (kernels,) = parts["checks"]["tables"][-1]["rows"]
    assert set(kernels["idle"]) <= BY_SIZE
    page = (tmp_path / "gpu.md").read_text("utf-8")
    for words in (
        "no failures", "| every kernel, float64 | at most 1.0e-12 |", "| numba.cuda | simulator |", "| all forms |",
        "| a graph of 3 launches, 3 times | equal bits |", "| forward, in place | chosen | cold |",
        "| backward | 8 ahead | warm |", "| backward | wide | cold |", "| recurrence.backward |",
        "| indrnn_np | graph replay |", "| indrnn_np | launches, wall clock |", "| 1 argument |", "| tiled |",
        "| 70, 1, 3 | tanh | backward | single pass | 32 |", "| recurrence.backward, scan |",
        "| batch on the GPU |", "| cpu ms | cuda ms |", "| graphs |",
    ):  # fmt: skip
        assert words in page, words
    crossover = json.loads((tmp_path / "crossover.json").read_text("utf-8"))
    assert crossover["backends"] == ["cpu", "cuda"] and len(crossover["cases"]) == 2


@simulated
def test_results_before_a_kill_are_kept(tmp_path):
    done = script("--dry", "--parts", "smoke", "recurrence", "large", "--kill", "smoke", "--out", tmp_path)
    assert done.returncode == 1
    parts = json.loads((tmp_path / "gpu.json").read_text("utf-8"))["parts"]
    assert [(part["part"], part["done"]) for part in parts] == [
        ("smoke", False),
        ("recurrence", True),
        ("large", True),
    ]
    assert len(parts[0]["tables"][0]["rows"]) == 1
    assert parts[0]["failures"] == ["stopped: its process ended with code -9"]


@simulated
def test_training(tmp_path):
    data = small_mnist.write(tmp_path / "data", train=11, test=2, side=2)
    done = script(
        "--dry", "--train", "adding", "mnist", "--data", data, "--set", "lr=0.01", "--out", tmp_path / "out"
    )
    assert done.returncode == 0, done.stdout
    adding, mnist = json.loads((tmp_path / "out" / "training.json").read_text("utf-8"))["parts"]
    for part in (adding, mnist):
        assert [row["cells"][0] for row in part["tables"][0]["rows"]] == ["1", "2"]
        assert "lr 0.01," in part["notes"][0] and "graph True" in part["notes"][0]
        assert part["notes"][-1].startswith("2 of 2 iterations in ")
    assert "test" in adding["tables"][0]["rows"][1] and "accuracy" in mnist["tables"][1]["rows"][0]
    assert str(tmp_path) not in (tmp_path / "out" / "training.md").read_text("utf-8")


@pytest.mark.skipif(target.available(), reason="needs a machine without a GPU, and no simulator")
def test_without_a_gpu_the_first_part_says_so(tmp_path):
    done = script("--out", tmp_path)
    assert done.returncode == 1
    (about,) = json.loads((tmp_path / "gpu.json").read_text("utf-8"))["parts"]
    (failure,) = about["failures"]
    assert failure.startswith("no NVIDIA GPU can be used (") and about["done"]


def run_stub(gpu, monkeypatch, tmp_path, *words, hangs=(), lost=()):
    """Run the script with a worker whose parts do nothing, and return the parts by name."""
    stub = tmp_path / "stub.py"
    stub.write_text(STUB.format(folder=str(BENCHMARKS), hangs=hangs, lost=lost), "utf-8")
    monkeypatch.setattr(gpu, "WORKER", stub)
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--dry", "--out", str(tmp_path / "out"), *words])
    code = gpu.main()
    parts = json.loads((tmp_path / "out" / "gpu.json").read_text("utf-8"))["parts"]
    assert code == any(part["failures"] for part in parts)
    return {part["part"]: part for part in parts}


@pytest.mark.parametrize("killed", [[name] for name in ORDER] + [ORDER])
def test_a_kill_in_any_part_leaves_all_other_results(gpu, monkeypatch, tmp_path, killed):
    parts = run_stub(gpu, monkeypatch, tmp_path, "--kill", *killed)
    assert list(parts) == ORDER
    for name in ORDER:
        (table,) = parts[name]["tables"]
        assert len(table["rows"]) == (1 if name in killed else 2)
        assert parts[name]["done"] == (name not in killed)
        assert parts[name]["failures"] == ["stopped: its process ended with code -9"] * (name in killed)


def test_a_part_that_hangs_is_ended(gpu, monkeypatch, tmp_path):
    monkeypatch.setattr(gpu, "HANGING", 8)
    parts = run_stub(gpu, monkeypatch, tmp_path, "--parts", "about", "layers", "large", hangs=("layers",))
    assert parts["layers"]["failures"] == ["stopped: it exceeded its time limit"]
    assert len(parts["layers"]["tables"][0]["rows"]) == 1 and parts["large"]["done"]


def test_a_lost_context_ends_the_worker_only(gpu, monkeypatch, tmp_path):
    parts = run_stub(gpu, monkeypatch, tmp_path, "--parts", "about", "layers", "large", lost=("layers",))
    first, second = parts["layers"]["failures"]
    assert "the GPU's context is lost (an illegal address)" in first and second.endswith("ended with code 3")
    assert parts["large"]["done"]


def test_nothing_runs_beyond_the_budget(module, part, monkeypatch):
    monkeypatch.setattr(part, "_end", time.monotonic() + 1)
    module("worker").run_part(part)
    assert texts(part, "note") == ["left out: no time left"] and part.events[-1]["event"] == "end"


def test_an_error_is_reported_and_the_block_left(part, module, capsys):
    with part.surviving("a rival", ours=False):
        raise ValueError("it broke")
    with part.surviving("a kernel"):
        raise RuntimeError("it  broke\ntoo")
    assert texts(part, "note")[0].startswith("a rival: ValueError: it broke (test_gpu_script.py:")
    assert texts(part, "failure")[0].startswith("a kernel: RuntimeError: it broke too (")
    assert "Traceback" in capsys.readouterr().err


def test_an_error_after_which_the_gpu_fails_ends_the_part(part, module, monkeypatch):
    def fail():
        raise RuntimeError("CUDA_ERROR_ILLEGAL_ADDRESS")

    monkeypatch.setattr(target, "synchronize", fail)
    with pytest.raises(module("part").ContextLost, match="ILLEGAL_ADDRESS"), part.surviving("a kernel"):
        raise ValueError("wrong")
    assert texts(part, "failure")[0].startswith("a kernel: ValueError: wrong")


def test_every_part_is_a_function(gpu, module):
    assert list(gpu.PARTS) == ORDER
    for name, plan in module("plan").ALL.items():
        source = (BENCHMARKS / "gpu_parts" / f"{plan.module}.py").read_text("utf-8")
        assert f"\ndef {name}(part: Part) -> None:" in source


# results


def test_half_a_line_of_a_killed_worker_is_ignored(gpu, module, tmp_path, capsys):
    args = SimpleNamespace(dry=True, minutes=6, train=None)
    supervisor = gpu.Supervisor(args, module("results").Results(tmp_path / "out", "gpu"), tmp_path)
    begin = {"event": "begin", "part": "smoke", "now": 8.0, "seconds": 0.0, "limit": 40.0}
    supervisor.events.write_text(json.dumps(begin) + '\n{"event": "ro', "utf-8")
    supervisor.collect()
    supervisor.collect()
    assert list(supervisor.results.parts) == ["smoke"] and supervisor.now == 8.0


def page_of(module, *parts):
    made = [
        {"seconds": 1.0, "done": True, "tables": [], "failures": [], "notes": []} | part for part in parts
    ]
    return "\n".join(module("results").page(made))


def rows(*values):
    return [{"title": "t", "header": ["x"], "rows": [{"cells": ["1"]} | value for value in values]}]


def test_targets_are_measured_missed_or_not_run(module):
    few = {"shape": [1024, 32, 128], "cache": "cold"}
    scans = rows(
        few | {"what": "forward", "form": "8 ahead", "seconds": 4.0},
        few | {"what": "forward", "form": "chosen", "seconds": 1.0},
        few | {"what": "backward", "form": "8 ahead", "seconds": 2.0},
        few | {"what": "backward", "form": "chosen", "seconds": 1.0},
    )
    layer, tf32, lstm = ({"shape": [256, 32, 128, 128], "seconds": s} for s in (1.0, 0.5, 6.5))
    page = page_of(
        module,
        {"part": "recurrence", "tables": scans},
        {"part": "layers", "tables": rows(layer, tf32 | {"tf32": True})},
        {"part": "lstm", "tables": rows(lstm)},
        {"part": "checks", "tables": rows({"dtype": "float32", "error": 2e-5})},
    )
    for line in (
        "| recurrence forward at [1024, 32, 128], cold, against 8 ahead | at least 3.00 times | 4.00 times | reached |",
        "at [1024, 32, 128], cold, against 8 ahead | at least 3.00 times | 2.00 times | **missed** |",
        "| layer at (256, 32, 128, 128) against cuDNN's LSTM | at least 6.0 times | 6.5 times | reached |",
        "| every kernel, float32 | at most 1.0e-05 | 2.0e-05 | **missed** |",
        "| every kernel, float64 | at most 1.0e-12 | - | not run |",
    ):
        assert line in page, line


def test_a_page_names_failures(module):
    page = page_of(module, {"part": "smoke", "done": False, "failures": ["it broke"], "notes": ["slow"]})
    assert "1 failures" in page and "## smoke (1 s, not finished)" in page
    assert "- **failed**: it broke" in page and "- note: slow" in page


# timing


class Event:
    """An event of a GPU that is `ahead` of Python or not."""

    ahead = iter(())

    def record(self):
        pass

    def query(self):
        reached = next(self.ahead)
        if isinstance(reached, Exception):
            raise reached
        return reached

    def elapsed_time(self, last):
        return 6.0


@pytest.mark.parametrize(
    ("queries", "waits", "notes"),
    [([False], 1, 0), ([True, False], 2, 0), ([True] * 5, 5, 1), ([TypeError()], 1, 1)],
)
def test_the_gpu_never_waits_for_python(module, part, monkeypatch, queries, waits, notes):
    clock, launched, flushed = module("clock"), [], []
    monkeypatch.setattr(clock, "target", SimpleNamespace(SIMULATED=False, synchronize=lambda: None))
    monkeypatch.setattr(clock, "cuda", SimpleNamespace(event=Event))
    monkeypatch.setattr(clock, "wait_kernel", SimpleNamespace(launch=lambda *args: launched.append(args[2])))
    monkeypatch.setattr(clock, "flush", lambda: flushed.append(1))
    monkeypatch.setattr(Event, "ahead", iter(queries))
    timing = clock.queued(part, lambda: None, cold=True)
    assert timing.median == pytest.approx(6e-3) and len(flushed) == waits * timing.calls
    assert len(launched) == waits and launched == sorted(launched) and len(texts(part, "note")) == notes


def test_reasons_of_a_slow_gpu(module):
    reasons = module("gpu_state").reasons
    assert reasons(0) == "none" and reasons(0x4 | 0x20) == "power cap, temperature"


def test_nvml_and_nvidia_smi_report_the_same(module, monkeypatch, tmp_path):
    state = module("gpu_state")
    nvml = SimpleNamespace(
        nvmlInit=lambda: None, nvmlDeviceGetHandleByIndex=lambda i: i, NVML_CLOCK_SM=1, NVML_CLOCK_MEM=2,
        NVML_TEMPERATURE_GPU=0, nvmlDeviceGetClockInfo=lambda gpu, kind: {1: 1980, 2: 3201}[kind],
        nvmlDeviceGetTemperature=lambda gpu, kind: 41, nvmlDeviceGetPowerUsage=lambda gpu: 250_500,
        nvmlDeviceGetCurrentClocksThrottleReasons=lambda gpu: 4,
    )  # fmt: skip
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\necho '1980, 3201, 41, 250.50, 0x0000000000000004'\n", "utf-8")
    smi.chmod(0o755)
    expected = {"sm_mhz": 1980, "memory_mhz": 3201, "celsius": 41, "watts": 250.5, "throttle": "power cap"}
    for by_nvml in (True, False):
        state._nvml.cache_clear(), state._smi_path.cache_clear(), state._last.clear()
        assert state.last() == {} and state.cell() == "-"
        monkeypatch.setattr(state, "_smi_time", -state.SMI_INTERVAL)
        monkeypatch.setitem(sys.modules, "pynvml", nvml if by_nvml else None)
        monkeypatch.setenv("PATH", "" if by_nvml else str(tmp_path))
        state.sample()
        assert state.last() == expected and state.cell() == "1980 MHz, power cap"
    state._nvml.cache_clear(), state._smi_path.cache_clear(), state._last.clear()


def test_a_rival_that_is_not_ready_is_reported(module, part):
    within = module("rivals").within
    with part.surviving("a rival", ours=False), within(0.05, "not ready"):
        while True:
            with contextlib.suppress(Exception):  # as in a library that handles every error
                time.sleep(0.01)
    lost = contextlib.suppress(BaseException)  # as in a callback of a library
    with part.surviving("a slow one", ours=False), within(0.05, "not ready"), lost:
        time.sleep(1)
    with within(10, "not ready"):
        pass
    first, second = texts(part, "note")
    assert first.startswith("a rival: NotReady: not ready") and second.startswith(
        "a slow one: NotReady: not ready"
    )
    assert texts(part, "failure") == []


# checks


def test_each_round_runs_with_the_library_that_it_names(module, monkeypatch):
    checks, used = module("checks"), []
    monkeypatch.setattr(checks.cublas, "find", lambda: ("a library", ""))
    monkeypatch.setattr(checks._products, "use", used.append)
    rounds = [(library, value, used[-1]) for library, value in checks.each_library((1, 2))]
    assert rounds == [(name, value, name) for name in ("tiled", "cublas") for value in (1, 2)]


@simulated
def test_a_wrong_kernel_is_found(module, part):
    judge = module("judge").Judge(part, "float32")
    right, x = get("cuda").rows.add, np.ones((2, 3, 4), np.float32)
    call, entry = hosted("cuda").hosted, ENTRIES["rows", "add"]
    arguments = {"a": x, "b": x}
    expected = judge.expected(entry, arguments)
    judge.calls("rows.add", entry, call(right), "once", arguments, expected)
    assert texts(part, "failure") == [] and judge.tallies["rows.add"].error == 0

    def wrong(a, b, out=None):
        return right(right(a, b), b)

    judge.calls("rows.add", entry, call(wrong), "twice", arguments, expected)
    assert texts(part, "failure") == [
        "rows.add, float32, twice (2, 3, 4): array 0[0, 0, 0] is np.float32(3.0), expected np.float64(2.0) "
        "(error 5.0e-01 of the largest entry)"
    ]
    judge.write()
    assert part.events[-1]["cells"] == ["rows.add", "2", "5.0e-01", "1e-05", "-", "1 WRONG"]


def test_errors_of_arrays(module):
    off = module("judge").off
    one = np.array([1.0, -4.0], np.float32)
    assert off(one, one.astype(float))[0] == 0 and off(one, np.array([1.0, -3.0]))[0] == pytest.approx(1 / 3)
    assert off(np.float32([np.nan, 1]), np.array([0.0, 1.0]))[0] == np.inf
    assert off(one, np.zeros(3)) == (np.inf, " has shape (2,), expected (3,)")
    assert off(np.array([1, 2]), np.array([1, 3]))[1] == ": 1 of 2 elements differ"
    assert off(np.zeros(1, np.float32), np.array([1e-300]))[0] < 1e-200  # no float32 is nearer


def test_bits_are_compared(module, part):
    judge = module("judge").Judge(part, "float32")
    judge.same_bits("x", "y", np.float32([1, 2]), np.float32([1, 2]))
    judge.same_bits("x", "y", np.float32([1, 2]), np.float32([1, 3]))
    judge.same_bits("x", "y", np.float32([0.0]), np.float32([-0.0]))
    judge.same_bits("x", "y", np.float64([1]), np.float32([1]))
    assert [text.split(": ")[1] for text in texts(part, "failure")] == [
        "1 of 2 elements differ", "0 of 1 elements differ", "0 of 1 elements differ",
    ]  # fmt: skip
