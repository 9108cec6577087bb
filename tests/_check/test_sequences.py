"""Layouts, lists of sequences and data frames: each gives the numbers of the time-major array."""

import numpy as np
import pandas as pd
import pytest

import indrnn_np as ir

T, B, D, K = 6, 4, 2, 3
RNG = np.random.default_rng(0)
X = RNG.standard_normal((T, B, D)).astype(np.float32)
IDS = RNG.integers(0, 5, (T, B))
LENGTHS = [6, 2, 4, 1]
EVERY, LAST = "every", "last"


def net(output=EVERY, inputs=D):
    last = [ir.LastStep()] if output == LAST else []
    return ir.Sequential([ir.IndRNN(inputs, 5), *last, ir.Linear(5, K)], steps=T, backend="reference")


def symbols():
    return ir.Sequential([ir.Embedding(5, 4), ir.IndRNN(4, 4), ir.Linear(4, K)], steps=T, backend="reference")


@pytest.mark.parametrize(("layout", "axes"), [("btd", (1, 0, 2)), ("bdt", (1, 2, 0))])
def test_input_and_output_have_the_layout(layout, axes):
    y = net()(X)
    assert np.array_equal(net()(X.transpose(axes), layout=layout), y.transpose(axes))
    assert np.array_equal(net(LAST)(X.transpose(axes), layout=layout), net(LAST)(X))
    ends = np.array(LENGTHS)
    expected = net()(X, lengths=ends).transpose(axes)
    assert np.array_equal(net()(X.transpose(axes), lengths=ends, layout=layout), expected)


@pytest.mark.parametrize("kind", [np.asarray, np.ndarray.tolist, lambda part: pd.DataFrame(part)])
def test_a_list_of_sequences_of_any_lengths(kind):
    parts = [kind(X[:n, b]) for b, n in enumerate(LENGTHS)]
    expected = net()(X, lengths=np.array(LENGTHS))
    assert np.array_equal(net()(parts, layout="btd"), expected.swapaxes(0, 1))
    assert np.array_equal(net(LAST)(parts, layout="btd"), net(LAST)(X, lengths=np.array(LENGTHS)))
    turned = [kind(X[:n, b].T) for b, n in enumerate(LENGTHS)]
    assert np.array_equal(net(LAST)(turned, layout="bdt"), net(LAST)(parts, layout="btd"))


def test_a_list_of_equal_sequences_is_an_array():
    parts = [X[:, b] for b in range(B)]
    assert np.array_equal(net()(parts, layout="btd"), net()(X).swapaxes(0, 1))
    assert np.array_equal(
        net()(parts, lengths=LENGTHS, layout="btd"), net()(X, lengths=LENGTHS).swapaxes(0, 1)
    )


def test_one_input_needs_no_axis():
    one, small = X[:, :, :1], net(LAST, inputs=1)
    rows = one[..., 0].T
    expected = small(one)
    for form in (rows, rows.tolist(), pd.DataFrame(rows), [pd.Series(row) for row in rows]):
        assert np.array_equal(small(form, layout="btd"), expected)
    ragged = [row[:n] for row, n in zip(rows, LENGTHS, strict=True)]
    assert np.array_equal(small(ragged, layout="btd"), small(one, lengths=LENGTHS))


def test_symbols():
    expected = symbols()(IDS).swapaxes(0, 1)
    assert np.array_equal(symbols()(IDS.T, layout="btd"), expected)
    ragged = [IDS[:n, b] for b, n in enumerate(LENGTHS)]
    expected = symbols()(IDS, lengths=LENGTHS).swapaxes(0, 1)
    assert np.array_equal(symbols()(ragged, layout="btd"), expected)


def test_the_time_major_layout_never_reads_a_list_as_samples():
    """The meaning of a list does not depend on whether its entries have equal lengths."""
    assert np.array_equal(net()(list(X)), net()(X))
    with pytest.raises(
        ValueError, match='x is a list of sequences with 1 to 6 entries, expected layout="btd"'
    ):
        net()([X[:n, 0] for n in LENGTHS])


def test_errors_name_the_cure_for_arrays_of_other_libraries():
    with pytest.raises(
        TypeError, match=r"x is a DataFrame, expected a numpy.ndarray \(numpy.asarray converts\)"
    ):
        net().forward(pd.DataFrame(X[0]))


def test_errors_of_fit_say_that_an_index_is_time_major():
    x, y = X.swapaxes(0, 1).copy(), np.arange(B) % K
    x[3, 5, 1] = np.nan
    with pytest.raises(ValueError, match=r"time-major x\[5, 3, 1\] is nan"):
        ir.fit(net(LAST), (x, y), ir.Adam(), layout="btd", iterations=1, progress=False)


def test_an_array_of_objects_is_a_list_of_sequences():
    parts = [X[:n, b] for b, n in enumerate(LENGTHS)]
    objects = np.empty(B, object)
    objects[:] = parts
    for form in (objects, pd.Series(parts)):
        assert np.array_equal(net()(form, layout="btd"), net()(parts, layout="btd"))


REFUSED = [
    (X, {"layout": "dbt"}, "layout is 'dbt', expected one of 'tbd', 'btd', 'bdt'"),
    ([], {"layout": "btd"}, "number of sequences in x is 0"),
    (
        [X[:, 0], X[:, 0, :1]],
        {"layout": "btd"},
        r"x\[1\] has shape \(6, 1\), expected \(T, 2\) to match x\[0\]",
    ),
    ([X[:n, 0].T for n in LENGTHS], {"layout": "btd"}, r'x\[1\] has shape \(2, 2\), .*; layout="bdt" reads'),
    (
        X[:, 0],
        {"layout": "btd"},
        r"x has shape \(6, 2\), expected 3 axes because the first layer has 2 inputs; x\[None",
    ),
    ([X[:, 0], X[:, 0, 0]], {"layout": "btd"}, r"x\[1\] has shape \(6,\), expected \(T, 2\)"),
    (
        [X[:2, 0], X[:, 0]],
        {"layout": "btd", "lengths": [2, 6]},
        "lengths has shape .2,., expected None because the",
    ),
    (
        [X[:, 0], np.ma.masked_array(X[:, 0])],
        {"layout": "btd"},
        "x.1. is a MaskedArray, expected a numpy.ndarray",
    ),
    (X[0, 0], {"layout": "btd"}, r"x has shape \(2,\), expected"),
]


@pytest.mark.parametrize(("x", "options", "words"), REFUSED)
def test_what_cannot_be_read_is_refused(x, options, words):
    with pytest.raises((TypeError, ValueError), match=rf"^Sequential\.forward: .*{words}"):
        net()(x, **options)
