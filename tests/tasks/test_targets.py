"""Targets as users have them: each form trains to the bits of the integers or numbers that it stands for."""

import numpy as np
import pandas as pd
import pytest

import indrnn_np as ir

T, N, D, K = 5, 12, 2, 3
RNG = np.random.default_rng(0)
X = RNG.standard_normal((T, N, D)).astype(np.float32)
LABELS = np.concatenate([np.arange(K), RNG.integers(0, K, N - K)])
STEPS = RNG.integers(0, K, (T, N))
STEPS[0, :K] = np.arange(K)
LENGTHS = np.arange(N) % T + 1
NAMES = np.array(["ant", "bee", "cat"])
EYE = np.eye(K, dtype=int)
LISTS = np.array([[1], [2, 3]] * 6, object)


def fit(y, x=X, output="last", outputs=K, **options):
    net = ir.plain(D, 4, outputs, 1, T, output=output, backend="reference")
    data = (x, y, LENGTHS) if options.pop("ragged", False) else (x, y)
    return ir.fit(net, data, ir.Adam(0.01), iterations=3, batch=4, progress=False, **options)


def bits(*args, **options):
    return fit(*args, **options).net.flat.tobytes()


@pytest.mark.parametrize(
    "y",
    [
        NAMES[LABELS], NAMES[LABELS].tolist(), NAMES[LABELS].astype(object), pd.Series(NAMES[LABELS]),
        pd.Categorical(NAMES[LABELS]),
    ],
)  # fmt: skip
def test_strings_are_labels(y):
    result = fit(y, validation=0.2)
    assert result.net.flat.tobytes() == bits(LABELS, validation=0.2)
    assert result.summary["task"]["classes"] == NAMES.tolist() == result.classes.tolist()
    predicted = result.predict(X)
    assert predicted.tolist() == NAMES[result.net(X).argmax(-1)].tolist()


@pytest.mark.parametrize("dtype", [int, bool, np.float32])
def test_one_hot_rows_are_labels(dtype):
    options = {"loss": "softmax_cross_entropy"}
    assert bits(EYE[LABELS].astype(dtype), **options) == bits(LABELS)
    every = EYE[STEPS].astype(dtype)
    assert bits(every, output="every", **options) == bits(STEPS, output="every")


def test_booleans_are_two_classes():
    y = LABELS > 0
    result = fit(y, outputs=2)
    assert fit([True] * N, outputs=2).classes.tolist() == [False, True]
    assert fit(np.array([True] * N, object), outputs=2).classes.tolist() == [False, True]
    assert result.net.flat.tobytes() == bits(y.astype(int), outputs=2)
    assert result.predict(X).dtype == np.bool_


def test_labels_of_every_step_follow_the_layout():
    expected = bits(STEPS, output="every", ragged=True)
    words = NAMES[STEPS]
    words[np.arange(T)[:, None] >= LENGTHS] = "never read"
    assert bits(words, output="every", ragged=True) == expected
    samples, labels = [[a[:n, i] for i, n in enumerate(LENGTHS)] for a in (X, words)]
    options = {"output": "every", "layout": "btd"}
    assert bits(labels, samples, **options) == expected
    whole = {"output": "every"}
    assert bits(NAMES[STEPS].T, X.swapaxes(0, 1), layout="btd", **whole) == bits(STEPS, **whole)


def test_values_need_no_axis_for_one_output():
    y = RNG.standard_normal(N).astype(np.float32)
    assert bits(y, outputs=1) == bits(y[:, None], outputs=1)
    every = RNG.standard_normal((T, N)).astype(np.float32)
    options = {"output": "every", "outputs": 1}
    assert bits(every, **options) == bits(every[..., None], **options)
    whole = LABELS.astype(np.float32)
    assert bits(LABELS, outputs=1, loss="mse") == bits(whole, outputs=1)


WRONG = [
    (NAMES[:2][LABELS % 2], {}, r"y has 2 classes \('ant', 'bee'\), expected 3 because the network has 3 outputs"),
    (LABELS > 0, {}, r"y has 2 classes \(False, True\), expected 3"),
    (["ant", 3] * 6, {}, r"y has 2 classes \('3', 'ant'\), expected 3"),
    (np.array(["ant", None] * 6), {}, "y contains None, expected strings, or an array of numbers"),
    (EYE[LABELS] * 2, {"loss": "softmax_cross_entropy"}, r"y\[0\] is \[2, 0, 0\], expected a single 1 among zeros"),
    (np.ones((N, K)), {"loss": "softmax_cross_entropy"}, r"y\[0\] is \[1.0, 1.0, 1.0\], expected a single 1"),
    (LABELS.astype(float), {"loss": "softmax_cross_entropy"}, "y has dtype float64, expected integers, strings"),
    (NAMES[LABELS], {"loss": "mse"}, "y has dtype <U3, expected a dtype of numbers"),
    (LABELS.astype(float), {}, r"y has shape \(12,\), expected \(12, 3\) because the network has 3 outputs; y.astype"),
    (LABELS + 1, {}, r"y\[2\] is 3, expected 0 to 2 because there are 3 classes; numpy.unique\(y, return_inverse=True"),
    (LABELS, {"outputs": 1}, r'y\[1\] is 1, expected 0 to 0 because there is 1 class; loss="mse" reads y as values'),
    (NAMES[LABELS], {"validation": (X, ["dog"] * N)}, r"validation y\[0\] is 'dog', expected one of 'ant', 'bee'"),
    (NAMES[LABELS], {"validation": (X, LISTS)}, r"validation y\[0\] is '\[1\]', expected one of 'ant', 'bee'"),
    (LISTS, {}, r"y contains \[1\], expected strings, or an array of numbers"),
    (np.array([True, "ant"] * 6, object), {}, "y contains 'ant', expected booleans"),
    (NAMES[STEPS.T], {"output": "every", "ragged": True}, r"y has shape \(12, 5\), expected integers"),
]  # fmt: skip


@pytest.mark.parametrize(("y", "options", "words"), WRONG)
def test_what_cannot_be_read_is_refused(y, options, words):
    with pytest.raises(ValueError, match=rf"^fit: {words}"):
        fit(y, **options)


def test_targets_in_a_list_have_the_steps_of_their_inputs():
    samples, labels = [[a[:n, i] for i, n in enumerate(LENGTHS)] for a in (X, STEPS)]
    options = {"output": "every", "layout": "btd"}
    expected = bits(STEPS, output="every", ragged=True)
    batch_first = X.swapaxes(0, 1)
    assert bits(labels, batch_first, ragged=True, **options) == expected
    assert bits([STEPS[:, i] for i in range(N)], samples, **options) == expected  # all have T steps
    for y, x, words in [
        (labels[::-1], samples, r"y\[0\] has 2 steps, expected 1 as x\[0\]"),
        (labels, batch_first, r"y\[0\] has 1 steps, expected 5 as x\[0\]"),
    ]:
        with pytest.raises(ValueError, match=rf"^fit: {words}"):
            fit(y, x, **options)


def test_padding_of_one_hot_rows_causes_no_warning():
    y = np.eye(K)[STEPS]
    y[np.arange(T)[:, None] >= LENGTHS] = np.inf, -np.inf, np.nan
    options = {"output": "every", "ragged": True}
    assert bits(y, loss="softmax_cross_entropy", **options) == bits(STEPS, **options)


def test_integers_are_numbers_for_a_loss_of_ones_own_with_one_output():
    def squares(y, target):
        assert target.shape == y.shape
        return float(np.mean((y - target) ** 2)), 2 * (y - target) / y.size

    counts = LABELS * 3
    assert bits(counts, outputs=1, loss=squares) == bits(counts * 1.0, outputs=1, loss=squares)


def test_a_list_holds_sequences():
    words = r"y\[0\] is 0, expected a sequence because a list holds sequences"
    with pytest.raises(ValueError, match=words):
        fit(list(LABELS), X.swapaxes(0, 1), output="every", layout="btd")


def test_sequences_of_a_list_share_a_dtype():
    mixed = [np.zeros((3, D), "M8[s]"), *[np.zeros((3, D))] * (N - 1)]
    words = r"x has sequences of dtypes datetime64\[s\], float64, expected one dtype for all"
    with pytest.raises(ValueError, match=words):
        fit(LABELS, mixed, layout="btd")


def test_several_labels_a_sample():
    """Booleans of K labels train like numbers 0 and 1, and are predicted as booleans."""
    y = RNG.random((N, K)) < 0.4
    options = {"loss": "binary_cross_entropy", "validation": 0.25}
    result = fit(y, **options)
    assert (
        result.net.flat.tobytes() == bits(y.astype(np.float32), **options) == bits(y.astype(int), **options)
    )
    np.testing.assert_array_equal(result.predict(X), result.net(X) > 0)
    np.testing.assert_allclose(result.predict_proba(X), 1 / (1 + np.exp(-result.net(X))), rtol=1e-5)
    assert result.summary["metric"] == "binary_cross_entropy" and "accuracy" in result.history[-1]
    single = fit(y[:, 0], outputs=1, loss="binary_cross_entropy")
    assert single.predict(X).shape == (N, 1)
    with pytest.raises(ValueError, match=r"target\[0, 0\] is 2\.0, expected"):
        fit(np.full((N, K), 2), loss="binary_cross_entropy")
