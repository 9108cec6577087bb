"""What `fit` takes for its arguments, and what a `Result` answers: arrays in every form, or one sentence."""

import numpy as np
import pytest
from small_runs import QUIET, adding, net_for

import indrnn_np as ir
from indrnn_np import tasks
from indrnn_np.training.progress import Reporter

T, N, D, K = 5, 8, 2, 3
RNG = np.random.default_rng(0)
X = RNG.standard_normal((T, N, D)).astype(np.float32)
VALUES = RNG.standard_normal((T, N, K)).astype(np.float32)
LABELS = RNG.integers(0, K, N)


def network(output="last"):
    last = [ir.LastStep()] if output == "last" else []
    return ir.Sequential([ir.IndRNN(D, 4), *last, ir.Linear(4, K)], steps=T, backend="reference")


def axes(y):
    return 1 + axes(y[0]) if isinstance(y, list) else np.ndim(y)


def fit(x=X, y=LABELS, *lengths, optimizer=None, net=None, iterations=2, **options):
    net = net or network("every" if axes(y) == 3 else "last")
    optimizer = ir.Adam(0.01) if optimizer is None else optimizer
    return ir.fit(
        net, (x, y, *lengths), optimizer, iterations=iterations, batch=4, log_every=1, **options, **QUIET
    )


def trained(*arrays, **options):
    return fit(*arrays, **options).net.flat.tobytes()


@pytest.mark.filterwarnings("ignore:.* has dtype float64 and is converted")
@pytest.mark.parametrize("y", [LABELS, VALUES])
def test_every_form_of_the_arrays_trains_to_the_same_bits(tmp_path, y):
    lengths = np.arange(N) % T + 1
    expected = trained(X, y, lengths)
    np.save(tmp_path / "x.npy", X)
    other = y.astype(np.float64) if y.dtype.kind == "f" else y.astype(np.int16)
    for form in (
        (X.astype(np.float64), other, lengths.astype(np.uint8)),
        (X.astype(">f4"), y.astype(y.dtype.newbyteorder("S")), lengths.astype(">i4")),
        (np.repeat(X, 2, axis=1)[:, ::2], np.asfortranarray(y), np.repeat(lengths, 2)[::2]),
        (np.load(tmp_path / "x.npy", mmap_mode="r"), y, lengths),
        (X.tolist(), y.tolist(), lengths.tolist()),
    ):
        assert trained(*form) == expected
        own = {"validation": form, "validate_every": 1}
        assert fit(*form, **own).curve("mse" if y is VALUES else "accuracy", "validation")[0] == [1, 2]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ((np.ma.masked_array(X), LABELS), "x is a MaskedArray, expected a numpy.ndarray because its mask"),
        ((X, np.ma.masked_array(LABELS)), "y is a MaskedArray"),
        ((X, LABELS, np.ma.masked_array(np.full(N, T))), "lengths is a MaskedArray"),
        (
            (X, [np.ma.masked_array(LABELS)[0], *LABELS[1:-1], np.ma.masked]),
            "an entry of (validation )?y is a MaskedConstant",
        ),
        ((X, VALUES[0].view(np.matrix)), "y is a matrix, expected a numpy.ndarray"),
        ((X, LABELS.astype(object)), r"y (contains \d, expected strings|has dtype object, expected)"),
        (
            (X.astype(np.float64) * 1e300, LABELS),
            r"x\[0, 0, 0\] is .*e\+299, expected at most 3.4e\+38 in size",
        ),
        ((X, VALUES.astype(np.float64) * 1e300), r"y\[0, 0, 0\] is .*e\+\d+, expected at most 3.4e\+38"),
    ],
)
def test_what_would_lose_its_meaning_is_refused(arrays, words):
    for call in (lambda: fit(*arrays), lambda: fit(X, LABELS, validation=arrays)):
        with pytest.raises((TypeError, ValueError), match=rf"^fit: (validation )?.*{words}"):
            call()


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (
            (40, 120, 3),
            (40, 120),
            r"y has shape \(40, 120\), expected .* y\[\.\.\., None\] gives each value an axis",
        ),
        (
            (40, 120, 3),
            (120,),
            r"y has shape \(120,\), expected .* y\[\.\.\., None\] gives each value an axis",
        ),
        (
            (120, 40, 3),
            (120, 1),
            r"x has shape \(120, 40, 3\) and y \(120, 1\), which looks like batch first",
        ),
        ((120, 40, 3), (40, 120, 1), "which looks like batch first"),
    ],
)
def test_real_values_without_an_axis_of_their_own(x, y, words):
    """Time-first data whose y lacks its last axis were called batch-first, with the advice to transpose them."""
    with pytest.raises(ValueError, match=words):
        tasks.arrays.Arrays(np.ones(x), np.ones(y))


@pytest.mark.parametrize(
    ("y", "cure"),
    [((120, 1), r"y\[\.\.\., 0\]"), ((40, 120, 1), r"y\[\.\.\., 0\]"), ((120, 7), r"y\.argmax\(axis=-1\)")],
)
def test_labels_with_an_axis_too_many(y, cure):
    with pytest.raises(ValueError, match=rf"y has shape .*, expected integers .* \(40, 120, 3\); {cure}"):
        tasks.arrays.Arrays(np.ones((40, 120, 3)), np.ones(y, int))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (
            {"optimizer": "adam"},
            TypeError,
            r"optimizer is 'adam', expected an optimizer such as ir.Adam\(1e-3\)",
        ),
        ({"optimizer": ir.Adam}, TypeError, "optimizer is <class .*Adam'>, expected an optimizer"),
        (
            {"net": [ir.Linear(2, 3)]},
            TypeError,
            r"net is \[Linear.*, expected a network such as ir.Sequential",
        ),
        (
            {"validation": X},
            TypeError,
            r"validation is a ndarray, expected a share, \(x, y\) or \(x, y, lengths\)",
        ),
        ({"validation": [X, LABELS]}, TypeError, "validation is a list, expected a share"),
        ({"validation": "0.1"}, TypeError, "validation is a str, expected a share"),
        ({"validation": (X,)}, ValueError, "validation has 1 entries, expected a share"),
        ({"validation": (X, LABELS, None, None)}, ValueError, "validation has 4 entries"),
        ({"validation": True}, ValueError, r"validation is 1\.0, expected a number from 0\.0 to below 1\.0"),
        (
            {"callbacks": print},
            TypeError,
            "fit: callbacks is <built-in .*print>, expected a list of functions",
        ),
        ({"callbacks": [print, 3]}, TypeError, r"fit: callbacks is \[<built-in .*, 3\], expected a list of"),
        ({"metrics": [max]}, TypeError, "Plan: metrics is a list, expected a dict of functions, such as"),
        ({"metrics": {"max": max}}, ValueError, "metrics is set without validation, expected validation"),
        ({"bn_batch": None}, TypeError, "Plan: bn_batch is None, expected a value"),
    ],
)
def test_arguments_of_another_kind(options, error, words):
    with pytest.raises(error, match=words):
        fit(**options)


def test_data_of_another_kind():
    for data, words in (
        (X, "data is a ndarray, expected a task"),
        ([X, LABELS], "data is a list, expected a task"),
        ({"x": X}, "data is a dict, expected a task"),
        (tasks.arrays.Arrays, "data is <class .*Arrays'>, expected a task"),
    ):
        with pytest.raises(TypeError, match=f"fit: {words}"):
            ir.fit(network(), data, ir.Adam(), iterations=1, **QUIET)


def test_a_network_need_not_end_with_a_linear():
    net = ir.Sequential([ir.IndRNN(D, K), ir.LastStep()], steps=T, backend="reference")
    assert fit(net=net).summary["iterations"] == 2


def test_curves_are_asked_for_by_names_that_they_have():
    result = fit(validation=0.25, validate_every=1)
    assert result.curve("softmax_cross_entropy")[0] == [1, 2] == result.curve("accuracy", "validation")[0]
    with pytest.raises(
        ValueError, match=r"Result.curve: name is 'acc', expected one of 'epoch', .*'softmax_cross"
    ):
        result.curve("acc")
    with pytest.raises(
        ValueError, match="kind is 'train', expected 'final' or 'validation' because only these lines"
    ):
        result.curve("accuracy")
    with pytest.raises(ValueError, match=r"name is 'acc', expected one of 'accuracy', "):
        result.curve("acc", "validation")
    with pytest.raises(ValueError, match="kind is 'val', expected one of 'train', 'validation', 'final'"):
        result.curve("accuracy", "val")
    none = ir.fit(net_for(adding()), adding(), ir.Adam(), iterations=1, validate_every=0, **QUIET)
    assert none.curve("mse", "validation") == ([], [])  # a run without validations
    with pytest.raises(
        ValueError, match=r"name is 'acc', expected one of 'accuracy', 'binary_cross_entropy', 'bits'"
    ):
        none.curve("acc", "validation")


def test_a_plan_and_its_fields_as_keywords_train_to_the_same_bits():
    plan = ir.Plan(iterations=2, batch=4, log_every=1, schedule=ir.Constant(0.01))
    nets, data = (network(), network(), network()), ir.Data(X, y=LABELS)
    ir.fit(nets[0], (X, LABELS), ir.Adam(0.01), iterations=2, batch=4, log_every=1, **QUIET)
    ir.fit(nets[1], data, ir.Adam(0.01), plan=plan, **QUIET)
    result = ir.fit(nets[2], data, ir.Adam(0.01), plan=plan, batch=N, validation=data, **QUIET)
    assert nets[0].flat.tobytes() == nets[1].flat.tobytes() != nets[2].flat.tobytes()
    assert result.summary["plan"]["batch"] == N and plan.batch == 4


def test_a_complete_plan_has_no_open_field():
    task = tasks.arrays.Arrays(X, LABELS, validation=0.25)
    whole = ir.Plan(epochs=3, batch=4).complete(task, lr=0.5, done=7)
    assert (whole.iterations, whole.loss, whole.validate_every) == (7 + 3 * 2, "softmax_cross_entropy", 2)
    assert whole.schedule == ir.Constant(0.5) and whole.epochs is None
    assert "schedule" not in whole.spec() and whole.spec()["batch"] == 4
    for plan in (ir.Plan(), ir.Plan(iterations=2, epochs=1)):
        with pytest.raises(
            ValueError, match=r"Plan: iterations is .* and epochs is .*, expected exactly one"
        ):
            plan.complete(task, 0.1)


def test_a_true_answer_of_any_callback_interrupts_and_all_are_called():
    seen = []
    result = fit(iterations=9, callbacks=[lambda iteration: iteration == 2, seen.append])
    assert result.summary["ended"] == "interrupted" and seen == [0, 1, 2]


def test_old_keywords_warn_and_work(tmp_path):
    net, seen, kept = network(), [], {"answer": 1}
    arguments = (net, (X, LABELS), ir.Adam(0.01))

    def watch(iteration):
        seen.append(iteration)
        return True  # without a meaning in version 0.1.0

    with pytest.warns(DeprecationWarning, match="fit: watch is now an entry of callbacks") as caught:
        ir.fit(*arguments, iterations=1, watch=watch, clip_norm=None, **QUIET)
    assert seen == [0, 1] and caught[0].filename == __file__
    with pytest.warns(DeprecationWarning, match="fit: stop is now an entry of callbacks"):
        assert ir.fit(*arguments, iterations=9, stop=lambda: True, **QUIET).summary["ended"] == "interrupted"
    old = {"reporter": Reporter(False, tmp_path / "log.txt"), "settings": kept, "notes": ["a note"]}
    with pytest.warns(DeprecationWarning, match="fit: (reporter|settings|notes) is now"):
        ir.fit(*arguments, iterations=1, out=tmp_path / "run", **old)
    assert (tmp_path / "log.txt").read_text().startswith("a note\n")
    assert ir.load(next((tmp_path / "run" / "checkpoints").glob("*.npz"))).meta["settings"] == kept
