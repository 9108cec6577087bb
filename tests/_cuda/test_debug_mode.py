"""INDRNN_CUDA_DEBUG: exact sizes, no reuse, NaN in new memory, and errors that name the launch."""

import inspect
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np import backend, tasks
from indrnn_np._cuda import arrays, launch, target
from indrnn_np._cuda.pool import Pool

NEEDS_DEVICE = pytest.mark.skipif(not target.available(), reason="no GPU and no simulator")
ROOT = Path(__file__).parents[2]
FAKE = """#!/bin/sh
echo "$@ debug=$INDRNN_CUDA_DEBUG" >> "$LOG"
echo "the output of $2"
[ "$2" != "$FINDING" ] || exit 9
"""


@pytest.fixture
def debug(monkeypatch):
    monkeypatch.setattr(target, "DEBUG", "1")


@pytest.fixture
def memory(monkeypatch):
    """What is allocated and written by the CPU, in place of a GPU's memory."""
    events = []

    def allocate(nbytes, clear, live):
        events.append(nbytes)
        return SimpleNamespace(nbytes=nbytes, copy_to_device=lambda host: events.append(host.tolist()))

    monkeypatch.setattr(target, "allocate", allocate)
    return events


@pytest.mark.not_emulated
def test_memory_has_the_size_of_the_array_is_full_of_nan_and_not_reused(debug, memory):
    pool = Pool()
    block = pool.take(7)
    assert (pool.live, pool.held) == (7, 0)
    del block
    assert (pool.live, pool.held) == (0, 0)
    pool.take(7)
    assert memory == [7, [255] * 7, 7, [255] * 7] and pool.allocations == 2
    assert np.isnan(np.full(8, 255, np.uint8).view(np.float32)).all()
    assert np.isnan(np.full(8, 255, np.uint8).view(np.float64)).all()


@pytest.mark.not_emulated
def test_initcheck_leaves_new_memory_as_it_is(memory, monkeypatch):
    monkeypatch.setattr(target, "DEBUG", "initcheck")
    pool = Pool()
    pool.take(7)
    pool.take(7)
    assert memory == [7, 7]


@NEEDS_DEVICE
@pytest.mark.not_emulated
def test_a_new_array_is_full_of_nan(debug):
    array = backend.get("cuda").device.empty((3, 5), "float32")
    assert array.block.memory.nbytes == 60 and np.isnan(array.to_host()).all()


@NEEDS_DEVICE
def test_an_error_names_the_kernel_or_the_copy(debug, monkeypatch):
    ops = backend.get("cuda")
    array, other = (ops.device.empty((3,), "float32") for _ in range(2))

    def synchronize():
        raise OSError("CUDA_ERROR_ILLEGAL_ADDRESS")

    monkeypatch.setattr(target, "synchronize", synchronize)
    words = r"failed \(OSError: CUDA_ERROR_ILLEGAL_ADDRESS\), expected a launch without errors"
    with pytest.raises(RuntimeError, match="^cuda: kernel fill_kernel " + words):
        ops.device.zeros((3,), "float32")
    with pytest.raises(RuntimeError, match="^cuda: a copy " + words):
        arrays.assign(array, other)


@NEEDS_DEVICE
@pytest.mark.parametrize("graph", [False, True])
def test_training_gives_the_same_bits(monkeypatch, graph):
    def trained():
        net = ir.plain(2, 4, 1, 1, 5, batchnorm=True, dropout=0.2, backend="cuda", seed=1)
        task = tasks.get("adding", steps=5, seed=3, evaluation_size=2)
        ir.fit(net, task, ir.Adam(1e-2), iterations=4, batch=3, validate_every=0, graph=graph, progress=False)
        return net.flat.to_host().tobytes()

    expected = trained()
    monkeypatch.setattr(target, "DEBUG", "1")
    assert trained() == expected


@pytest.fixture
def sanitizer(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import sanitizer

    yield sanitizer
    sys.modules.pop("sanitizer")


@pytest.mark.parametrize("finding", ["", "memcheck"])
def test_the_tools_are_run_and_a_finding_is_an_exit_code(sanitizer, tmp_path, monkeypatch, capsys, finding):
    fake = tmp_path / "bin" / "compute-sanitizer"
    fake.parent.mkdir()
    fake.write_text(FAKE)
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:/usr/bin:/bin")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setenv("FINDING", finding)
    monkeypatch.setattr(sys, "argv", ["sanitizer.py", "--out", str(tmp_path / "out")])
    assert sanitizer.main() == (1 if finding else 0)
    program = f"{sys.executable} {sanitizer.__file__} --run"
    assert sorted((tmp_path / "log").read_text().splitlines()) == sorted(
        f"--tool {tool} --error-exitcode 9 {program} debug={debug}"
        for tool, debug in (("racecheck", 1), ("synccheck", 1), ("memcheck", 1), ("initcheck", "initcheck"))
    )
    assert (tmp_path / "out" / "racecheck.txt").read_text() == "the output of racecheck\n"
    told = capsys.readouterr().out.splitlines()
    assert [line.partition(",")[0] for line in told] == [
        f"{tool}: {'exit code 9' if tool == finding else 'no finding'}" for tool in sanitizer.TOOLS
    ]


def test_without_compute_sanitizer_the_script_says_so(sanitizer, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sanitizer, "find", lambda: None)
    monkeypatch.setattr(sys, "argv", ["sanitizer.py", "--out", str(tmp_path)])
    assert sanitizer.main() == 2 and not list(tmp_path.iterdir())
    assert "compute-sanitizer is not in PATH" in capsys.readouterr().err


@NEEDS_DEVICE
def test_the_cases_launch_every_kernel_with_shared_memory(sanitizer, monkeypatch):
    registers = pytest.importorskip("registers")
    shared = {
        kernel.name.partition("[")[0]
        for _, kernel in registers.kernels()
        if "cuda.shared.array" in inspect.getsource(kernel.function)
    }
    launched, start = set(), launch.run

    def run(*arguments, name):
        launched.add(name.removeprefix("kernel ").partition("[")[0])
        start(*arguments, name=name)

    monkeypatch.setattr(launch, "run", run)
    assert sanitizer.run_cases() == 0
    assert shared and shared <= launched
    assert {"recurrence.forward", "recurrence.forward.wide"} <= launched
