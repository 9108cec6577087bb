"""Stateful training: one window's state goes on in the next, in training, evaluation, checkpoints and diagnosis."""

import tracemalloc

import numpy as np
import pytest
import small_texts
from small_runs import QUIET, curve
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np.optim import schedules
from indrnn_np.tasks import Batch
from indrnn_np.training import carried, checkpoint, memory_estimate, metrics, records, run_directory, trainer


class Windows:
    """A task out of a list of batches, trained on in turn and evaluated on as they are."""

    name, loss, output, metric = "windows", "softmax_cross_entropy", "every", "accuracy"
    splits, baseline = ("validation",), None

    def __init__(self, batches):
        self.batches = batches
        self.steps = len(batches[0].x)

    def describe(self):
        return {"task": self.name}

    def epoch_length(self, size):
        return len(self.batches)

    def batch(self, iteration, size):
        return self.batches[iteration % len(self.batches)]

    def evaluation(self, split, size, iteration=0):
        return iter(self.batches)


def stream(count, carries, T=4, B=3, V=5, seed=0):
    """One long sequence (count · T, B), and its windows."""
    rng = np.random.default_rng(seed)
    x, target = rng.integers(0, V, (2, count * T, B))
    parts = [slice(k * T, (k + 1) * T) for k in range(count)]
    return x, target, [Batch(x[p], target[p], carry=c) for p, c in zip(parts, carries, strict=True)]


def net_for(T=4, V=5, **options):
    stack = [ir.Embedding(V, 4, 0.5), ir.IndRNN(4, 6, "tanh", gamma=1.0, input_init=0.5, learn_h0=True)]
    stack += [ir.layers.Residual([ir.IndRNN(6, 6, gamma=1.0, input_init=0.4)]), ir.Linear(6, V)]
    return ir.Sequential(stack, **{"steps": T, "backend": "reference", "dtype": "float64"} | options)


def train(net, batches, iterations, memory="keep", lr=0.1):
    plan, task = ir.Plan(iterations, batch=3, loss="softmax_cross_entropy", memory=memory), Windows(batches)
    loop = trainer.Trainer(net, task, ir.SGD(lr), plan.complete(task, lr))
    return [loop.iterate() for _ in range(iterations)]


# -- what is carried -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("memory", ["keep", "recompute"])
def test_the_state_goes_on_where_the_batch_says_so(backend, memory):
    carries = [False, True, True, False, True]
    _, _, batches = stream(5, carries)
    losses = train(net_for(backend=backend), batches, 5, memory)
    by_hand, net, optimizer, state = [], net_for(backend=backend), ir.SGD(0.1), None
    for batch in batches:
        y, state, tape = net.forward(batch.x, state if batch.carry else None)
        loss, dy = ir.softmax_cross_entropy(y, batch.target, backend=backend)
        optimizer.update(net, net.backward(dy, tape)[2])
        net.project()
        by_hand.append(loss)
    assert_close(np.array(losses), np.array(by_hand), scale=100)
    anew = train(net_for(backend=backend), [Batch(b.x, b.target) for b in batches], 2)
    assert anew[0] == losses[0] or memory == "recompute"
    assert abs(anew[1] - losses[1]) > 1e-6


def test_an_evaluation_in_windows_is_that_of_the_whole_sequence(backend):
    net = net_for(backend=backend)
    x, target, batches = stream(4, [False, True, True, True])
    whole = metrics.evaluate(net, [Batch(x, target)], "softmax_cross_entropy")
    parts = metrics.evaluate(net, batches, "softmax_cross_entropy")
    assert parts["accuracy"] == whole["accuracy"]
    assert parts["softmax_cross_entropy"] == pytest.approx(whole["softmax_cross_entropy"], rel=1e-12)
    cut = metrics.evaluate(net, [Batch(b.x, b.target) for b in batches], "softmax_cross_entropy")
    assert abs(cut["softmax_cross_entropy"] - whole["softmax_cross_entropy"]) > 1e-9


def test_a_masked_window_still_hands_its_state_on(backend):
    net = net_for(backend=backend)
    x, target, batches = stream(2, [False, True])
    nothing = Batch(batches[0].x, batches[0].target, mask=np.zeros(batches[0].x.shape, bool))
    seen = metrics.evaluate(net, [nothing, batches[1]], "softmax_cross_entropy")
    mask = np.arange(8)[:, None] >= np.full(3, 4)
    whole = metrics.evaluate(net, [Batch(x, target, mask=mask)], "softmax_cross_entropy")
    assert seen["softmax_cross_entropy"] == pytest.approx(whole["softmax_cross_entropy"], rel=1e-12)


# -- bits and perplexity -------------------------------------------------------------------------------------


def test_bits_and_perplexity_are_the_cross_entropy_in_other_words():
    net, (_, _, batches) = net_for(), stream(2, [False, True])
    found = {
        m: metrics.evaluate(net, batches, "softmax_cross_entropy", m)
        for m in ("bits", "perplexity", "accuracy")
    }
    nats = found["accuracy"]["softmax_cross_entropy"]
    assert found["bits"]["bits"] == pytest.approx(nats / np.log(2))
    assert found["perplexity"]["perplexity"] == pytest.approx(np.exp(nats))
    assert set(found["accuracy"]) == {"softmax_cross_entropy", "accuracy"}
    assert metrics.derived("perplexity", 1e6) == {"perplexity": np.inf}
    assert not metrics.LARGER_IS_BETTER["bits"] and not metrics.LARGER_IS_BETTER["perplexity"]


# -- runs ----------------------------------------------------------------------------------------------------


def plateau():
    return schedules.Plateau(1e-2, 1, factor=0.5, patience_factor=0.5)


@pytest.mark.parametrize(
    "options", [{}, {"memory": "recompute"}, {"schedule": plateau}], ids=["keep", "recompute", "plateau"]
)
def test_a_run_stopped_anywhere_and_resumed_equals_the_uninterrupted_one(tmp_path, options):
    whole = small_texts.run(tmp_path / "whole", 28, **options)
    for stop in (1, 2, 7, 27):
        part = tmp_path / f"stop{stop}"
        small_texts.run(part, stop, **options)
        resumed = small_texts.run(part, 28, resume=part, **options)
        assert curve(resumed) == curve(whole)
        assert records.read_metrics(part / "metrics.jsonl") == resumed.history
        for name, array in whole.net.state_dict().items():
            np.testing.assert_array_equal(array, resumed.net.state_dict()[name])
        assert resumed.summary["final"] == whole.summary["final"]


def test_a_resumed_run_that_forgot_its_state_would_be_another_one(tmp_path, monkeypatch):
    """What the test above rests on: without the state in the checkpoint the numbers differ."""
    whole = small_texts.run(tmp_path / "whole", 12)
    small_texts.run(tmp_path / "part", 2)
    monkeypatch.setattr(carried, "load", lambda *arguments: None)
    assert curve(small_texts.run(tmp_path / "part", 12, resume=tmp_path / "part")) != curve(whole)


def test_what_a_checkpoint_holds(tmp_path):
    task = small_texts.chars(tmp_path / "data", reset=0.4)
    carries = [task.batch(i, 4).carry for i in range(13)]
    assert True in carries and False in carries[1:]
    for iteration in (carries.index(True), carries.index(False, 1)):
        small_texts.run(tmp_path / str(iteration), iteration)
        contents = run_directory.read_checkpoint(tmp_path / str(iteration))
        nesting = contents.header["meta"]["carried"]
        if carries[iteration]:
            assert [part if isinstance(part, int) else type(part) for part in nesting][1:3] == [
                8,
                dict,
            ]  # the window before began anew
            assert {name: array.shape for name, array in contents.caller_arrays.items()} == {
                "carried.2": (4, 6)
            }
        else:
            assert nesting is None and contents.caller_arrays == {}


def test_the_log_tells_bits(tmp_path):
    result = small_texts.run(tmp_path / "run", 6)
    for kind in ("train", "validation"):
        line = next(line for line in result.history if line["kind"] == kind)
        assert line["bits"] == pytest.approx(line["softmax_cross_entropy"] / np.log(2))
    assert result.summary["metric"] == "bits" and "bits" in result.summary["final"]["test"]
    assert "6/6  bits " in (tmp_path / "run" / "log.txt").read_text()
    assert result.summary["best"]["value"] == min(result.curve("bits", "validation")[1])


def test_another_batch_or_a_checkpoint_without_state_is_refused(tmp_path):
    small_texts.run(tmp_path / "run", 2)
    task = small_texts.chars(tmp_path / "data", reset=0.4)
    assert task.batch(2, 4).carry and task.batch(2, 3).carry

    def go_on(batch, resume):
        ir.fit(
            small_texts.model(task), task, ir.Adam(1e-2), iterations=9, batch=batch, resume=resume, **QUIET
        )

    with pytest.raises(ValueError, match=r"holds the state of 4 samples, expected 3 as in the next batch"):
        go_on(3, tmp_path / "run")
    newest = run_directory.find_checkpoint(tmp_path / "run")
    loaded = ir.load(newest)
    meta = {name: value for name, value in loaded.meta.items() if name != "carried"}
    ir.save(tmp_path / "bare.npz", loaded.net, loaded.optimizer, **meta)
    with pytest.raises(
        ValueError, match=r"bare.npz holds no state, expected one because the next batch continues"
    ):
        go_on(4, tmp_path / "bare.npz")
    state = loaded.arrays["carried.2"]
    for wrong, words in (
        (state.astype("float16"), "dtype float16, expected float32"),
        (state * np.nan, "is nan"),
    ):
        ir.save(tmp_path / "wrong.npz", loaded.net, loaded.optimizer, {"carried.2": wrong}, **loaded.meta)
        with pytest.raises(ValueError, match=rf"wrong.npz: 'carried.2'.* {words}"):
            go_on(4, tmp_path / "wrong.npz")


def test_a_text_of_other_symbols_is_refused(tmp_path):
    small_texts.run(tmp_path / "run", 2)
    (tmp_path / "data" / "text.txt").write_text(small_texts.text(symbols="\n abcdX"))
    with pytest.raises(
        ValueError, match=r"the symbols of the data are not those of .*, expected the same vocabulary"
    ):
        task = small_texts.tasks.get("chars", data=tmp_path / "data" / "text.txt", steps=8, seed=0, reset=0.4)
        ir.fit(
            small_texts.model(task),
            task,
            ir.Adam(1e-2),
            iterations=9,
            batch=4,
            resume=tmp_path / "run",
            **QUIET,
        )


# -- the parts -----------------------------------------------------------------------------------------------


def test_a_state_is_packed_and_unpacked():
    device = net_for().device
    state = (None, (np.arange(6.0).reshape(2, 3), 17, None), np.ones((2, 1), np.float32))
    nesting, arrays = carried.pack(device, state)
    assert nesting == [None, [{"array": "carried.1.0"}, 17, None], {"array": "carried.2"}]
    again = carried.unpack(device, nesting, arrays)
    assert again[:1] == (None,) and again[1][1:] == (17, None)
    for one, other in ((again[1][0], state[1][0]), (again[2], state[2])):
        assert np.array_equal(one, other) and one.dtype == other.dtype
    assert carried.pack(device, None) == (None, {})


def test_arrays_of_the_makers_own_come_back_from_a_checkpoint(tmp_path):
    net, mine = net_for(), {"a": np.arange(3), "deep.b": np.ones((2, 2))}
    ir.save(tmp_path / "net.npz", net, arrays=mine, note="x")
    loaded = ir.load(tmp_path / "net.npz")
    assert loaded.meta == {"note": "x"} and set(loaded.arrays) == set(mine)
    for name, array in mine.items():
        assert np.array_equal(loaded.arrays[name], array)
    checkpoint.restore(checkpoint.read(tmp_path / "net.npz"), net)
    assert ir.load(ir.save(tmp_path / "bare.npz", net)).arrays == {}


def test_divergence_is_found_in_the_pass_that_began_with_the_state(tmp_path):
    """The second window overflows only because of what the first one handed on."""
    x = np.full((1, 2, 1), 1e300)
    net = ir.Sequential([ir.IndRNN(1, 1, "identity", 1.0, 1.0, gamma=1e200, constrain=False), ir.Linear(1, 1)],
                        steps=1, backend="reference", dtype="float64")  # fmt: skip
    net.params["0.W"][...], net.params["0.u"][...], net.params["1.W"][...] = 1.0, 1e100, 0.0
    batches = [Batch(x, np.zeros((1, 2, 1)), carry=c) for c in (False, True)]
    plan, task = ir.Plan(5, batch=2, loss="mse"), Windows(batches)
    loop = trainer.Trainer(net, task, ir.SGD(0.1), plan.complete(task, 0.1))
    with np.errstate(over="ignore", invalid="ignore"):
        loop.iterate()
        words = r"the first inf is in the output of layer 0 \(IndRNN\) at step t = 0, sample = 0, neuron = 0"
        with pytest.raises(ArithmeticError, match=words):
            loop.iterate()


@pytest.mark.slow
@pytest.mark.parametrize("memory_mode", ["keep", "recompute"])
def test_the_memory_of_a_language_model_is_estimated(memory_mode):
    """As tests/training/test_memory_estimate.py does for networks of numbers."""
    T, B, V, H = 600, 12, 30, 24
    stack = [
        ir.Embedding(V, H),
        ir.IndRNN(H, H, gamma=1.0),
        ir.LayerNorm(H),
        ir.IndRNN(H, H, gamma=1.0),
        ir.Tied(H, V),
    ]
    net = ir.Sequential(stack, steps=T)
    said = memory_estimate.estimate(net, T, B, memory_mode, moments=0)
    x, work = np.zeros((T, B), np.int64), ir.Workspace()

    def go():
        y, _, tape = net.forward(x, work=work, memory=memory_mode)
        target = np.zeros_like(y)
        dy = y - target
        return net.backward(dy, tape), target, dy

    go()
    work = ir.Workspace()
    tracemalloc.start()
    held = go()
    real = tracemalloc.get_traced_memory()[1] + x.nbytes
    tracemalloc.stop()
    assert held[0][0] is None and 0.8 * real < said < 1.25 * real
    assert memory_estimate.evaluation(net, T, B) > x.nbytes
