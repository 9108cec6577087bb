"""What training is said to need is what it takes; too much is an error that says what would fit."""

import gc
import itertools
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import small_mnist
from hypothesis import given
from hypothesis import strategies as st
from small_runs import QUIET, adding, curve, net_for
from strategies import JIT

import indrnn_np as ir
from indrnn_np import _machine, device, tasks
from indrnn_np._machine import size_text
from indrnn_np.commands.cli import main
from indrnn_np.training import memory_estimate, room
from indrnn_np.training.diagnose import Diverged

SHARE = 0.15  # how far an estimate may be off
T, B = 700, 40
BACKEND = "cpu" if JIT else "reference"  # plain loops over elements take minutes
compiled = pytest.mark.skipif(not JIT, reason="plain loops over elements take minutes")
MIB = 2**20
STATUS = Path("/proc/self/status")


def networks():
    """Networks of all kinds by name."""
    sequential = {
        "bottleneck": [ir.IndRNN(20, 96), ir.IndRNN(96, 24), ir.LastStep(), ir.Linear(24, 2)],
        "bidirectional": [ir.Bidirectional(ir.IndRNN(3, 32)), ir.BatchNorm(64), ir.Linear(64, 2)],
        "cells": [ir.LSTM(3, 24), ir.GRU(24, 20), ir.RNN(20, 16), ir.LastStep(), ir.Linear(16, 2)],
        "pairs": [ir.RotatingIndRNN(3, 24), ir.RotatingIndRNN(24, 20), ir.LastStep(), ir.Linear(20, 2)],
        "per step": [ir.IndRNN(3, 48), ir.BatchNorm(48, per_step=True), ir.Dropout(0.1), ir.Linear(48, 30)],
    }
    return {
        "plain": ir.plain(2, 64, 1, 3, T),
        "batch norm": ir.plain(2, 48, 10, 3, T, batchnorm=True, dropout=0.1),
        "scan": ir.plain(2, 48, 10, 3, T, batchnorm=True, per_step=True, time="parallel"),
        "residual": ir.residual(2, 32, 5, 3, T, dropout=0.1),
        "dense": ir.networks.dense(2, 5, T, growth=8, blocks=(3, 2)),
        "residual per step": ir.residual(2, 32, 5, 2, T, norm_place="before", per_step=True, output="every"),
        "every step": ir.plain(20, 32, 50, 2, T, output="every", dtype="float64"),
        **{name: ir.Sequential(layers, steps=T) for name, layers in sequential.items()},
    }


WINDOWS = ("plain", "scan", "every step", "bottleneck", "per step", "cells", "residual per step")
CASES = [(name, "keep") for name in networks()] + [(name, "recompute") for name in WINDOWS]


def taken(net, mode, lengths):
    """The bytes of two iterations of the documented loop: buffers, batch, gradients, moments."""
    work, optimizer = ir.Workspace(), ir.Adam(1e-4)
    x = np.zeros((T, B, net.layers[0].inputs), net.dtype)
    for _ in range(2):
        y, _, tape = net.forward(x, lengths=lengths, work=work, memory=mode)
        target = np.zeros_like(y)
        _, _, grads = net.backward(y - target, tape, input_gradient=False)
        optimizer.update(net, grads)
    moments = sum(value.nbytes for name, value in optimizer.state_dict().items() if name != "t")
    return work.nbytes + x.nbytes + 2 * target.nbytes + grads.flat.nbytes + moments


@compiled
@pytest.mark.parametrize("ragged", [False, True], ids=["full", "lengths"])
@pytest.mark.parametrize(("name", "mode"), CASES)
def test_the_estimate_is_what_an_iteration_takes(name, mode, ragged):
    net = networks()[name]
    said = memory_estimate.estimate(net, T, B, mode, lengths=ragged)
    real = taken(net, mode, np.full(B, T) if ragged else None)
    assert real > 4 * MIB
    assert abs(said - real) < SHARE * real, f"said {said / MIB:.2f} MiB, takes {real / MIB:.2f}"


@pytest.mark.parametrize("mode", ["keep", "recompute"])
def test_the_reference_which_uses_no_buffers_again(mode):
    net, x = ir.plain(2, 32, 1, 4, 500, backend="reference"), np.zeros((500, 10, 2), np.float32)
    said = memory_estimate.estimate(net, 500, 10, mode, moments=0)
    tracemalloc.start()
    y, _, tape = net.forward(x, work=ir.Workspace(), memory=mode)
    net.backward(np.ones_like(y), tape)
    real = tracemalloc.get_traced_memory()[1] + x.nbytes
    tracemalloc.stop()
    assert abs(said - real) < SHARE * real, f"said {said / MIB:.2f} MiB, takes {real / MIB:.2f}"


def test_windows_take_less():
    """21 layers of 128, T = 5000, B = 32: at most a quarter."""
    net = ir.plain(2, 128, 1, 21, 5000, backend=BACKEND)
    keep, recompute = (memory_estimate.estimate(net, 5000, 32, mode) for mode in ("keep", "recompute"))
    assert keep > 21 * 5000 * 32 * 128 * 4 and recompute < keep / 4


def test_only_short_sequences_are_run(monkeypatch):
    """However long the real one is; and what is led on from them grows with T and B as the arrays do."""
    run, counted = [], memory_estimate._counted
    monkeypatch.setattr(
        memory_estimate, "_counted", lambda net, batch, go: (run.append(batch), counted(net, batch, go))[1]
    )
    net = ir.plain(2, 64, 1, 2, 10**6, backend=BACKEND)
    short, long = (memory_estimate.estimate(net, steps, 32) for steps in (10**5, 10**6))
    assert run and all(
        2 * batch.steps * batch.samples * 128 * 4 <= 2 * memory_estimate.MEASURED for batch in run
    )
    assert long > 10 * MIB and 9.5 < long / short < 10.5


def test_equal_networks_are_counted_once(monkeypatch):
    """Each count makes Python before 3.12.5 leak: `fit` grew by 16 kB a call."""
    counts, peak = [], _machine.peak_memory
    monkeypatch.setattr(_machine, "peak_memory", lambda function: (counts.append(1), peak(function))[1])

    def estimate(B=3, **options):
        net = ir.plain(2, 7, 1, 2, 11, backend="reference", **options)
        return memory_estimate.estimate(net, 11, B) + memory_estimate.evaluation(net, 11, 5), len(counts)

    first, known = estimate(seed=1)
    assert known > 0 and estimate(seed=2) == (first, known)
    for other in ({"B": 4}, {"dtype": "float64"}, {"batchnorm": True}):
        need, more = estimate(**other)
        assert need != first and more > known
        known = more
    monkeypatch.setattr(memory_estimate, "REMEMBERED", 2)
    assert estimate(B=5)[0] > first and len(memory_estimate._KNOWN) <= 2


def test_memory_is_flat_over_many_calls_of_fit():
    x, y = np.ones((3, 4, 2), np.float32), np.zeros(4, int)

    def fits(number):
        for _ in range(number):
            net = ir.plain(2, 2, 2, 1, 3, backend="reference")
            ir.fit(net, (x, y), ir.Adam(), iterations=1, batch=2, **QUIET)
        gc.collect()
        return tracemalloc.get_traced_memory()[0], len(gc.get_objects())

    tracemalloc.start()
    sizes = [fits(10) for _ in range(4)]
    tracemalloc.stop()
    grown = [(after[0] - before[0], after[1] - before[1]) for before, after in itertools.pairwise(sizes)]
    # Bytes also grow with the free lists of the interpreter, by about 100 a call.
    assert min(grown)[0] < 10 * 1000 and min(objects for _, objects in grown) <= 0


def test_an_estimate_changes_nothing():
    net = ir.plain(2, 16, 3, 2, 50, batchnorm=True, dropout=0.2)
    before = net.state_dict()
    tracemalloc.start()
    memory_estimate.estimate(net, 50, 4)
    assert tracemalloc.is_tracing()
    tracemalloc.stop()
    memory_estimate.estimate(net, 50, 4)
    assert not tracemalloc.is_tracing() and net.iteration == 0
    assert all(np.array_equal(value, before[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize(
    ("steps", "statistics"), [(T, 0), (T, 30), (6 * T, 0)], ids=["inference", "statistics", "long"]
)
def test_an_evaluation_takes_what_is_said(steps, statistics):
    net = ir.plain(2, 48, 10, 3, steps, batchnorm=bool(statistics), backend=BACKEND)
    said = memory_estimate.evaluation(net, steps, 16, statistics)
    x = np.zeros((1, 16, 2), np.float32)
    net(x), net.recompute_statistics([x])
    tracemalloc.start()
    if statistics:
        net.recompute_statistics([np.zeros((steps, statistics, 2), np.float32)])
    else:
        net(np.zeros((steps, 16, 2), np.float32))
    real = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert abs(said - real) < SHARE * real, f"said {said / MIB:.2f} MiB, takes {real / MIB:.2f}"


CHILD = """
import sys
import numpy as np
import indrnn_np as ir
from indrnn_np import memory

def of_this_process(name):
    # not ru_maxrss of getrusage, which begins at what the parent had
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) * 1024

def train(T, B):
    work, rng = ir.Workspace(), np.random.default_rng(0)
    x, target = rng.random((T, B, 2), dtype=np.float32), np.zeros((B, 1), np.float32)
    for _ in range(2):
        y, _, tape = net.forward(x, work=work, memory=mode)
        _, _, grads = net.backward(ir.mse(y, target)[1], tape)
        optimizer.update(net, grads)

mode, (T, B, H) = sys.argv[1], map(int, sys.argv[2:])
net, optimizer = ir.plain(2, H, 1, 5, T, input_init=0.1), ir.Adam(1e-4)
train(T // 10, B)
now = of_this_process("VmRSS")
train(T, B)
grown = of_this_process("VmHWM") - now
print(grown, memory.estimate(net, T, B, mode))
"""


@compiled
@pytest.mark.skipif(
    not STATUS.is_file() or "VmHWM" not in STATUS.read_text(), reason="the system does not tell"
)
@pytest.mark.parametrize("arguments", [("keep", 1200, 32, 128), ("recompute", 400, 2048, 32)])
def test_a_process_grows_by_what_is_said(arguments):
    environ = {**os.environ, "PYTHONPATH": str(Path(ir.__file__).parents[1])}
    command = [sys.executable, "-c", CHILD, *map(str, arguments)]
    out = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    grown, said = (int(word) for word in out.split())
    assert 60 * MIB < grown < 250 * MIB
    assert abs(said - grown) < SHARE * grown, f"said {said / MIB:.1f} MiB, grew by {grown / MIB:.1f}"


# -- too much is an error ------------------------------------------------------------------------------------


def need(mode, batch):
    """A network that takes 100 MiB and 10 MiB a sample, or 20 MiB and 1 MiB a sample in windows."""
    return (100 + 10 * batch if mode == "keep" else 20 + batch) * MIB


@pytest.mark.parametrize(
    ("mode", "batch", "free", "windows", "words"),
    [
        ("keep", 50, 500, True, "memory='keep' with a batch of 50 needs about 600 MiB, expected at most 500 MiB "
         "because the test leaves no more; memory='recompute' fits, it needs about 70 MiB"),
        ("keep", 50, 500, False, "; with memory='keep' a batch of 40 fits"),
        ("keep", 50, 60, True, "; with memory='recompute' a batch of 40 fits"),
        ("recompute", 50, 60, True, "memory='recompute' with a batch of 50 .* a batch of 40 fits"),
        ("recompute", 50, 20, True, "with memory='recompute' no batch fits"),
        ("keep", 1, 105, False, "with memory='keep' no batch fits"),
    ],
)  # fmt: skip
def test_too_much_says_what_would_fit(mode, batch, free, windows, words):
    with pytest.raises(MemoryError, match=f"train: .*{words}"):
        room.require(need, mode, batch, (free * MIB, "the test"), windows)


def test_enough_and_unknown_memory_are_a_line_for_the_log():
    line = room.require(need, "keep", 50, (600 * MIB, "the test"), True)
    assert line == "memory: about 600 MiB needed, 600 MiB free"
    line = room.require(need, "recompute", 4000, (None, "unknown"), True)
    assert line == "memory: about 3.926 GiB needed, free memory unknown"
    assert size_text(700) == "700 bytes"


@given(batch=st.integers(2, 300), most=st.integers(1, 300))
def test_the_largest_batch(batch, most):
    most = min(most, batch - 1)
    with pytest.raises(MemoryError, match=f"with memory='keep' a batch of {most} fits"):
        room.require(lambda mode, b: b, "keep", batch, (most, "the test"), False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"T": 0, "B": 1}, "memory.estimate: T is 0, expected a number of at least 1"),
        ({"T": 1, "B": 0}, "B is 0, expected a number of at least 1"),
        ({"T": 1, "B": 1, "memory": "less"}, "memory is 'less', expected one of 'keep', 'recompute'"),
    ],
)
def test_refusals(options, words):
    with pytest.raises(ValueError, match=words):
        memory_estimate.estimate(ir.plain(2, 4, 1, 1, 5), **options)


# -- runs ----------------------------------------------------------------------------------------------------


def fitted(out=None, task=None, net=None, **options):
    task = task or adding(steps=30)
    net = net or net_for(task, dtype="float64")
    return ir.fit(net, task, ir.Adam(1e-2), iterations=6, batch=5, log_every=2, out=out, **QUIET, **options)


def test_a_run_in_windows_learns_the_same(tmp_path):
    keep, windows = fitted(task=adding(steps=30, dtype="float64")), fitted(
        tmp_path, task=adding(steps=30, dtype="float64"), memory="recompute"
    )  # fmt: skip
    assert np.allclose(windows.net.flat, keep.net.flat, rtol=1e-9, atol=1e-12)
    assert [line["kind"] for line in curve(windows)] == [line["kind"] for line in curve(keep)]
    assert windows.summary["plan"]["memory"] == "recompute" != keep.summary["plan"]["memory"]
    assert "memory: about" in (tmp_path / "log.txt").read_text()


def test_a_run_that_does_not_fit_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(_machine, "available_memory", lambda: (MIB // 16, "the test"))
    task = adding(steps=400, dtype="float64")
    with pytest.raises(
        MemoryError, match=r"train: memory='keep' with a batch of 5 needs .* because the test leaves no more"
    ):
        fitted(tmp_path / "run", task)
    assert not (tmp_path / "run").exists()


def test_the_first_number_that_is_not_finite_is_found_in_windows():
    """u = 3 and 200 steps: in float32 the first infinity stands at step 91, in a later window than the first."""
    x = np.zeros((200, 2, 1), np.float32)
    x[10, 1] = 1.0
    layer = ir.IndRNN(1, 3, constrain=False, recurrent_init=3.0, input_init=0.1)
    net = ir.Sequential([layer, ir.LastStep(), ir.Linear(3, 1)], backend="reference")
    net.params["0.W"][...] = [[0.0], [1.0], [0.0]]
    data, place = (
        (x, np.zeros((2, 1), np.float32)),
        r"layer 0 \(IndRNN\) at step t = 91, sample = 1, neuron = 1",
    )
    with np.errstate(all="ignore"), pytest.raises(Diverged, match=f"the output of {place}"):
        ir.fit(net, data, ir.Adam(), iterations=5, batch=2, memory="recompute", **QUIET)


def test_a_gradient_that_is_not_finite_is_found_in_windows():
    x = np.ones((200, 2, 1), np.float32)
    net = ir.Sequential([ir.IndRNN(1, 3, activation="identity", constrain=False, recurrent_init=3.0, input_init=0.0),
                         ir.LastStep(), ir.Linear(3, 1)], backend="reference")  # fmt: skip
    words = r"the gradient norm is (inf|nan) in iteration 0.*layer 0 \(IndRNN\) at step t = 1\d\d, sample = 0"
    data = x, np.ones((2, 1), np.float32)
    with np.errstate(all="ignore"), pytest.raises(Diverged, match=words):
        ir.fit(net, data, ir.Adam(), iterations=5, batch=2, memory="recompute", **QUIET)


# -- the command ---------------------------------------------------------------------------------------------

SMALL = [
    "--backend",
    "reference",
    "--steps",
    "20",
    "--hidden",
    "4",
    "--batch",
    "3",
    "--quiet",
    "--iterations",
    "2",
]


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    """Run `indrnn` in a folder of its own; gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


def test_the_option_and_the_setting(command):
    assert command("train", "adding", *SMALL, "--memory", "recompute", "--out", "one")[0] == 0
    assert 'memory = "recompute"' in Path("one/config.toml").read_text()
    assert command("train", "adding", "--config", "one/config.toml", "--quiet", "--out", "two")[0] == 0
    assert Path("one/config.toml").read_text() == Path("two/config.toml").read_text()
    code, _, _ = command(
        "train", "adding", "--resume", "one", "--iterations", "4", "--memory", "keep", "--quiet"
    )
    assert code == 0 and "memory: recompute -> keep" in Path("one/log.txt").read_text()


def test_batch_norm_over_the_sequence_is_refused(command):
    small_mnist.write(Path("data"), train=4000, side=2)
    code, out, err = command("train", "mnist", "--data", "data", "--hidden", "4", "--memory", "recompute")
    assert (code, out) == (2, "") and len(err.splitlines()) == 1 and not Path("runs").exists()
    assert "layers[1] BatchNorm takes statistics over the whole sequence, expected memory='keep' or" in err


def test_too_much_is_one_sentence_and_exit_code_two(command, monkeypatch):
    monkeypatch.setattr(_machine, "available_memory", lambda: (1000, "the test"))
    code, out, err = command("train", "adding", *SMALL)
    assert (code, out) == (2, "") and len(err.splitlines()) == 1
    assert "needs about" in err and "expected at most 1000 bytes" in err and "no batch fits" in err


# -- absurd sizes --------------------------------------------------------------------------------------------

HUGE = 10**9


def adding_of(**options):
    return ir.fit(
        small(),
        tasks.get("adding", steps=8, backend="reference"),
        ir.Adam(),
        iterations=1,
        progress=False,
        **options,
    )


def small(hidden=4, **options):
    return ir.plain(2, hidden, 1, steps=8, backend="reference", **{"layers": 2} | options)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: small(hidden=HUGE), MemoryError, "Sequential: the network needs .* GiB, expected at most"),
        (lambda: ir.Sequential([ir.Linear(HUGE, HUGE)]), MemoryError, "Sequential: the network needs"),
        (lambda: ir.Sequential([ir.BatchNorm(9, True, positions=10**12)]), MemoryError, "Sequential: the network"),
        (lambda: small(layers=10**6), ValueError, "plain: layers is 1000000, expected a number from 1 to below 10001"),
        (lambda: ir.residual(2, 4, 1, 10**6, 8), ValueError, "residual: blocks is 1000000, expected"),
        (lambda: ir.networks.dense(2, 1, 8, blocks=(HUGE,)), ValueError, "dense: the sum of blocks is 1000000000,"),
        (lambda: ir.networks.dense(2, 1, 8, growth=HUGE), MemoryError, "Sequential: the network needs"),
        (lambda: adding_of(batch=HUGE), MemoryError, "tasks.Adding: a batch of 1000000000 sequences of 8 steps needs"),
        (lambda: tasks.get("adding", steps=HUGE).batch(0, 50), MemoryError, "tasks.Adding: .* 1000000000 steps"),
        (lambda: tasks.get("copying", delay=HUGE).batch(0, 50), MemoryError, "tasks.Copying: a batch of 50 sequences"),
        (lambda: next(tasks.get("copying", delay=HUGE).evaluation("test", 50)), MemoryError, "tasks.Copying: a batch"),
        (lambda: adding_of(evaluation_batch=10**12), MemoryError, "train: evaluation_batch=1000000000000 with 8 steps"),
    ],
)  # fmt: skip
def test_absurd_sizes_are_refused_before_memory_is_taken(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_the_lower_bound_is_one():
    for layers in ([ir.IndRNN(3, 5), ir.Linear(5, 2)], [ir.LSTM(3, 5), ir.LastStep(), ir.Linear(5, 2)]):
        network = ir.Sequential(layers, 200, backend="reference")
        least = memory_estimate.least(network, 200, 7)
        assert (
            0
            < least
            <= memory_estimate.estimate(network, 200, 7, "recompute")
            <= memory_estimate.estimate(network, 200, 7)
        )


def test_a_batch_whose_states_do_not_fit_is_refused_by_the_lower_bound(monkeypatch):
    monkeypatch.setattr(device.Device, "memory", lambda self: (2**27, "a test"))
    task = tasks.get("adding", steps=8, backend="reference")
    with pytest.raises(
        MemoryError, match=r"train: a batch of 100000 with 8 steps needs .* because of a test"
    ):
        ir.fit(small(hidden=500), task, ir.Adam(), iterations=1, batch=100_000, progress=False)
