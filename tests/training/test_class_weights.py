"""Class weights and label smoothing of a run: their values, what they change and what they do not, errors."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
import small_mnist
import small_skeletons
import small_texts
from small_runs import QUIET, curve
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np import tasks
from indrnn_np.commands import cli
from indrnn_np.settings import settings
from indrnn_np.tasks.arrays import Arrays
from indrnn_np.tasks.augment import Augmented
from indrnn_np.training import class_weights, run_directory
from indrnn_np.training.class_report import class_report
from indrnn_np.training.diagnose import Diverged
from indrnn_np.training.windows import Windows

T, N, D = 6, 40, 2
SOFTMAX = "softmax_cross_entropy"


def data(rare=0.15, n=N, seed=0, every=False):
    """Noise, whose first input is higher for the rare class 1."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) < rare * n).astype(int)
    x = rng.standard_normal((T, n, D)).astype(np.float32)
    x[..., 0] += 0.5 * y
    return x, np.tile(y, (T, 1)) if every else y


def network(outputs=2, output="last", **options):
    return ir.plain(D, 6, outputs, 1, T, output=output, **{"backend": "reference", "seed": 1} | options)


def fit(of, net=None, **options):
    options = {"epochs": 4, "batch": 16, "log_every": 1} | QUIET | options
    return ir.fit(net or network(), of, ir.Adam(0.02), **options)


def balanced(task):
    return ir.Plan(iterations=1, class_weights="balanced").complete(task, 0.1).class_weights


def test_balanced_weights_come_from_the_targets_within_the_lengths():
    y = np.array([[0, 1, 1], [2, 1, -9], [2, 99, 255]])  # padding holds no class
    task = Arrays(np.zeros((3, 3, D)), y, np.array([3, 2, 1]), classes=3)
    assert task.class_counts.tolist() == [1, 3, 2]
    assert balanced(task) == pytest.approx([6 / 3, 6 / 9, 6 / 6])
    assert balanced(Augmented(task, crop=0.5)) == balanced(Windows(task, 2)) == balanced(task)


def test_samples_that_are_held_out_do_not_count():
    task = Arrays(np.zeros((3, 8, D)), np.arange(8) % 2, validation=0.5)
    kept = task._data["train"].y[task._data["train"].samples]
    assert task.class_counts.sum() == 4 and task.class_counts.tolist() == np.bincount(kept).tolist()


def test_every_task_with_limited_labels_counts_its_classes(tmp_path):
    mnist = tasks.get("mnist", data=small_mnist.write(tmp_path / "mnist"), held_out=5)
    assert mnist.class_counts.tolist() == np.bincount(mnist._data["train"][1], minlength=10).tolist()
    names = [small_skeletons.name(performer=p, action=a) for p, a in ((1, 1), (2, 2), (4, 2), (3, 60))]
    folder = small_skeletons.write(tmp_path / "skeletons", dict.fromkeys(names, 3))
    skeleton = tasks.get("skeleton", data=folder, held_out=0.0)
    assert skeleton.class_counts[[0, 1, 59]].tolist() == [1, 2, 0]  # person 3 belongs to the test
    chars = small_texts.chars(tmp_path / "text")
    symbols = chars.corpus.ids["train"]
    assert chars.class_counts.sum() == len(symbols) - 1 and len(chars.class_counts) == chars.output_size
    assert (chars.class_counts + np.eye(chars.output_size)[symbols[0]] == np.bincount(symbols)).all()


def test_weights_of_one_and_no_smoothing_change_no_bit():
    plain, ones = fit(data()), fit(data(), class_weights=[1, 1], label_smoothing=0.0)
    assert np.array_equal(plain.net.flat, ones.net.flat) and curve(plain) == curve(ones)


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_the_training_loss_is_the_weighted_and_smoothed_one(backend):
    x, y = data()
    net = network(backend=backend)
    expected = ir.softmax_cross_entropy(net(x), y, weights=[0.3, 2.0], smoothing=0.2)[0]
    result = fit((x, y), net, batch=N, epochs=1, class_weights=(0.3, 2), label_smoothing=0.2)
    assert result.curve(SOFTMAX)[1] == pytest.approx([expected], rel=1e-6)


def test_evaluations_have_neither_weights_nor_smoothing():
    x, y = data(seed=1)
    result = fit(data(), validation=(x, y), class_weights="balanced", label_smoothing=0.3)
    scores = result.net(x)
    plain = ir.softmax_cross_entropy(scores, y)[0]
    assert result.summary["final"]["validation"][SOFTMAX] == pytest.approx(plain, rel=1e-6)
    assert result.summary["final"]["validation"]["accuracy"] == np.mean(scores.argmax(axis=1) == y)


@pytest.mark.parametrize("lengths_of", ["last", "every"])
def test_labels_beyond_the_lengths_are_neither_counted_nor_read(lengths_of):
    x, y = data(every=True)
    lengths, runs = np.arange(N) % T + 1, []
    for padding in (0, -7, 2**40):
        filled = np.where(np.arange(T)[:, None] < lengths, y, padding)
        options = {
            "class_weights": "balanced",
            "label_smoothing": 0.1,
            "shards": 2 if lengths_of == "last" else 1,
        }
        runs.append(fit((x, filled, lengths), network(output="every"), **options).net.flat)
    assert np.array_equal(runs[0], runs[1]) and np.array_equal(runs[0], runs[2])


def test_weights_raise_the_recall_of_a_rare_class():
    held, recalls = data(n=400, seed=5), {}
    for weights in (None, "balanced"):
        task = Arrays(*data(n=400), validation=held)
        net = network(backend="cpu")
        fit(task, net, epochs=15, class_weights=weights)
        recalls[weights] = class_report(net, task.evaluation("validation", 400)).recall
    assert recalls["balanced"][1] > recalls[None][1] + 0.2
    assert recalls["balanced"][0] < recalls[None][0]


def test_smoothing_keeps_scores_small():
    spreads = []
    for smoothing in (0.0, 0.4):
        net = network()
        fit(data(), net, epochs=40, label_smoothing=smoothing)
        spreads.append(np.ptp(net(data()[0]), axis=1).max())
    assert spreads[1] < 0.7 * spreads[0]


def test_a_run_stores_its_weights_and_resumes_bit_for_bit(tmp_path):
    options = {"class_weights": "balanced", "label_smoothing": 0.1, "epochs": None, "checkpoint_every": 3}
    whole = fit(data(), out=tmp_path / "whole", iterations=8, **options)
    fit(data(), out=tmp_path / "part", iterations=5, **options)
    rest = fit(data(), out=tmp_path / "part", iterations=8, resume=tmp_path / "part", **options)
    assert np.array_equal(whole.net.flat, rest.net.flat) and curve(whole) == curve(rest)
    expected = [40 / (2 * 34), 40 / (2 * 6)]
    assert whole.summary["plan"]["class_weights"] == pytest.approx(expected)
    stored = run_directory.read_checkpoint(tmp_path / "part").header["meta"]["plan"]
    assert stored["class_weights"] == pytest.approx(expected) and stored["label_smoothing"] == 0.1
    note = "training loss: class weights from 0.5882 to 3.333, label smoothing 0.1; evaluations have neither"
    assert note in (tmp_path / "part" / "log.txt").read_text()
    assert "class_weights" not in fit(data()).summary["plan"]


def test_a_run_that_diverges_is_searched_with_its_loss():
    """Without smoothing, the loss of these scores is 0."""
    net, (x, y) = network(), data(rare=0)
    net.params["2.b"][...] = 3e38, -3e38
    words = "the loss is inf in iteration 0, .*the loss itself .*, from finite outputs"
    with np.errstate(over="ignore"), pytest.raises(Diverged, match=words):
        fit((x, y), net, label_smoothing=0.1)


def test_the_command_trains_resumes_and_evaluates(tmp_path, capsys):
    x, y = data()
    np.savez(tmp_path / "data.npz", x=x, y=y, x_test=x, y_test=y)
    run = tmp_path / "run"
    options = [
        "sequences",
        "--data",
        str(tmp_path / "data.npz"),
        "--hidden",
        "4",
        "--layers",
        "1",
        "--backend",
    ]
    options += ["reference", "--quiet", "--class-weights", "balanced", "--label-smoothing", "0.1"]
    assert cli.main(["train", *options, "--iterations", "3", "--out", str(run)]) == 0
    used = settings.read(run / "config.toml")
    assert (used["class_weights"], used["label_smoothing"]) == ("balanced", 0.1)
    weights = ["--class-weights", "1,5", "--iterations", "5"]
    assert cli.main(["train", "--resume", str(run), "--quiet", *weights]) == 0
    assert "changed from the run: class_weights: balanced -> 1,5\n" in (run / "log.txt").read_text()
    assert json.loads((run / "summary.json").read_text())["plan"]["class_weights"] == [1.0, 5.0]
    capsys.readouterr()
    assert cli.main(["eval", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["iteration"] == 5


def test_a_run_that_is_older_than_the_settings_goes_on_without_them(tmp_path):
    before = settings.merge("mnist")
    now = dict(before)
    assert before.pop("class_weights") is None and before.pop("label_smoothing") == 0.0
    assert settings.changes(before, now) == []
    old = settings.of_run("resume", tmp_path, {"task": "mnist", "lr": 0.1})
    assert old["class_weights"] is None and old["label_smoothing"] == 0.0


def test_numbers_as_text_are_numbers():
    assert ir.Plan(class_weights="1,2.5").class_weights == (1.0, 2.5)
    assert ir.Plan(class_weights=np.array([3, 1])).class_weights == (3.0, 1.0)


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        (
            {"class_weights": "equal"},
            ValueError,
            "class_weights is 'equal', expected 'balanced', or a number",
        ),
        ({"class_weights": 3}, TypeError, "class_weights is 3, expected 'balanced', or a number above 0"),
        (
            {"class_weights": [1, 0]},
            ValueError,
            r"class_weights\[1\] is 0.0, expected a finite number above 0",
        ),
        ({"class_weights": "1,inf"}, ValueError, r"class_weights\[1\] is inf, expected a finite number"),
        ({"class_weights": ["1", "2"]}, TypeError, r"class_weights\[0\] is a str, expected a number"),
        (
            {"label_smoothing": 1.0},
            ValueError,
            "label_smoothing is 1.0, expected a finite number of at least 0",
        ),
        ({"label_smoothing": None}, TypeError, "label_smoothing is None, expected a value"),
    ],
)
def test_a_plan_refuses_what_is_no_weight(fields, error, words):
    with pytest.raises(error, match=f"Plan: {words}"):
        ir.Plan(iterations=1, **fields)


def values():
    return np.zeros((T, N, D), np.float32), np.zeros((N, 2), np.float32)


@pytest.mark.parametrize(
    ("of", "fields", "words"),
    [
        (
            values,
            {"class_weights": "balanced"},
            "class_weights is set and the loss is mse, expected None because",
        ),
        (
            values,
            {"label_smoothing": 0.1},
            "label_smoothing is set and the loss is mse, expected 0.0 because only",
        ),
        (
            data,
            {"class_weights": [1, 2, 3]},
            "class_weights has 3 numbers, expected 2, a number for each class",
        ),
        (
            lambda: (data()[0], np.zeros(N, int)),
            {"class_weights": "balanced"},
            "class_weights is 'balanced' and class 1 has no training target, expected at least one of each class",
        ),
    ],
)
def test_a_run_refuses_weights_that_do_not_fit_its_data(of, fields, words):
    with pytest.raises(ValueError, match=words):
        fit(of(), **fields)


def test_unlimited_data_have_no_balanced_weights():
    words = (
        "class_weights is 'balanced', expected a number for each class because task 'copying' has no class_"
    )
    with pytest.raises(ValueError, match=words):
        balanced(tasks.get("copying"))


def test_the_command_refuses_weights_for_a_task_without_labels(capsys):
    assert cli.main(["train", "adding", "--class-weights", "balanced"]) == 2
    assert "class_weights" in capsys.readouterr().err


def test_a_gpu_is_refused_before_the_run_begins():
    net = SimpleNamespace(backend="cuda", device=SimpleNamespace(arrays=object))
    for name, value in (("class_weights", "balanced"), ("label_smoothing", 0.1)):
        plan = ir.Plan(iterations=1, **{name: value}).complete(Arrays(*data()), 0.1)
        with pytest.raises(
            ValueError, match=f"{name} is set on backend 'cuda', expected 'cpu' or 'reference'"
        ):
            class_weights.options(plan, net)


def test_weights_are_in_the_precision_of_the_network():
    plan = ir.Plan(iterations=1, class_weights=[1, 3], label_smoothing=0.1).complete(Arrays(*data()), 0.1)
    classes = class_weights.options(plan, network(dtype="float32"))
    assert classes.weights.dtype == np.float32 and classes.smoothing == 0.1
    assert_close(np.float64(classes.weight(np.array([0, 1, 1, 99], np.uint64))), np.float64(10))


@pytest.mark.parametrize("weight", [1e39, 1e-39])
def test_a_weight_must_fit_the_precision_of_the_network(weight):
    words = f"train: class_weights[1] is {weight}, expected a float32 number from 1.18e-38 to 3.4e+38"
    with pytest.raises(ValueError, match=re.escape(words)):
        fit(data(), network(dtype="float32"), class_weights=[1, weight])
    plan = ir.Plan(iterations=1, class_weights=[1, weight]).complete(Arrays(*data()), 0.1)
    assert class_weights.options(plan, network(dtype="float64")).weights[1] == weight
