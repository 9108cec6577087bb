"""Training on the user's own arrays: batches, splits, and what is wrong with arrays that are wrong."""

import numpy as np
import pytest

from indrnn_np.tasks.arrays import Arrays

T, N, D, K = 6, 23, 3, 4


def data(rng=None):
    rng = np.random.default_rng(0) if rng is None else rng
    return rng.standard_normal((T, N, D)), np.arange(N) % K


def test_an_epoch_holds_every_sample_once_and_ends_with_what_is_left():
    x, y = data()
    x[0, :, 0] = np.arange(N)
    task = Arrays(x, y)
    assert task.epoch_length(5) == 5 and task.epoch_length(100) == 1
    for epoch in (0, 1):
        batches = [task.batch(5 * epoch + i, 5) for i in range(5)]
        numbers = np.concatenate([batch.x[0, :, 0] for batch in batches])
        assert [len(batch.target) for batch in batches] == [5, 5, 5, 5, 3]
        assert sorted(numbers) == list(range(N)) and list(numbers) != sorted(numbers)
        np.testing.assert_array_equal(np.concatenate([b.target for b in batches]), numbers.astype(int) % K)
        assert all(batch.x.flags.c_contiguous for batch in batches)
    np.testing.assert_array_equal(task.batch(3, 5).x, Arrays(x, y).batch(3, 5).x)
    assert (task.batch(3, 5).x != Arrays(x, y, seed=1).batch(3, 5).x).any()


@pytest.mark.parametrize(
    ("y", "loss", "output", "size"),
    [
        (np.zeros(N, int), "softmax_cross_entropy", "last", 1),
        (np.full((T, N), 2, np.uint8), "softmax_cross_entropy", "every", 3),
        (np.zeros((N, 2)), "mse", "last", 2),
        (np.zeros((T, N, 5), np.float32), "mse", "every", 5),
    ],
)
def test_y_tells_the_loss_and_when_it_is_read(y, loss, output, size):
    task = Arrays(data()[0], y)
    assert (task.loss, task.output, task.output_size, task.input_size, task.steps) == (
        loss,
        output,
        size,
        D,
        T,
    )
    assert task.batch(0, 7).target.shape == ((7, *y.shape[1:]) if output == "last" else (T, 7, *y.shape[2:]))


def test_lengths_go_with_their_samples():
    x, y = data()
    lengths = np.arange(N) % T
    x[0, :, 0] = lengths
    batch = Arrays(x, y, lengths).batch(0, 6)
    np.testing.assert_array_equal(batch.x[0, :, 0], batch.lengths)
    assert batch.steps == batch.lengths.sum()


def test_validation_by_share_and_by_arrays():
    x, y = data()
    x[0, :, 0] = np.arange(N)
    task = Arrays(x, y, validation=0.2)
    held = np.concatenate([b.x[0, :, 0] for b in task.evaluation("validation", 2)])
    trained = np.concatenate([task.batch(i, 6).x[0, :, 0] for i in range(task.epoch_length(6))])
    assert task.splits == ("validation",) and len(held) == 5 and sorted([*held, *trained]) == list(range(N))
    own = Arrays(x, y, validation=(x[:, :4], y[:4]))
    assert next(own.evaluation("validation", 10)).target.tolist() == [0, 1, 2, 3]
    assert own.describe()["samples"] == {"train": N, "validation": 4}
    random = own.evaluation("train", 5)
    assert next(random).x.shape == next(random).x.shape == (T, 5, D)


def spoilt(index, value):
    x = data()[0]
    x[index] = value
    return x


X, Y = data()
WRONG = [
    (
        (X.transpose(1, 0, 2).copy(), Y),
        {},
        r"x has shape \(23, 6, 3\).*batch first, expected x with time first, \(T, N, D\)",
    ),
    (
        (X.transpose(1, 0, 2).copy(), Y),
        {},
        r"numpy.ascontiguousarray\(x.transpose\(1, 0, 2\)\) is \(T, B, D\); .*layout=\"btd\" reads batch first",
    ),
    ((X.transpose(1, 0, 2), Y), {}, "looks like batch first"),
    ((X[0], Y), {}, r"x has shape \(23, 3\), expected \(T, N, D\), time first"),
    ((X.astype(int), Y), {}, "x has dtype int64, expected float32 or float64"),
    ((X, Y[:5]), {}, r"y has shape \(5,\), expected \(23,\) first to match x with shape \(6, 23, 3\)"),
    ((X, Y.astype(complex)), {}, "y has dtype complex128, expected integer labels or real values"),
    ((X, Y.astype(object)), {}, "y contains 0, expected strings, or an array of numbers"),
    ((X, Y.astype(float)), {}, r"y has shape \(23,\), expected integers \(N,\) or \(T, N\), or floats"),
    (
        (spoilt((2, 5, 1), np.nan), Y),
        {},
        r"x\[2, 5, 1\] is nan, expected finite numbers \(1 of them are not\)",
    ),
    ((X, np.full((N, 1), np.inf)), {}, r"y\[0, 0\] is inf"),
    ((X, Y - 1), {}, r"y\[0\] is -1, expected 0 to 2 because there are 3 classes"),
    ((X, Y), {"classes": 3}, r"y\[3\] is 3, expected 0 to 2 because there are 3 classes"),
    ((X, Y, np.full(N, T + 1)), {}, r"lengths\[0\] is 7, expected 0 to 6"),
    ((X, Y), {"validation": 1.0}, "validation is 1.0, expected a number from 0.0 to below 1.0"),
    ((X[:, :1], Y[:1]), {"validation": 0.5}, "samples left to train on is 0"),
    ((X, Y), {"validation": (X[:, :, :2].copy(), Y)}, "validation x, validation y have shapes"),
    ((X[:0], Y), {}, r"x has shape \(0, 23, 3\), expected at least one step, sample and input"),
]


@pytest.mark.parametrize(("arrays", "options", "words"), WRONG)
def test_what_is_wrong_is_said(arrays, options, words):
    with pytest.raises(ValueError, match=words):
        Arrays(*arrays, **options)


def test_lists_are_read_as_arrays():
    task = Arrays(X.tolist(), Y.tolist(), [T] * N)
    np.testing.assert_array_equal(task.batch(0, 5).x, Arrays(X, Y).batch(0, 5).x)
    with pytest.raises(
        ValueError, match=r"tasks.Arrays: x has shape \(1, 1\), expected \(T, N, D\), time first"
    ):
        Arrays([[1.0]], [0])
    with pytest.raises(TypeError, match=r"tasks.Arrays: y is a NoneType, expected a numpy.ndarray"):
        Arrays(X, None)


def test_there_is_no_validation_unless_asked_for():
    with pytest.raises(ValueError, match=r"split is 'validation', expected one of 'train'"):
        next(Arrays(X, Y).evaluation("validation", 5))
    assert Arrays(X, Y, validation=0.0).splits == ()
    with pytest.raises(ValueError, match=r"tasks.Arrays: batch is 0"):
        Arrays(X, Y).epoch_length(0)
