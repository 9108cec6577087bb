"""The scikit-learn estimators: the checks of scikit-learn, the forms of X, and its tools around them."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from indrnn_np.sklearn import IndRNNClassifier, IndRNNRegressor

RNG = np.random.default_rng(0)
N, T, D = 24, 7, 2
X = RNG.standard_normal((N, T, D))
Y = np.where(np.arange(N) % 2, "up", "down")
X[Y == "up", :, 0] += 2
LENGTHS = np.arange(N) % T + 1
RAGGED = [x[:n] for x, n in zip(X, LENGTHS, strict=True)]
SMALL = {"hidden": 6, "layers": 1, "epochs": 15, "backend": "reference", "random_state": 0}
ESTIMATORS = (IndRNNClassifier, IndRNNRegressor)


def classifier(**options):
    return IndRNNClassifier(**SMALL | options)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")  # of scikit-learn
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_scikit_learns_own_checks(kind):
    """With default parameters and no expected failure."""
    passed = [result for result in check_estimator(kind(), on_skip=None) if result["status"] == "passed"]
    assert len(passed) >= 50


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_constructor_only_stores(kind):
    options = {"hidden": "many", "layers": -1, "epochs": None, "random_state": object()}
    model = kind(**options)
    assert {name: getattr(model, name) for name in options} == options
    with pytest.raises(NotFittedError):
        kind().predict(X)


def test_the_network_has_the_options_of_the_estimator():
    layer = classifier(epochs=1, activation="tanh", time="parallel").fit(X, Y).net_.layers[0]
    assert (layer.activation, layer.time) == ("tanh", "parallel")


@pytest.mark.parametrize("layout", ["ntd", "ndt"])
def test_every_form_of_x_trains_to_the_same_numbers(layout):
    turn = (lambda x: x) if layout == "ntd" else (lambda x: x.swapaxes(-1, -2))
    expected = classifier().fit(X, Y)
    for form in (turn(X), [turn(x) for x in X], [turn(x).tolist() for x in X]):
        model = classifier(layout=layout).fit(form, Y)
        assert model.net_.flat.tobytes() == expected.net_.flat.tobytes()
        np.testing.assert_array_equal(model.predict_proba(form), expected.predict_proba(X))
    ragged = classifier(layout=layout).fit([turn(x) for x in RAGGED], Y)
    assert ragged.predict([turn(x) for x in RAGGED[:3]]).shape == (3,) and ragged.n_features_in_ == D


def test_a_table_has_one_series_in_each_row():
    table = X[:, :, 0]
    model, sequences = classifier().fit(table, Y), classifier().fit(table[..., None], Y)
    assert model.net_.flat.tobytes() == sequences.net_.flat.tobytes()
    assert (model.n_features_in_, sequences.n_features_in_) == (T, 1)
    sequences.predict(table[:, :3, None])  # T is free
    with pytest.raises(ValueError, match="X has 3 features, but IndRNNClassifier is expecting 7 features"):
        model.predict(table[:, :3])
    with pytest.raises(
        ValueError, match=r"IndRNNClassifier: X is sequences, expected a table \(n, T\) as in fit"
    ):
        model.predict(table[..., None])
    with pytest.raises(ValueError, match="IndRNNClassifier: X has 1 inputs, expected 2 as in fit"):
        classifier().fit(X, Y).predict(X[:, :, :1])
    with pytest.raises(ValueError, match="layout is 'dnt', expected one of 'ntd', 'ndt'"):
        classifier(layout="dnt").fit(X, Y)
    with pytest.raises(ValueError, match=r"time-major X\[2, 0, 1\] is nan"):
        classifier().fit(
            [x if i else np.where(x == x[2, 1], np.nan, x) for i, x in enumerate(RAGGED[6:])], Y[6:]
        )


def test_it_learns_and_tells_its_history():
    model = classifier(epochs=40, validation=0.25).fit(RAGGED, Y)
    assert model.classes_.tolist() == ["down", "up"] and model.score(RAGGED, Y) > 0.8
    np.testing.assert_array_equal(model.predict(X), model.classes_[model.predict_proba(X).argmax(axis=1)])
    kinds = [line["kind"] for line in model.history_]
    assert kinds.count("train") == kinds.count("validation") == 40
    target = X[:, :, :1].mean(axis=1)
    regressor = IndRNNRegressor(**SMALL | {"epochs": 60, "learning_rate": 0.02}).fit(X, target)
    assert regressor.predict(X).shape == (N, 1) and regressor.score(X, target) > 0.5
    assert regressor.fit(X, target[:, 0]).predict(X).shape == (N,)


def test_partial_fit_makes_one_pass_at_a_constant_rate():
    model = classifier()
    with pytest.raises(ValueError, match="classes is None, expected all labels, in the first call"):
        model.partial_fit(X, Y)
    only_up = Y == "up"
    model.partial_fit(X[only_up], Y[only_up], classes=["up", "down"])
    assert model.classes_.tolist() == ["down", "up"] and model.net_.iteration == 1
    for _ in range(3):
        model.partial_fit(X, Y)
    assert {line["lr"] for line in model.history_ if line["kind"] == "train"} == {0.01}
    with pytest.raises(ValueError, match=r"y contains 'left', expected one of \['down', 'up'\]"):
        model.partial_fit(X, np.full(N, "left"))
    with pytest.raises(
        ValueError, match=r"classes is \['a'\], expected \['down', 'up'\] as in the first call"
    ):
        model.partial_fit(X, Y, classes=["a"])
    with pytest.raises(ValueError, match="x has 9 steps, expected at most 7 in training"):
        model.partial_fit(np.zeros((N, 9, D)), Y)
    assert IndRNNRegressor(**SMALL).partial_fit(X, X[:, 0, 0]).net_.iteration == 1


def test_copies_and_seeds():
    model = classifier().fit(X, Y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert clone(model).get_params() == model.get_params() and not hasattr(clone(model), "net_")
    assert classifier().fit(X, Y).net_.flat.tobytes() == model.net_.flat.tobytes()
    other = classifier(random_state=np.random.RandomState(1)).fit(X, Y)
    assert other.net_.flat.tobytes() != model.net_.flat.tobytes()


def test_progress_is_shown_on_request_only(capsys):
    classifier().fit(X, Y)
    silent = capsys.readouterr()
    classifier(verbose=1).fit(X, Y)
    assert silent.out + silent.err == "" and capsys.readouterr().err


def test_the_tools_of_scikit_learn_work():
    table, groups = X[:, :, 0], np.arange(N) // 3
    pipeline = make_pipeline(StandardScaler(), classifier())
    assert pipeline.fit(table, Y).score(table, Y) > 0.5
    grid = {"hidden": [3, 4]}
    for data, jobs in ((RAGGED, None), (X, 2)):
        search = GridSearchCV(classifier(epochs=2), grid, cv=GroupKFold(3), n_jobs=jobs).fit(
            data, Y, groups=groups
        )
        assert search.best_params_["hidden"] in grid["hidden"] and len(search.predict(data)) == N
    assert cross_val_score(classifier(epochs=2), RAGGED, Y, cv=2).shape == (2,)


def test_partial_fit_after_fit_has_the_whole_learning_rate():
    model = classifier(learning_rate=0.02).fit(X, Y)
    before = len(model.history_)
    model.partial_fit(X, Y)
    assert [line["lr"] for line in model.history_[before:] if line["kind"] == "train"] == [0.02]


def test_each_pass_reads_each_sample_once_and_has_a_line():
    """Also after parts of other sizes, and with a share held out."""
    model = classifier(batch=4)
    model.partial_fit(X[:20], Y[:20], classes=["down", "up"])  # 5 updates
    model.partial_fit(X, Y)  # 6 updates
    assert [line["epoch"] for line in model.history_ if line["kind"] == "train"] == [1, 2]
    model = classifier(batch=10, validation=0.25, epochs=2).fit(X[:14], Y[:14])  # 4 held out
    rates = [line["lr"] for line in model.history_ if line["kind"] == "train"]
    np.testing.assert_allclose(rates, [0.01, 0.005])  # a cosine over 2 updates


def test_series_of_any_lengths_stay_sequences():
    series = [x[:, 0] for x in RAGGED]
    model = classifier().fit(series, Y)
    single = np.concatenate([model.predict_proba([x]) for x in series])
    np.testing.assert_allclose(single, model.predict_proba(series))


def test_names_of_features_are_those_of_the_last_fit():
    model = classifier(epochs=1).fit(pd.DataFrame(X[:, :, 0]).rename(columns=str), Y)
    assert len(model.feature_names_in_) == T
    assert not hasattr(model.fit(X, Y), "feature_names_in_")


@pytest.mark.parametrize(
    ("options", "x", "y", "error", "words"),
    [
        ({"batch": 0}, X, Y, ValueError, "batch is 0, expected a number of at least 1"),
        ({"validation": None}, X, Y, TypeError, "validation is a NoneType, expected a number"),
        ({}, np.ma.array(X, mask=X > 0), Y, TypeError, "X is a MaskedArray, expected a numpy.ndarray"),
        ({}, X, np.ma.array(Y, mask=Y == "up"), TypeError, "y is a MaskedArray, expected a numpy.ndarray"),
        ({}, [[[1.0], [1.0, 2.0]]] * N, Y, ValueError, r"X\[0\] is a list that NumPy cannot read"),
    ],
)
def test_what_cannot_be_read_is_refused(options, x, y, error, words):
    with pytest.raises(error, match=f"^IndRNNClassifier: {words}"):
        classifier(**options).fit(x, y)
