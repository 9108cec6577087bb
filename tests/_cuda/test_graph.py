"""Graphs: launches that are recorded once and repeated, with the numbers of an iteration that asks for each of them.

The simulator keeps the launches in a list and runs none while it records, as a GPU does: what an iteration needs from
the CPU between two launches would be missing in every later one. How the driver is asked for its graph is tested with a
driver that writes down what it is told.
"""

import contextlib
import functools
import gc
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from cublas_stub import Stub, host, loaded
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import curve

import indrnn_np as ir
from indrnn_np import backend
from indrnn_np._cuda import arrays as _device
from indrnn_np._cuda import graph as _graph
from indrnn_np._cuda import launch, results, target
from indrnn_np._cuda.pool import GRANULARITY
from indrnn_np._cuda.stop_flag import stop_unless_finite
from indrnn_np._cuda.target import cuda
from indrnn_np.optim import schedules
from indrnn_np.parameters import Views
from indrnn_np.tasks import Batch
from indrnn_np.tasks.adding import Adding
from indrnn_np.tasks.arrays import Arrays
from indrnn_np.training import room
from indrnn_np.training.diagnose import Diverged
from indrnn_np.training.plan import Plan
from indrnn_np.training.step import GraphStep, Step, step_of

NEEDS_DEVICE = pytest.mark.skipif("cuda" not in backend.backends(), reason=target.problem()[0] or "no GPU")
T, B, D, H, K = 5, 3, 2, 3, 3
QUIET = {"progress": False, "evaluation_batch": 2}  # the memory of an evaluation is estimated by running it


@launch.kernel("real[::1], real, real[::1]", "test.add")
def add_kernel(out, value, at_launch):
    """out += value."""
    i = cuda.grid(1)
    if at_launch.size > 0:
        value = at_launch[0]
    if i < out.size:
        out[i] += value


def zeros(size=5):
    return backend.get("cuda").device.zeros((size,), "float64")


# launches


@NEEDS_DEVICE
def test_launches_run_when_the_graph_does_with_the_numbers_of_that_moment():
    array, told = zeros(), SimpleNamespace(value=1.0)
    graph = _graph.Graph(value=lambda: told.value)
    with graph.record():
        add_kernel(5, array, *_graph.numbers(lambda value: (2 * value,), "float64", value=told.value))
        add_kernel(5, array, *_graph.numbers(lambda: (100.0,), "float64"))
        copy = backend.get("cuda").device.copy(array)
        found = _graph.result(array, lambda numbers: numbers[0])
    assert array.to_host().tolist() == [0.0] * 5 and graph.size == 4
    for value, expected in ((1.0, 102.0), (3.0, 208.0), (-50.0, 208.0)):
        told.value = value
        graph.launch()
        assert found() == expected and copy.to_host().tolist() == [expected] * 5
    assert repr(graph) == "<Graph of 4 launches>"


@pytest.fixture
def waits(monkeypatch):
    """A list that grows with each wait for the GPU."""
    found, synchronize = [], target.synchronize
    monkeypatch.setattr(target, "synchronize", lambda: (found.append("wait"), synchronize()))
    return found


@NEEDS_DEVICE
def test_a_launch_does_not_wait_and_its_numbers_have_a_place_of_their_own(waits):
    """The copy of the numbers may come long after the launch, so a later launch must not overwrite them."""
    array, told, places = zeros(), SimpleNamespace(value=0.0), []
    graph = _graph.Graph(value=lambda: told.value)
    with graph.record():
        add_kernel(5, array, *_graph.numbers(lambda value: (value,), "float64", value=told.value))
    del waits[:]
    numbers = graph._numbers[:16].numba
    copy = numbers.copy_to_device
    numbers.copy_to_device = lambda row, stream: (places.append(row.ctypes.data), copy(row, stream=stream))
    for number in range(2 * _graph.ROWS + 1):
        told.value = float(number)
        graph.launch()
        assert len(waits) == 1 + number // _graph.ROWS
    assert len(set(places)) == _graph.ROWS and places[: _graph.ROWS] == places[_graph.ROWS : -1]
    assert array.to_host()[0] == sum(range(2 * _graph.ROWS + 1))


@NEEDS_DEVICE
def test_the_results_of_a_launch_take_one_wait(waits, monkeypatch):
    array, graph = zeros(), _graph.Graph()
    with graph.record():
        add_kernel(5, array, 1.0, zeros(0))
        first = _graph.result(array, lambda numbers: numbers.tolist())
        add_kernel(5, array, 1.0, zeros(0))
        second = _graph.result(array.reshape(1, 5), lambda numbers: (*numbers.shape, numbers[0, 0]))
    del waits[:]
    monkeypatch.setattr(_device.DeviceArray, "to_host", None)
    graph.launch()
    assert not waits
    assert first() == [1.0] * 5 and second() == (1, 5, 2.0) and first() == [1.0] * 5
    assert len(waits) == 1
    graph.launch()
    assert second() == (1, 5, 4.0) and first() == [3.0] * 5 and len(waits) == 2


@NEEDS_DEVICE
def test_an_update_by_graphs_waits_for_none_under_way(monkeypatch):
    """Update i begins while update i - 1 runs, and waits at most for the work of update i - 2."""
    task, net, waits, now = Arrays(*data(), classes=K, seed=0), network(), [], SimpleNamespace(update=0)
    monkeypatch.setattr(target, "end_of_work", lambda stream: functools.partial(waits.append, now.update))
    step = step_of(
        net, ir.Adam(0.01), Plan(9, B, "softmax_cross_entropy", clip_norm=1.0, graph=True), ir.Workspace()
    )
    for _ in range(2):
        step.begin(task.batch(0, B), None)()
    outcomes = []
    for now.update in range(2, 8):
        if now.update == 4:
            monkeypatch.setattr(target, "synchronize", None)
            monkeypatch.setattr(_device.DeviceArray, "to_host", None)
        del waits[:]
        outcomes.append(step.begin(task.batch(now.update, B), None))
        assert max(waits, default=0) <= now.update - 2
        if now.update > 2:
            assert outcomes[-2]().finite and max(waits) == now.update - 1
    with pytest.raises(
        RuntimeError, match=r"Graph: a result of an old launch is read, expected one of the last 2"
    ):
        outcomes[0]()


@NEEDS_DEVICE
def test_without_a_graph_numbers_and_results_are_there_at_once():
    array = zeros()
    add_kernel(5, array, *_graph.numbers(lambda: (4.0,), "float64"))
    assert _graph.result(array, lambda numbers: numbers.sum()) == 20.0
    value, at_launch = _graph.numbers(lambda half: (half + 1,), "float32", half=0.5)
    assert (value, value.dtype, at_launch.size, at_launch.dtype) == (1.5, "float32", 0, "float32")


@NEEDS_DEVICE
def test_what_a_graph_cannot_record_is_an_error():
    array, graph = zeros(), _graph.Graph()
    with (
        pytest.raises(
            RuntimeError, match="an array is copied to the CPU while a graph records, expected launches"
        ),
        graph.record(),
    ):
        array.to_host()
    with (
        pytest.raises(
            RuntimeError, match="an array is copied from the CPU while a graph records, expected launches"
        ),
        graph.record(),
    ):
        _device.asarray(np.ones(3))
    with graph.record():
        words = "another graph is recording, expected an empty graph"
        with pytest.raises(RuntimeError, match=words), _graph.Graph().record():
            pass
        add_kernel(5, array, *_graph.numbers(lambda: (1.0,), "float64"))
    with (
        pytest.raises(RuntimeError, match="this graph holds launches, expected an empty graph"),
        graph.record(),
    ):
        pass
    assert launch.recorder() is None
    with (
        pytest.raises(
            RuntimeError, match=r"16400 bytes of numbers change from launch to launch, expected at most 16384"
        ),
        _graph.Graph().record(),
    ):
        _graph.numbers(lambda: (0.0,) * 2049, "float64")


@NEEDS_DEVICE
def test_a_number_that_changes_needs_a_source_of_that_number():
    words = (
        r"an operation reads lr=0\.5, expected Graph\(lr=function\) with a function that returns the lr of"
    )
    for sources in ({}, {"t": lambda: 0.5}, {"lr": lambda: 0.25}):
        with pytest.raises(RuntimeError, match=words), _graph.Graph(**sources).record():
            _graph.numbers(lambda lr: (lr,), "float64", lr=0.5)


@NEEDS_DEVICE
def test_a_loop_of_ones_own_repeats_a_graph_with_dropout():
    net, other = network(), network()
    x = net.device.bring(data(B)[0])
    net.forward(x), other.forward(x)
    graph = net.device.graph(iteration=lambda: net.iteration)
    with graph.record():
        y, _, _ = net.forward(x)
    results = []
    for iteration in (0, 1, 5, 2**40):
        net.iteration = other.iteration = iteration
        graph.launch()
        results.append(y.to_host().tobytes())
        assert results[-1] == other.forward(x)[0].to_host().tobytes()
    assert len(set(results)) == 4


@pytest.mark.not_emulated
@NEEDS_DEVICE
def test_memory_of_a_graph_is_nobody_elses():
    """Arrays from before stay the graph's when the program drops them; those made on the way have its own pool."""
    before, out, graph = zeros(1000), zeros(1000), _graph.Graph()
    places = {before.pointer}
    with graph.record():
        first = backend.get("cuda").device.copy(before)
        add_kernel(1000, first, *_graph.numbers(lambda: (1.0,), "float64"))
        places.add(first.pointer)
        del first
        second = backend.get("cuda").device.copy(before)  # in the place of the first
        assert second.pointer in places and graph.pool.allocations == 1
        add_kernel(1000, second, *_graph.numbers(lambda: (2.0,), "float64"))
        backend.get("cuda").device.assign(out, second)
    del before, second
    gc.collect()
    others = [zeros(1000) for _ in range(3)]
    assert places.isdisjoint(other.pointer for other in others)
    graph.launch()
    assert out.to_host().tolist() == [2.0] * 1000
    assert all(not other.to_host().any() for other in others)


# training


def values(outcome):
    """Loss and norm of an update under way, after its end."""
    return outcome().loss, outcome().norm


def network(seed=3, **options):
    """Layers whose iterations need numbers of the moment (dropout) or leave some (batch norm)."""
    pair = ir.Bidirectional(ir.IndRNN(H, 2, activation="tanh", input_init=0.5))
    first = ir.IndRNN(D, H, input_init=0.5)
    layers = [first, ir.BatchNorm(H, **options), ir.Dropout(0.4), pair, ir.LastStep(), ir.Linear(4, K)]
    return ir.Sequential(layers, T, "cuda", "float64", seed)


def small(seed=3):
    """One recurrence, for tests of what is around it."""
    return ir.Sequential(
        [ir.IndRNN(D, 2, input_init=0.5), ir.LastStep(), ir.Linear(2, K)], T, "cuda", "float64", seed
    )


def data(samples=12, steps=T):
    rng = np.random.default_rng(8)
    return rng.standard_normal((steps, samples, D)), rng.integers(0, K, samples)


def both(net, optimizer, steps=T, **options):
    """The same run with and without graphs: (network, optimizer, history) of each."""
    found = []
    for graph in (False, True):
        one, opt = net(), optimizer()
        result = ir.fit(one, data(steps=steps), opt, batch=B, graph=graph, log_every=1, **QUIET, **options)
        found.append((one, opt, curve(result)))
    return found


def assert_same_run(one, other):
    (net, opt, history), (other_net, other_opt, other_history) = one, other
    assert history == other_history
    for name, value in net.state_dict().items():
        assert value.tobytes() == other_net.state_dict()[name].tobytes(), name
    states = opt.state_dict(), other_opt.state_dict()
    assert states[0]["t"] == states[1]["t"] and net.iteration == other_net.iteration
    for name in opt.moments:
        assert states[0][name].tobytes() == states[1][name].tobytes(), name


RUNS = {
    "adam": (lambda: ir.Adam(0.02, weight_decay=0.1, lr_of={"u": 0.3}), {"clip_norm": 0.5}),
    "adamw": (
        lambda: ir.Adam(0.02, weight_decay=0.1, decoupled=True),
        {"clip_value": 0.01, "clip_norm": 0.02},
    ),
    "sgd": (lambda: ir.SGD(0.1, momentum=0.9, nesterov=True), {"clip_value": 0.05}),
}


@NEEDS_DEVICE
@pytest.mark.parametrize("name", RUNS)
def test_training_by_graphs_gives_the_same_bits(name):
    optimizer, clips = RUNS[name]
    runs = both(network, optimizer, iterations=6, schedule=schedules.OneCycle(0.05, 6), **clips)
    assert_same_run(*runs)
    assert len({line["lr"] for line in runs[0][2] if line["kind"] == "train"}) > 3


@NEEDS_DEVICE
def test_a_scan_over_time_is_recorded_too():
    def net():
        cells = ir.IndRNN(D, 2, input_init=0.5, time="parallel"), ir.Recurrence(2, "tanh", time="parallel")
        return ir.Sequential([*cells, ir.LastStep(), ir.Linear(2, K)], 40, "cuda", "float64", 3)  # two chunks

    assert_same_run(*both(net, lambda: ir.Adam(0.02), steps=40, iterations=3))


@NEEDS_DEVICE
@settings(max_examples=4, deadline=None)
@given(
    st.booleans(), st.booleans(), st.sampled_from(["keep", "recompute"]), st.sampled_from(["float32", "float64"]),
    st.integers(0, 2**40),
)  # fmt: skip
def test_any_stack_trains_by_graphs(norm, every, memory, dtype, seed):
    def net():
        layers = [ir.IndRNN(D, H, input_init=0.5, learn_h0=every), *([ir.Dropout(0.3)] if norm else []),
                  *([ir.BatchNorm(H, per_step=True)] if norm else []),
                  *([] if every else [ir.LastStep()]), ir.Linear(H, K)]  # fmt: skip
        return ir.Sequential(layers, T, "cuda", dtype, seed % 1000)

    rng = np.random.default_rng(seed)
    x = rng.standard_normal((T, 4, D)).astype(dtype)
    y = rng.standard_normal((*((T,) if every else ()), 4, K)).astype(dtype)
    runs = []
    for graph in (False, True):
        one, opt = net(), ir.Adam(0.01)
        result = ir.fit(
            one, (x, y), opt, iterations=3, batch=2, graph=graph, memory=memory, log_every=1, **QUIET
        )
        runs.append((one, opt, curve(result)))
    assert_same_run(*runs)


@NEEDS_DEVICE
def test_the_adding_problem_is_drawn_on_the_gpu_and_trained_by_graphs(tmp_path):
    found = []
    for graph in (False, True):
        net = ir.plain(2, H, 1, 2, steps=T, backend="cuda", input_init=0.5)
        task, folder = Adding(T, seed=3, backend="cuda", evaluation_size=6), tmp_path / str(graph)
        options = {
            "batch": 4,
            "validate_every": 2,
            "log_every": 1,
            "graph": graph,
            **QUIET,
        }
        ir.fit(net, task, ir.Adam(0.01), iterations=4, out=folder, **options)
        again, opt = ir.plain(2, H, 1, 2, steps=T, backend="cuda", input_init=0.5), ir.Adam(0.01)
        result = ir.fit(again, task, opt, iterations=7, resume=folder, out=folder, **options)
        found.append((again, opt, curve(result)))
    assert_same_run(*found)
    assert found[0][0].iteration == 7


@NEEDS_DEVICE
def test_a_plateau_goes_back_to_the_arrays_that_the_graph_knows():
    runs = []
    for graph in (False, True):
        net, opt = small(), ir.Adam(0.5)
        schedule = schedules.Plateau(0.5, 1, 0.5, 1e-6, "max", 0.5)
        result = ir.fit(net, data(), opt, iterations=9, batch=B, validate_every=1, validation=0.3,
                        schedule=schedule, graph=graph, log_every=1, **QUIET)  # fmt: skip
        runs.append((net, opt, curve(result)))
    assert_same_run(*runs)
    assert len({line["lr"] for line in runs[0][2] if line["kind"] == "train"}) > 1  # it did go back


@NEEDS_DEVICE
def test_after_the_recording_nothing_is_allocated_and_two_launches_are_an_iteration(monkeypatch):
    task = Arrays(*data(), classes=K, seed=0)
    net, plan = network(), Plan(9, B, "softmax_cross_entropy", clip_norm=1.0, graph=True)
    step, counts = step_of(net, ir.Adam(0.01), plan, ir.Workspace()), []
    launched = []
    launch = _graph.Graph.launch
    monkeypatch.setattr(_graph.Graph, "launch", lambda self: launched.append(self) or launch(self))
    for i in range(6):
        step.begin(task.batch(i, B), None)()
        counts.append((_device.POOL.allocations, *(graph.pool.allocations for graph in set(launched))))
    assert counts[1] == counts[5] and len(launched) == 2 * 5
    assert step.size == sum(graph.size for graph in set(launched)) > 20


@NEEDS_DEVICE
def test_a_graph_takes_the_memory_of_one_more_batch_and_a_run_asks_for_it():
    rng, (steps, samples) = np.random.default_rng(8), (40, 4)
    batch = Batch(rng.standard_normal((steps, samples, D)), rng.integers(0, K, samples))
    kept, taken = batch.x.nbytes + batch.target.nbytes, []
    for graph in (False, True):
        net = ir.Sequential(
            [ir.IndRNN(D, H), ir.Dropout(0.4), ir.LastStep(), ir.Linear(H, K)], steps, "cuda", "float64"
        )
        gc.collect()
        _device.POOL.clear()
        before = _device.POOL.live
        plan = Plan(9, samples, "softmax_cross_entropy", clip_norm=1.0, graph=graph)
        step = step_of(net, ir.Adam(0.01), plan, ir.Workspace())
        for _ in range(3):
            step.begin(batch, None)()
        pools = [_device.POOL, *((step._first.pool, step._second.pool) if graph else ())]
        taken.append(sum(pool.live + pool.held for pool in pools) - before)
    assert kept <= taken[1] - taken[0] <= kept + 2 * (_graph.NUMBERS_BYTES + results.BYTES) + 5 * GRANULARITY


@NEEDS_DEVICE
def test_the_memory_that_a_run_asks_for_holds_a_graphs_batch(monkeypatch):
    task = Arrays(*data(), validation=0.5, classes=K, seed=0)
    batch, asked = task.batch(0, B), []
    monkeypatch.setattr(room, "require", lambda need, mode, samples, *_: need(mode, samples))
    for graph in (False, True):
        plan = Plan(9, B, "softmax_cross_entropy", graph=graph, evaluation_batch=2, shards=1)
        asked.append(room.check(small(), task, ir.Adam(0.01), plan))
    assert asked[1] - asked[0] == batch.x.nbytes + batch.target.nbytes


@NEEDS_DEVICE
def test_a_batch_of_another_shape_runs_without():
    task = Arrays(*data(), classes=K, seed=0)
    flats = []
    for kind in (Step, GraphStep):
        net, plan = network(), Plan(9, B, "softmax_cross_entropy", graph=kind is GraphStep)
        step = step_of(net, ir.Adam(0.05), plan, ir.Workspace())
        assert type(step) is kind
        losses = []
        for i, size in enumerate((B, B, B, 2, B, 3, B)):
            outcome = step.begin(task.batch(i, size), None)()
            assert outcome.updated and outcome.finite
            losses += [outcome.loss, outcome.norm]
        flats.append((net.flat.to_host().tobytes(), losses))
    assert flats[0] == flats[1]


@NEEDS_DEVICE
def test_masked_targets_are_recorded_too():
    (x, labels), found = data(B), []
    rng = np.random.default_rng(2)
    masks = rng.random((5, B)) < 0.6
    masks[:, 0] = True
    for graph in (False, True):
        net = network()
        step = step_of(net, ir.SGD(0.1), Plan(9, B, "softmax_cross_entropy", graph=graph), ir.Workspace())
        told = []
        for mask in masks:
            told.append(values(step.begin(Batch(x, labels, mask=mask), None)))
        found.append((told, net.flat.to_host().tobytes()))
    assert found[0] == found[1]


@NEEDS_DEVICE
@pytest.mark.parametrize("repeat", [0, 1, 4])
def test_a_wrong_label_is_found_in_any_iteration(repeat):
    x, labels = data(B)
    net = network()
    step = step_of(net, ir.SGD(0.1), Plan(9, B, "softmax_cross_entropy", graph=True), ir.Workspace())
    for _ in range(repeat):
        step.begin(Batch(x, labels), None)()
    with pytest.raises(ValueError, match=r"label .* is 7, expected|target\[2\] is 7"):
        step.begin(Batch(x, np.where(np.arange(B) == 2, 7, labels)), None)


@NEEDS_DEVICE
def test_several_labels_and_a_wrong_target_in_a_later_iteration():
    x, found = data(B)[0], []
    target = np.random.default_rng(3).random((B, K))
    for graph in (False, True):
        net = network()
        step = step_of(net, ir.SGD(0.1), Plan(9, B, "binary_cross_entropy", graph=graph), ir.Workspace())
        for _ in range(3):
            found.append(values(step.begin(Batch(x, target), None)))
        with pytest.raises(
            ValueError, match=r"binary_cross_entropy\.loss: target\[0, 0\] is .*, expected 0 to 1"
        ):
            step.begin(Batch(x, target + 1), None)
    assert found[:3] == found[3:]


class Infinite(Arrays):
    """Arrays of which one batch holds an infinite number."""

    when = 0

    def batch(self, iteration, size):
        found = super().batch(iteration, size)
        if iteration != self.when:
            return found
        x = found.x.copy()
        x[3, :, 1] = np.inf
        return replace(found, x=x)


class Jump(schedules.Schedule):
    """A learning rate that is huge in one iteration, so that parameters overflow."""

    when = -1

    def __call__(self, iteration):
        return 1e308 if iteration == self.when else self.lr


def diverging(graph, iteration, cause, optimizer):
    """State of a run that diverges: of network, optimizer and error."""
    x, labels = data()
    task, schedule = Infinite(x, labels, classes=K, seed=0), Jump(0.01)
    if cause == "update":
        task = Arrays(x, np.full((len(labels), K), 1e4), seed=0)
        object.__setattr__(schedule, "when", iteration)
    task.when, net, optimizer = iteration, network(), optimizer()
    with pytest.raises(Diverged) as caught:
        ir.fit(net, task, optimizer, schedule=schedule, iterations=5, batch=B, graph=graph, **QUIET)
    assert caught.value.iteration == iteration + (cause == "update")
    arrays = [net.flat, net.buffers.flat, *(optimizer._arrays[name] for name in optimizer.moments)]
    counters = net.iteration, optimizer.t, optimizer.lr
    return str(caught.value), counters, [array.to_host().tobytes() for array in arrays]


@NEEDS_DEVICE
@pytest.mark.parametrize("cause", ["input", "update"])
@pytest.mark.parametrize("iteration", [1, 3, 4], ids=["recorded", "repeated", "last"])
@pytest.mark.parametrize("optimizer", [lambda: ir.Adam(0.01), lambda: ir.SGD(0.01, 0.9)], ids=["adam", "sgd"])
def test_a_run_that_diverges_ends_in_the_state_of_a_run_without_graphs(iteration, cause, optimizer):
    """Of the repeated iterations, the next one has begun when the loss is read; it changes nothing."""
    plain, graph = (diverging(each, iteration, cause, optimizer) for each in (False, True))
    assert plain == graph
    assert "the first inf is in" in plain[0] or cause == "update"


@NEEDS_DEVICE
def test_a_set_flag_stops_every_kernel_of_an_update():
    """Without gating, the update after a loss of infinity would change parameters, moments and u."""
    net, device = small(), backend.get("cuda").device
    flag = device.asarray(np.zeros(1, np.int32))
    optimizers = [ir.Adam(0.1), ir.SGD(0.1, 0.9)]
    grads = Views(net.params.shapes, device.copy(net.flat))
    for optimizer in optimizers:
        optimizer.update(net, grads)
    graph = _graph.Graph(flag, t=lambda: optimizers[0].t, lr=lambda: 0.1)
    with graph.record():
        for optimizer in optimizers:
            optimizer._update(net, grads.flat)
        net.ops.project.project(net.params["0.u"], 1e-3)
    states = [net.flat, *optimizers[0]._arrays.values(), *optimizers[1]._arrays.values()]
    before = [array.to_host() for array in states]
    for value, changed in ((1, False), (0, True)):
        device.assign(flag, np.array([value], np.int32))
        graph.launch()
        assert [bool((array.to_host() != old).any()) for array, old in zip(states, before, strict=True)] == (
            [changed] * len(states)
        )


@NEEDS_DEVICE
@pytest.mark.parametrize("size", [1, 8, 9, 1000])
@pytest.mark.parametrize("wrong", [None, np.inf, -np.inf, np.nan, 1e308])
def test_a_sum_that_is_not_finite_sets_the_flag(size, wrong):
    device = backend.get("cuda").device
    flag = device.asarray(np.zeros(1, np.int32))
    values = np.full(size, 1.5)
    if wrong is not None:
        values[-2:] = wrong  # the sum of two numbers of 1e308 overflows
    stop_unless_finite(flag, device.asarray(values))
    with np.errstate(over="ignore", invalid="ignore"):
        assert flag.to_host()[0] == (not np.isfinite(values.sum()))


def test_graphs_are_for_cuda():
    net = ir.plain(2, H, 1, 2, steps=T)
    with pytest.raises(
        ValueError, match="graph is True, expected False because only backend 'cuda' records its launches"
    ):
        ir.fit(net, Adding(T), ir.Adam(), iterations=1, graph=True, **QUIET)


@NEEDS_DEVICE
def test_batches_that_no_graph_can_repeat_are_refused_before_the_run(tmp_path):
    x, labels = data()
    lengths = np.full(x.shape[1], T)
    with pytest.raises(
        ValueError, match="train: graph is True and batches have lengths, expected graph=False because"
    ):
        ir.fit(
            network(),
            (x, labels, lengths),
            ir.Adam(),
            iterations=1,
            graph=True,
            out=tmp_path / "run",
            **QUIET,
        )
    assert not (tmp_path / "run" / "config.toml").exists()
    step = step_of(network(), ir.Adam(), Plan(1, B, "softmax_cross_entropy", graph=True), ir.Workspace())
    with pytest.raises(ValueError, match="graph is True and the state is carried between batches"):
        step.begin(replace(Batch(x, labels), carry=True), None)


# the driver's graph


class Driver:
    """The functions of the driver that a graph needs: what they are told, and handles in return."""

    def __init__(self, broken=""):
        self.told, self.broken = [], broken

    def __getattr__(self, name):
        def function(*args):
            self.told.append((name, *args))
            if name == self.broken:
                raise RuntimeError(f"Call to {name} results in CUDA_ERROR")
            return {"cuStreamEndCapture": "graph", "cuGraphInstantiate": "executable"}.get(name)

        return function


class Stream:
    def __int__(self):
        return 11


@pytest.fixture
def captured(monkeypatch):
    """A driver that records its calls, and a function that captures launches with it."""

    def make(broken=""):
        driver = Driver(broken)
        fake = SimpleNamespace(stream=Stream, synchronize=lambda: driver.told.append(("synchronize",)),
                               defer_cleanup=contextlib.nullcontext)  # fmt: skip
        monkeypatch.setattr(_graph, "_capture_mode", lambda: "relaxed")
        monkeypatch.setattr(target, "cuda", fake)
        return driver, functools.partial(_graph._Captured, driver)

    return make


BEGIN = [("synchronize",), ("cuStreamBeginCapture", 11, "relaxed")]


@pytest.mark.not_emulated
def test_a_capture_in_the_order_that_the_driver_wants(captured):
    driver, capture = captured()
    graph = capture([lambda stream: driver.launch(int(stream))])
    end = [("cuStreamEndCapture", 11), ("cuGraphInstantiate", "graph", 0), ("cuGraphDestroy", "graph")]
    assert driver.told == [*BEGIN, ("launch", 11), *end]
    del driver.told[:]
    graph.run()
    graph.run()
    assert driver.told == [("cuGraphLaunch", "executable", 0)] * 2
    del driver.told[:], graph
    gc.collect()
    assert driver.told == [("cuGraphExecDestroy", "executable")]


@pytest.mark.not_emulated
def test_an_error_in_a_capture_ends_it(captured):
    def fail(stream):
        raise KeyError("of a launch")

    driver, capture = captured()
    with pytest.raises(KeyError):
        capture([fail])
    assert driver.told == [*BEGIN, ("cuStreamEndCapture", 11), ("cuGraphDestroy", "graph")]
    _, capture = captured("cuStreamEndCapture")
    with pytest.raises(KeyError):
        capture([fail])
    with pytest.raises(RuntimeError, match="Call to cuStreamEndCapture results in"):
        capture([])


class Recording:
    """A graph that lists launches, as in Graph.record."""

    def __init__(self):
        self.launches, self.arrays = [], []

    def add(self, launch, arrays):
        self.launches.append(launch)
        self.arrays += arrays


def test_a_product_follows_the_capture_and_comes_back(captured):
    """cuBLAS forgets its workspace with each stream; the graph holds that memory."""
    _, capture = captured()
    stub, x, recording = Stub(), np.ones((2, 2)), Recording()
    cublas = loaded(stub)

    def multiply():
        cublas.matmul(host(x), host(x), host(np.empty((2, 2))), False, False)

    multiply()
    with launch.recorded_by(recording):
        multiply()
        multiply()
    capture(recording.launches)
    multiply()
    workspace = ("workspace", 77, cublas.workspace.pointer, 2**25)
    assert stub.calls[1:] == [
        ("stream", 77, None), workspace, ("stream", 77, 11), workspace, ("stream", 77, None), workspace,
    ]  # fmt: skip
    assert recording.arrays.count(cublas.workspace) == 2


@pytest.mark.not_emulated
def test_the_library_and_its_kernels_are_ready_before_the_capture(captured, monkeypatch):
    """The recording creates cuBLAS's handle and loads each kernel; the capture starts launches only."""
    driver, capture = captured()
    x, recording = np.ones((2, 2)), Recording()
    cublas, kernel = loaded(Stub()), launch.Kernel.__new__(launch.Kernel)
    monkeypatch.setattr(cublas.library, "note", lambda name, *_: driver.told.append((name,)) or 0)
    kernel.name, kernel.compiled = "stub", Compiled(driver)
    monkeypatch.setattr(launch, "SIMULATED", False)
    with launch.recorded_by(recording):
        kernel.launch(1, 32, 2.5, np.int64(3))
        cublas.matmul(host(x), host(x), host(np.empty((2, 2))), False, False)
    assert driver.told == [("compile", ("float", "int64")), ("load",), ("create",)]
    del driver.told[:]
    capture(recording.launches)
    ready = [("launch", 11, 2.5, 3), ("stream",), ("workspace",)]
    assert driver.told[2:5] == ready and driver.told[:2] == BEGIN


class Compiled:
    """The interface of a kernel of numba-cuda."""

    def __init__(self, driver):
        self.driver = driver

    def typeof_pyval(self, value):
        return type(value).__name__

    def compile(self, types):
        self.driver.told.append(("compile", types))
        return SimpleNamespace(bind=lambda: self.driver.told.append(("load",)))

    def __getitem__(self, config):
        return lambda *args: self.driver.told.append(("launch", int(config[2]), *args))


@pytest.mark.not_emulated
def test_a_graph_needs_numba_cuda(monkeypatch):
    monkeypatch.setattr(target, "target", lambda: "built-in")
    monkeypatch.setattr(target, "SIMULATED", False)
    words = "a graph needs numba-cuda, and numba.cuda is the built-in target, expected numba-cuda from pip install"
    with pytest.raises(RuntimeError, match=words):
        _graph.Graph()
