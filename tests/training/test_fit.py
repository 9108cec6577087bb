"""Training: exact resumption, what a run does and leaves behind, and what is asked wrongly."""

import json
import math
import tracemalloc

import numpy as np
import pytest
import small_mnist
import small_texts
from small_runs import QUIET, adding, adding_run, curve, net_for

import indrnn_np as ir
from indrnn_np import tasks
from indrnn_np.optim import schedules
from indrnn_np.tasks.arrays import Arrays
from indrnn_np.training import best_file, checkpoint, metrics, records, run_directory, trainer
from indrnn_np.training.run_directory import RunDirectory

# -- exact resumption ----------------------------------------------------------------------------------------


def mnist_run(tmp_path, iterations, **options):
    folder = small_mnist.write(tmp_path.parent / "data")
    task = tasks.get("mnist", data=folder, held_out=10, permuted=True)
    net = net_for(task, batchnorm=True, dropout=0.3, gamma=5.0)
    plateau = schedules.Plateau(0.5, 2, factor=0.5, mode="max", patience_factor=0.5)
    return ir.fit(
        net, task, ir.SGD(0.5, momentum=0.9), iterations=iterations, batch=4, clip_value=1.0, log_every=3,
        validate_every=2, checkpoint_every=0, bn_batch=9, out=tmp_path, schedule=plateau, **QUIET, **options,
    )  # fmt: skip


@pytest.mark.parametrize("make", [adding_run, mnist_run])
def test_a_run_stopped_anywhere_and_resumed_equals_the_uninterrupted_one(tmp_path, make):
    whole = make(tmp_path / "whole", 20)
    assert len(whole.history) > 10
    for stop in (1, 3, 6, 11, 19):
        part = tmp_path / f"stop{stop}"
        make(part, stop)
        resumed = make(part, 20, resume=part)
        assert curve(resumed) == curve(whole)
        assert records.read_metrics(part / "metrics.jsonl") == resumed.history
        for name, array in whole.net.state_dict().items():
            np.testing.assert_array_equal(array, resumed.net.state_dict()[name])
        assert (resumed.summary["best"], resumed.summary["final"]) == (
            whole.summary["best"],
            whole.summary["final"],
        )


def test_resuming_many_times_and_into_another_folder(tmp_path):
    whole = mnist_run(tmp_path / "whole", 20)
    mnist_run(tmp_path / "0", 4)
    for end in (5, 9, 13):
        mnist_run(tmp_path / "0", end, resume=tmp_path / "0")
    last = mnist_run(tmp_path / "other", 20, resume=tmp_path / "0")
    assert curve(last) == curve(whole)
    assert (tmp_path / "other" / "checkpoints" / "best.npz").is_file()
    assert records.read_metrics(tmp_path / "other" / "metrics.jsonl") == last.history


def test_a_killed_run_goes_on_from_its_last_checkpoint(tmp_path):
    """What was written after the checkpoint, a half line among it, is written again."""
    whole = adding_run(tmp_path / "whole", 20)
    adding_run(tmp_path / "run", 14)
    run = run_directory.RunDirectory(tmp_path / "run")
    run.checkpoint_of(14).unlink()
    with open(run.metrics, "a") as file:
        file.write('{"kind": "train", "itera')
    resumed = adding_run(tmp_path / "run", 20, resume=sorted(run.checkpoints.glob("iteration-*"))[-1])
    assert curve(resumed) == curve(whole)


def test_going_back_to_an_older_checkpoint_forgets_what_came_after(tmp_path):
    whole = adding_run(tmp_path / "run", 20)
    files = RunDirectory(tmp_path / "run").files()
    assert list(files) == [12, 15, 20]  # the last two, and the best state of the one before the last
    for iteration in (15, 12):
        again = adding_run(tmp_path / "run", 20, resume=files[iteration])
        assert curve(again) == curve(whole) and again.summary["best"] == whole.summary["best"]
        assert list(RunDirectory(tmp_path / "run").files()) == [12, 15, 20]


def test_a_plateau_without_its_best_state_is_an_error(tmp_path):
    mnist_run(tmp_path / "run", 7)
    run = run_directory.RunDirectory(tmp_path / "run")
    best = json.loads(run.summary.read_text())["best"]["iteration"]
    run.best.unlink()
    run.checkpoint_of(best).unlink(missing_ok=True)
    newest = run_directory.find_checkpoint(run.path)
    assert newest != run.checkpoint_of(best)
    words = f"no best checkpoint beside it, expected that of iteration {best}, which the run restores"
    with pytest.raises(ValueError, match=words):
        mnist_run(tmp_path / "run", 20, resume=tmp_path / "run")


def test_a_damaged_checkpoint_names_the_one_before(tmp_path):
    adding_run(tmp_path / "run", 12)
    *_, older, newest = RunDirectory(tmp_path / "run").files().values()
    newest.write_bytes(newest.read_bytes()[:-100])
    with pytest.raises(
        ValueError, match=rf"does not end as an npz .*; the checkpoint before it is .*{older.name}"
    ):
        adding_run(tmp_path / "run", 20, resume=tmp_path / "run")
    assert adding_run(tmp_path / "run", 20, resume=older).net.iteration == 20


def test_what_is_no_run_or_holds_one_already(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"holds no last checkpoint, expected a run's folder or a checkpoint"
    ):
        adding_run(tmp_path / "run", 5, resume=tmp_path)
    adding_run(tmp_path / "run", 5)
    with pytest.raises(FileExistsError, match=r"which holds a run, expected a new folder"):
        adding_run(tmp_path / "run", 5)
    ir.save(tmp_path / "plain.npz", net_for(adding()), ir.Adam())
    with pytest.raises(
        ValueError, match=r"plain.npz holds no \[.*\], expected a checkpoint of a training run"
    ):
        adding_run(tmp_path / "new", 5, resume=tmp_path / "plain.npz")


# -- what a run does and leaves ------------------------------------------------------------------------------


def test_what_a_run_leaves_behind(tmp_path):
    result = adding_run(tmp_path / "run", 12)
    names = {
        str(path.relative_to(tmp_path / "run")) for path in (tmp_path / "run").rglob("*") if path.is_file()
    }
    kept = {name for name in names if name.startswith("checkpoints/iteration-")}
    assert names - kept == {"config.toml", "metrics.jsonl", "log.txt", "summary.json", "checkpoints/best.npz"}
    last = [checkpoint.read(path) for path in list(RunDirectory(tmp_path / "run").files().values())[-2:]]
    expected = {part.header["iteration"] for part in last} | {best_file.iteration_of(part) for part in last}
    assert kept == {f"checkpoints/iteration-{iteration:08d}.npz" for iteration in expected}
    assert [part.header["iteration"] for part in last] == [10, 12]
    kinds = [line["kind"] for line in result.history]
    assert kinds.count("train") == 4 and kinds.count("validation") == 3 and kinds[-2:] == ["final", "final"]
    iterations, values = result.curve("mse")
    assert iterations == [3, 6, 9, 12] and all(np.isfinite(values))
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["ended"] == "iterations" and set(summary["final"]) == {"validation", "test"}
    best = ir.load(tmp_path / "run" / "checkpoints" / "best.npz")
    assert best.net.iteration == summary["best"]["iteration"] == best.meta["best"]["iteration"]
    assert summary["best"]["value"] == min(result.curve("mse", "validation")[1])
    assert "iteration 12/12" in (tmp_path / "run" / "log.txt").read_text()


def test_training_learns_and_the_loop_is_the_documented_one():
    x = np.random.default_rng(0).standard_normal((6, 40, 2)).astype(np.float32)
    y = (x[:, :, 0].sum(axis=0) > 0).astype(int)
    net = ir.plain(2, 8, 2, 1, 6, backend="reference", input_init=0.3)
    result = ir.fit(net, (x, y), ir.Adam(0.03), epochs=20, batch=16, validation=0.25, **QUIET)
    assert net.iteration == 40 and result.summary["final"]["validation"]["accuracy"] > 0.75
    by_hand, optimizer = ir.plain(2, 8, 2, 1, 6, backend="reference", input_init=0.3), ir.Adam(0.03)
    task = tasks.arrays.Arrays(x, y, validation=0.25)
    for iteration in range(40):
        batch = task.batch(iteration, 16)
        scores, _, tape = by_hand.forward(batch.x)
        _, dy = ir.softmax_cross_entropy(scores, batch.target, backend="reference")
        optimizer.update(by_hand, by_hand.backward(dy, tape)[2])
        by_hand.project()
    np.testing.assert_array_equal(net.flat, by_hand.flat)


def test_lengths_and_an_output_at_every_step():
    """Padding, whatever stands in it, changes nothing."""
    rng = np.random.default_rng(0)
    x, lengths = rng.standard_normal((5, 12, 2)), rng.integers(1, 6, 12)
    y = rng.integers(0, 3, (5, 12))
    results = []
    for padding in (0.0, 7.0):
        padded = np.where((np.arange(5)[:, None] < lengths)[:, :, None], x, padding)
        net = ir.plain(2, 4, 3, 2, 5, batchnorm=True, output="every", backend="reference", dtype="float64")
        fitted = ir.fit(
            net,
            (padded, y, lengths),
            ir.Adam(0.01),
            iterations=6,
            batch=5,
            validation=0.3,
            log_every=2,
            **QUIET,
        )
        results.append((curve(fitted), net.flat.copy()))
    assert results[0][0] == results[1][0]
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_validation_with_statistics_of_a_large_batch_leaves_the_running_ones(tmp_path):
    task = tasks.get("mnist", data=small_mnist.write(tmp_path / "data"), held_out=10)
    nets = [net_for(task, batchnorm=True, dropout=0.2) for _ in range(2)]
    options = {"iterations": 4, "batch": 5, "validate_every": 2, **QUIET}
    seen = [], []
    results = [
        ir.fit(net, task, ir.Adam(0.01), bn_batch=size, **options,
               callbacks=[lambda i, net=net, k=k: seen[k].append(net.state_dict())])
        for k, (net, size) in enumerate(zip(nets, (0, 20), strict=True))
    ]  # fmt: skip
    for one, other in zip(*seen, strict=True):
        for name, array in one.items():
            np.testing.assert_array_equal(array, other[name])
    losses = [result.curve("softmax_cross_entropy", "validation")[1] for result in results]
    assert losses[0] != losses[1]


def test_a_plateau_goes_back_to_the_best_file_and_ends(tmp_path):
    task = adding()
    net = net_for(task)
    plateau = schedules.Plateau(0.5, patience=1, factor=0.1, minimum=0.01)
    result = ir.fit(
        net,
        task,
        ir.SGD(0.5),
        iterations=500,
        batch=5,
        validate_every=2,
        schedule=plateau,
        out=tmp_path,
        **QUIET,
    )
    assert result.summary["ended"] == "schedule" and net.iteration < 500
    best = ir.load(tmp_path / "checkpoints" / "best.npz").net
    assert best.iteration == result.summary["best"]["iteration"] < net.iteration
    np.testing.assert_array_equal(net.flat, best.flat)
    assert "plateau: back to the best state, learning rate 0.05" in (tmp_path / "log.txt").read_text()


def test_nothing_of_a_sequences_size_is_allocated_after_the_second_iteration():
    """At these sizes an array (T, B, H) has 295 kB; a batch of data has 18 kB."""
    T, B, H = 96, 12, 32
    task = tasks.get("adding", steps=T, backend="reference", seed=1, dtype="float64")
    net = ir.plain(2, H, 1, 2, T, batchnorm=True, dropout=0.1, backend="cpu", dtype="float64")
    loop = trainer.Trainer(net, task, ir.Adam(1e-3), ir.Plan(10, batch=B).complete(task, 1e-3))
    loop.iterate(), loop.iterate()
    tracemalloc.start()
    loop.iterate()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    for _ in range(3):
        loop.iterate()
    grown = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert grown < T * B * H * 8


def test_an_update_that_cannot_begin_leaves_the_optimizer_as_it_is():
    x, labels = np.ones((4, 6, 2), np.float32), np.full(6, 7)
    net, optimizer = ir.plain(2, 3, 2, 1, 4), ir.SGD(0.1)
    task, schedule = Arrays(x, labels, classes=8, seed=0), schedules.Constant(0.5)
    loop = trainer.Trainer(net, task, optimizer, ir.Plan(3, batch=2, schedule=schedule).complete(task, 0.1))
    with pytest.raises(ValueError, match=r"target\[\d\] is 7, expected 0 to 1"):
        loop.iterate()
    assert (optimizer.lr, optimizer.t, net.iteration) == (0.1, 0, 0)


# -- what is asked wrongly -----------------------------------------------------------------------------------

X, Y = np.ones((4, 6, 2), np.float32), np.zeros(6, int)


@pytest.mark.parametrize(
    ("data", "options", "error", "words"),
    [
        (None, {}, ValueError, "Plan: iterations is None and epochs is None, expected exactly one of them"),
        (None, {"iterations": 5, "epochs": 1}, ValueError, "expected exactly one of them"),
        (
            None,
            {"epochs": 1},
            ValueError,
            "Plan: epochs is 1.0, expected iterations because task 'adding' has an unlimited stream of data",
        ),
        (None, {"iterations": 0}, ValueError, "Plan: iterations is 0"),
        (
            None,
            {"iterations": 1, "batch": 0},
            ValueError,
            "Plan: batch is 0, expected a whole number of at least 1",
        ),
        (
            None,
            {"iterations": 1, "loss": "mae"},
            ValueError,
            "Plan: loss is 'mae', expected one of 'mse', 'softmax",
        ),
        (None, {"iterations": 1, "clip_norm": -1.0}, ValueError, "Plan: clip_norm is -1.0"),
        (None, {"iterations": 1, "validation": 0.1}, ValueError, "fit: validation is set, expected None"),
        (
            (X, Y),
            {"iterations": 1, "validate_every": 5},
            ValueError,
            "validate_every is 5, expected 0 because task 'arrays'",
        ),
        ((X, Y), {"epochs": 0}, ValueError, "Plan: epochs is 0"),
        (
            (X,),
            {"iterations": 1},
            ValueError,
            r"fit: data has 1 entries, expected \(x, y\) or \(x, y, lengths\)",
        ),
        ([X, Y], {"iterations": 1}, TypeError, "fit: data is a list, expected a task"),
        (
            (X, Y),
            {"iterations": 1, "schedule": schedules.Plateau(1.0, 3)},
            ValueError,
            "because the plateau schedule depends",
        ),
        (
            (X, Y + 7),
            {"iterations": 1},
            ValueError,
            r"y\[0\] is 7, expected 0 to 1 because there are 2 classes",
        ),
        ((X.astype(complex), Y), {"iterations": 1}, ValueError, "x has dtype complex128, expected float32"),
        (
            (X[:, :, :1].copy(), Y),
            {"iterations": 1},
            ValueError,
            r"x has shape \(4, 6, 1\), expected \(T, B, 2\)",
        ),
    ],
)
def test_errors_say_what_was_expected(data, options, error, words):
    net = net_for(adding()) if data is None else ir.plain(2, 3, 2, 1, 4, backend="reference")
    with pytest.raises(error, match=words):
        ir.fit(net, adding() if data is None else data, ir.Adam(), **QUIET, **options)


def test_a_limit_of_minutes_ends_a_run_and_a_question_interrupts_it(tmp_path):
    first = adding_run(tmp_path / "run", 20, minutes=1e-9)
    assert first.summary["ended"] == "minutes" and first.net.iteration == 0 and set(first.summary["final"])
    asked = iter([False] * 3 + [True])
    second = adding_run(tmp_path / "other", 20, callbacks=[lambda iteration: next(asked)])
    assert (
        second.summary["ended"] == "interrupted" and second.net.iteration == 3 and not second.summary["final"]
    )
    whole = adding_run(tmp_path / "whole", 20)
    assert curve(adding_run(tmp_path / "other", 20, resume=tmp_path / "other")) == curve(whole)


def test_a_finished_network_has_the_statistics_that_it_was_judged_with(tmp_path):
    """Its outputs alone, without the training data, give the score that the run tells."""
    task = small_texts.chars(tmp_path)
    net = ir.plain(task.input_size, 6, task.output_size, 1, task.steps, output="every", gamma=1.0, embedding=4,
                   batchnorm=True, per_step=True, seed=1)  # fmt: skip
    result = ir.fit(net, task, ir.Adam(0.01), iterations=6, batch=4, bn_batch=20, validate_every=3, **QUIET)
    alone = metrics.evaluate(net, task.evaluation("test", 100, 6), task.loss, task.metric)
    assert alone["bits"] == result.summary["final"]["test"]["bits"]
    running = ir.load(ir.save(tmp_path / "net.npz", net)).net
    running.recompute_statistics([next(task.evaluation("train", 3)).x])
    assert metrics.evaluate(running, task.evaluation("test", 100, 6), task.loss, task.metric) != alone


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"batch_size": 3},
            r"fit: an argument is called 'batch_size', expected one of net, data, .*\(use batch\)",
        ),
        (
            {"early_stopping": True},
            "use patience",
        ),
        ({"verbose": 1}, "use progress"),
        ({"epoch": 3}, r"\(did you mean epochs\?\)"),
        ({"log_evry": 3}, r"\(did you mean log_every"),
    ],
)
def test_arguments_that_fit_does_not_have(options, words):
    task = adding()
    with pytest.raises(TypeError, match=words):
        ir.fit(net_for(task), task, ir.Adam(), iterations=1, **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": -math.inf}, "Plan: epochs is -inf, expected a finite number above 0"),
        ({"epochs": math.nan}, "Plan: epochs is nan, expected a finite number above 0"),
        ({"iterations": 2.5}, "Plan: iterations is 2.5, expected a whole number of at least 1"),
        ({"iterations": 10**30}, "Plan: iterations is 1000.*, expected a whole number"),
        ({"iterations": 1, "batch": True}, "Plan: batch is True, expected a whole number of at least 1"),
        (
            {"iterations": 1, "seed": -1},
            r"fit: seed is -1, expected a whole number of at least 0 and below 18446744",
        ),
        (
            {"iterations": 1, "clip_norm": math.inf},
            "Plan: clip_norm is inf, expected a finite number of at least 0",
        ),
        (
            {"iterations": 1, "log_every": "7"},
            "Plan: log_every is '7', expected a whole number of at least 1",
        ),
    ],
)
def test_numbers_of_fit_have_the_ranges_of_the_settings(options, words):
    task = adding()
    with pytest.raises(ValueError, match=words):
        ir.fit(net_for(task), task, ir.Adam(), **options)


def test_numpy_s_numbers_are_taken(tmp_path):
    task = adding()
    result = ir.fit(net_for(task), task, ir.Adam(), iterations=np.int64(2), batch=np.int32(3),
                    clip_norm=np.float32(1), out=tmp_path / "run", **QUIET)  # fmt: skip
    assert result.summary["iterations"] == 2
