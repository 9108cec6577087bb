"""Losses and metrics of the user, and the predictions of a result."""

import numpy as np
import pytest
from scipy.special import softmax

import indrnn_np as ir

T, N, D, K = 5, 12, 2, 3
RNG = np.random.default_rng(0)
X = RNG.standard_normal((T, N, D)).astype(np.float32)
VALUES = RNG.standard_normal((N, K)).astype(np.float32)
LABELS = RNG.integers(0, K, N)
STEPS = RNG.integers(0, K, (T, N))
LENGTHS = np.arange(N) % T + 1


def fit(y, *lengths, output="last", backend="reference", **options):
    net = ir.plain(D, 4, K, 1, T, output=output, backend=backend)
    options = {"iterations": 6, "batch": 4, "progress": False, "log_every": 1} | options
    return ir.fit(net, (X, y, *lengths), ir.Adam(0.01), **options)


def squares(y, target):
    return float(np.mean((y - target) ** 2)), 2 * (y - target) / y.size


def nats(y, labels):
    p = softmax(y, axis=-1)
    rows = np.arange(len(labels))
    return -float(np.mean(np.log(p[rows, labels]))), (p - np.eye(K, dtype=p.dtype)[labels]) / len(labels)


def test_a_loss_of_ones_own_trains_like_the_same_loss_of_the_package():
    own, known = fit(VALUES, loss=squares, validation=0.25), fit(VALUES, loss="mse", validation=0.25)
    np.testing.assert_allclose(own.net.flat, known.net.flat, rtol=1e-5, atol=1e-6)
    assert (
        own.summary["loss"] == own.summary["metric"] == "squares" and own.summary["plan"]["loss"] == "squares"
    )
    np.testing.assert_allclose(own.curve("squares")[1], known.curve("mse")[1], rtol=1e-5)
    np.testing.assert_allclose(
        own.curve("squares", "validation")[1], known.curve("mse", "validation")[1], rtol=1e-5
    )
    assert own.summary["best"]["value"] == min(own.curve("squares", "validation")[1])


def test_it_reads_the_rows_within_the_lengths_only():
    own = fit(STEPS, LENGTHS, output="every", loss=nats, validation=0.25)
    known = fit(STEPS, LENGTHS, output="every", validation=0.25)
    np.testing.assert_allclose(own.net.flat, known.net.flat, rtol=1e-4, atol=1e-6)
    line = own.history[-1]
    assert line["kind"] == "final" and line["nats"] == pytest.approx(
        known.history[-1]["softmax_cross_entropy"], rel=1e-4
    )
    assert line["accuracy"] == known.history[-1]["accuracy"]


def test_metrics_of_ones_own_see_the_whole_split_once():
    seen = []

    def classes(y, labels):
        seen.append((y.shape, labels.shape))
        return len(np.unique(labels))

    result = fit(
        LABELS, metrics={"classes": classes}, validation=(X, LABELS), evaluation_batch=5, validate_every=3
    )
    assert seen == [((N, K), (N,))] * 2
    assert result.curve("classes", "validation")[1] == [K, K] and result.summary["metric"] == "accuracy"
    ragged = fit(
        STEPS, LENGTHS, output="every", metrics={"rows": lambda y, t: len(y)}, validation=(X, STEPS, LENGTHS)
    )
    assert ragged.history[-1]["rows"] == LENGTHS.sum()


@pytest.mark.parametrize(
    ("loss", "error", "words"),
    [
        (lambda y, t: 1.0, TypeError, r"loss <lambda>: its result is a float, expected a tuple \(loss, dy\)"),
        (
            lambda y, t: (1.0, y[0]),
            ValueError,
            r"loss <lambda>: dy has shape \(3,\), expected \(4, 3\) to match y",
        ),
        (lambda y, t: ("a", y), TypeError, "loss <lambda>: the loss is a str, expected a number"),
        (
            lambda y, t: (1.0, y * 1j),
            ValueError,
            "loss <lambda>: dy has dtype complex64, expected float32 to match y",
        ),
        (lambda y, t: (1.0, [[1], [1, 2]]), ValueError, "loss <lambda>: dy is a list that NumPy cannot read"),
        (
            lambda y, t: (1.0, np.ma.array(y, mask=y > 0)),
            TypeError,
            "loss <lambda>: dy is a MaskedArray, expected a numpy.ndarray because its mask would be ignored",
        ),
        (lambda y, t: (np.nan, y), ArithmeticError, "the loss is nan in iteration 0"),
    ],
)
def test_a_wrong_loss_is_refused(loss, error, words):
    with pytest.raises(error, match=words):
        fit(VALUES, loss=loss)


def test_functions_may_change_their_arguments():
    def changes(y, target):
        y -= target
        return float(np.mean(y**2)), 2 * y / y.size

    def reset(y, target):
        y[:] = target[:] = 0
        return 1.0

    def error(y, target):
        return float(np.mean((y - target) ** 2))

    layers = [ir.IndRNN(D, K, activation="tanh")]
    data, options = (X, np.tile(VALUES, (T, 1, 1))), {"iterations": 3, "batch": 4, "progress": False}
    trained = []
    for loss in (squares, changes):
        net = ir.Sequential(layers, steps=T, backend="reference")
        result = ir.fit(
            net,
            data,
            ir.Adam(0.01),
            loss=loss,
            validation=0.25,
            metrics={"reset": reset, "error": error},
            **options,
        )
        trained.append(net.flat.tobytes())
        final = result.history[-1]
        assert final["error"] == pytest.approx(final[loss.__name__])
    assert trained[0] == trained[1]


def test_a_batch_without_targets_is_refused():
    values = np.zeros((T, N, K), np.float32)
    words = "loss squares: no row is counted, expected at least one row to take a mean over"
    with pytest.raises(ValueError, match=words):
        fit(values, LENGTHS * 0, output="every", loss=squares)


def named(name):
    def loss(y, target):
        return squares(y, target)

    loss.__name__ = name
    return loss


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (
            {"loss": named("kind")},
            ValueError,
            "the loss is called 'kind', expected another name because the lines",
        ),
        ({"loss": named("softmax_cross_entropy")}, ValueError, "the loss is called 'softmax_cross_entropy'"),
        ({"loss": squares, "metrics": {"squares": squares}}, ValueError, "a metric is called 'squares'"),
        (
            {"metrics": {"accuracy": squares}},
            ValueError,
            "a metric is called 'accuracy', expected another name",
        ),
        (
            {"metrics": {"iteration": squares}},
            ValueError,
            "a metric is called 'iteration', expected another name",
        ),
        ({"metrics": {1: squares}}, ValueError, "a metric is called 1, expected another name"),
        ({"metrics": {"a": 3}}, TypeError, r"metric a is 3, expected a function f\(y, target\)"),
        ({"metrics": [squares]}, TypeError, "metrics is a list, expected a dict of functions"),
    ],
)
def test_names_of_functions_differ_from_the_entries_of_a_run(options, error, words):
    with pytest.raises(error, match=f"^Plan: {words}"):
        ir.Plan(iterations=1, **options)


def test_a_run_resumes_with_its_loss_only(tmp_path):
    half = fit(VALUES, loss=squares, out=tmp_path, iterations=3)
    resumed = fit(VALUES, loss=squares, out=tmp_path, resume=tmp_path)
    assert resumed.history[:3] == half.history and resumed.summary["iterations"] == 6
    with pytest.raises(
        ValueError, match=r"^fit: the loss is 'mse', expected 'squares' as in .* ir.load starts a"
    ):
        fit(VALUES, loss="mse", out=tmp_path, resume=tmp_path)


def test_a_graph_refuses_a_loss_of_ones_own():
    with pytest.raises(ValueError, match="graph is True, expected False because a graph repeats launches"):
        ir.Plan(iterations=1, loss=squares, graph=True)


def test_a_task_may_store_the_number_of_its_classes():
    result = fit(LABELS)
    result.summary["task"]["classes"] = K  # as skeletons
    assert result.classes.tolist() == [0, 1, 2]


def test_the_gradient_of_a_loss_that_changes_its_arguments_is_checked():
    def changes(y, target):
        y -= target
        target[:] = 0
        return float(np.mean(y**2)), 2 * y / y.size

    net = ir.Sequential([ir.IndRNN(D, K, activation="tanh")], steps=T, backend="reference")
    assert ir.gradcheck(net, X[:, :2], np.ones((T, 2, K)), loss=changes).passed


def test_predictions():
    labels, values = fit(LABELS), fit(VALUES)
    np.testing.assert_array_equal(labels.predict(X), labels.net(X).argmax(axis=-1))
    np.testing.assert_allclose(labels.predict_proba(X), softmax(labels.net(X), axis=-1), rtol=1e-6)
    np.testing.assert_array_equal(values.predict(X), values.net(X))
    with pytest.raises(
        ValueError, match=r"Result\.predict_proba: loss is 'mse', expected one of 'softmax_cross_entropy'"
    ):
        values.predict_proba(X)


def test_predictions_of_every_step_have_the_layout():
    result = fit(STEPS, output="every")
    predicted, p = result.predict(X), result.predict_proba(X)
    assert predicted.shape == (T, N)
    batch_first = X.swapaxes(0, 1)
    np.testing.assert_array_equal(result.predict(batch_first, layout="btd"), predicted.T)
    np.testing.assert_allclose(result.predict_proba(batch_first, layout="btd"), p.swapaxes(0, 1))
    assert result.predict_proba(X.transpose(1, 2, 0), layout="bdt").shape == (N, K, T)


def test_predictions_read_new_data_in_the_layout_of_fit():
    batch_first, net = X.swapaxes(0, 1), ir.plain(D, 4, K, 1, T, backend="reference")
    result = ir.fit(net, (batch_first, LABELS), ir.Adam(0.01), layout="btd", iterations=1, progress=False)
    np.testing.assert_array_equal(result.predict(batch_first), result.predict(X, layout="tbd"))
    np.testing.assert_array_equal(result.predict_proba(batch_first), result.predict_proba(X, layout="tbd"))


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "binary_cross_entropy"])
def test_an_output_that_is_nan_is_no_label(loss):
    result, x = fit(np.eye(K)[LABELS], loss=loss), X.copy()
    x[0, 2, 0] = np.nan
    with pytest.raises(ValueError, match=r"Result\.predict: net\(x\)\[2, 0\] is nan"):
        result.predict(x)
    assert result.predict(x, lengths=np.where(np.arange(N) == 2, 0, T)).shape[0] == N
    assert np.isnan(fit(VALUES).predict(x)[2]).all()
