"""scikit-learn estimators (extra `sklearn`): a plain stack of IndRNN layers that reads the last step.

X (n, T)       n series with one input; T is the number of features
X (n, T, D)    n sequences with D inputs; T may differ between calls
a list         n sequences (T_i, D) or (T_i,) of any lengths
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.special

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_array, check_consistent_length, check_random_state, column_or_1d
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        'indrnn_np.sklearn needs scikit-learn 1.6 or newer: pip install "indrnn-np[sklearn]"'
    ) from error

from . import _check
from ._check import sequences
from ._types import Array, ArrayInput, Json
from .networks.plain_stack import plain
from .optim.optimizers import Adam
from .optim.schedules import Cosine
from .tasks.targets import MSE, SOFTMAX
from .training.fit import fit

if TYPE_CHECKING:
    from .networks.sequential import Sequential

STATISTICS = 1000  # samples from which the final statistics of batch norm are computed, at most
LAYOUTS = {"ntd": "btd", "ndt": "bdt"}


class IndRNNEstimator(BaseEstimator):
    """Parameters, input and training that the classifier and the regressor share.

    Parameters
    ----------
    hidden, layers : int
        Units of each recurrent layer, and number of layers.
    activation : str
        "relu", "tanh", "sigmoid" or "identity".
    batchnorm : bool
        Use batch norm after each layer.
    dropout : float
        Dropout rate after each layer.
    epochs : int
        Passes of `fit` through the data.
    batch : int
        Samples per batch.
    learning_rate : float
        Learning rate of Adam. `fit` reduces it to 0 along a cosine; `partial_fit` keeps it.
    clip_norm : float
        Limit of the norm of the gradient. 0: no limit.
    validation : float
        Share of the samples that is held out and evaluated after each epoch, for `history_`.
    steps : int, optional
        Longest sequence, from which the bound on |u| follows. None: the longest in the first call.
    layout : {"ntd", "ndt"}
        Order of the axes of a 3D X, and of the sequences in a list: (T_i, D) or (D, T_i).
    backend : str
        "cpu", "reference" or "cuda".
    dtype : str
        "float64", or "float32", which is faster; predictions then depend on the batch by rounding.
    random_state : int, RandomState or None
        Seed of the parameters and of the order of samples.
    verbose : int
        Above 0: show the progress of the training.

    Attributes
    ----------
    net_ : Sequential
        Trained network.
    history_ : list of dict
        Lines of metrics, as in `training.result.Result`.
    n_features_in_ : int
        T for a 2D X, else D.
    """

    net_: Sequential
    history_: list[Json]
    n_features_in_: int
    _loss: str
    _nested: bool  # whether the first X held sequences

    def __init__(
        self, hidden: int = 64, layers: int = 3, *, activation: str = "relu", batchnorm: bool = True,
        dropout: float = 0.0, epochs: int = 100, batch: int = 32, learning_rate: float = 0.01, clip_norm: float = 1.0,
        validation: float = 0.0, steps: int | None = None, layout: str = "ntd", backend: str = "cpu",
        dtype: str = "float64", random_state: Any = None, verbose: int = 0,
    ):  # fmt: skip
        self.hidden = hidden
        self.layers = layers
        self.activation = activation
        self.batchnorm = batchnorm
        self.dropout = dropout
        self.epochs = epochs
        self.batch = batch
        self.learning_rate = learning_rate
        self.clip_norm = clip_norm
        self.validation = validation
        self.steps = steps
        self.layout = layout
        self.backend = backend
        self.dtype = dtype
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _sequences(self, X: ArrayInput, first: bool) -> tuple[Array, Array | None]:
        """Return X as x (T, n, D) and the lengths; `first` stores what later calls must match."""
        where = type(self).__name__
        _check.choice(where, "layout", self.layout, LAYOUTS)
        nested = are_sequences(X)
        if not first and nested != self._nested:
            kinds = ("a table (n, T)", "sequences")
            _check.fail(where, f"X is {kinds[nested]}", kinds[self._nested], "as in fit")
        if not nested:
            X = validate_data(self, X, dtype=self.dtype, reset=first)
        elif not isinstance(X, list | tuple):
            X = check_array(X, dtype=self.dtype, allow_nd=True)
        x, lengths = sequences.time_major(where, "X", X, self.dtype, None, LAYOUTS[self.layout])
        _check.finite(where, "X", x)
        if first:
            self._nested = nested
            self.n_features_in_ = x.shape[2] if nested else x.shape[0]
        elif nested and x.shape[2] != self.n_features_in_:
            _check.fail(where, f"X has {x.shape[2]} inputs", f"{self.n_features_in_}", "as in fit")
        return x, lengths

    def _start(self, x: Array, outputs: int) -> None:
        """Create the network and the optimizer."""
        self._seed = int(check_random_state(self.random_state).randint(2**31))
        self.net_ = plain(
            x.shape[2], self.hidden, outputs, self.layers, self.steps or x.shape[0], self.batchnorm, self.dropout,
            activation=self.activation, backend=self.backend, dtype=self.dtype, seed=self._seed,
        )  # fmt: skip
        self._optimizer, self.history_ = Adam(self.learning_rate), list[Json]()

    def _train(self, x: Array, lengths: Array | None, y: Array, epochs: int, anneal: bool) -> None:
        """Make passes through the data, and record one line of metrics a pass."""
        updates = math.ceil(x.shape[1] * (1 - self.validation) / self.batch)
        schedule = Cosine(self.learning_rate, epochs * updates) if anneal else None
        result = fit(
            self.net_, (x, y, lengths), self._optimizer, loss=self._loss, epochs=epochs, batch=self.batch,
            clip_norm=self.clip_norm, schedule=schedule, validation=self.validation or None, log_every=updates,
            bn_batch=min(x.shape[1], STATISTICS), seed=self._seed, progress=bool(self.verbose),
        )  # fmt: skip
        self.history_ = [*self.history_, *result.history]

    def _outputs(self, X: ArrayInput) -> Array:
        """Return the outputs of the network, (n, K)."""
        check_is_fitted(self)
        x, lengths = self._sequences(X, first=False)
        return self.net_(x, lengths=lengths)


class IndRNNClassifier(ClassifierMixin, IndRNNEstimator):
    """Classify sequences, with the softmax cross-entropy as the loss.

    The parameters are those of `IndRNNEstimator`.

    Attributes
    ----------
    classes_ : array (K,)
        Labels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GridSearchCV, GroupKFold
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.standard_normal((T, 1)) + 2 * (T % 2) for T in range(10, 40)]  # sequences of 10 to 39 steps
    >>> y = np.where(np.arange(10, 40) % 2, "high", "low")
    >>> groups = np.arange(30) // 3  # samples of one person stay together
    >>> search = GridSearchCV(IndRNNClassifier(epochs=20, random_state=0), {"hidden": [4, 8]}, cv=GroupKFold(3))
    >>> search.fit(X, y, groups=groups).predict(X[:2]).tolist()
    ['low', 'high']
    """

    _loss = SOFTMAX

    def fit(self, X: ArrayInput, y: ArrayInput) -> IndRNNClassifier:
        """Train a new network on sequences X and labels y (n,)."""
        x, lengths = self._sequences(X, first=True)
        labels = self._labels(y, x)
        self.classes_ = np.unique(labels)
        self._start(x, len(self.classes_))
        self._train(x, lengths, np.searchsorted(self.classes_, labels), self.epochs, anneal=True)
        return self

    def partial_fit(self, X: ArrayInput, y: ArrayInput, classes: ArrayInput = None) -> IndRNNClassifier:
        """Train for one pass at a constant rate. The first call needs all labels, `classes`."""
        where, first = "IndRNNClassifier.partial_fit", not hasattr(self, "net_")
        if first and classes is None:
            _check.fail(where, "classes is None", "all labels, in the first call")
        x, lengths = self._sequences(X, first)
        labels = self._labels(y, x)
        if first:
            self.classes_ = np.unique(np.asarray(classes))
            self._start(x, len(self.classes_))
        elif classes is not None and not np.array_equal(np.unique(np.asarray(classes)), self.classes_):
            _check.fail(
                where, f"classes is {classes!r:.60}", f"{self.classes_.tolist()}", "as in the first call"
            )
        unknown = np.setdiff1d(labels, self.classes_)
        if unknown.size:
            _check.fail(where, f"y contains {unknown.tolist()[0]!r}", f"one of {self.classes_.tolist()}", "(classes)")
        self._train(x, lengths, np.searchsorted(self.classes_, labels), 1, anneal=False)
        return self

    def predict(self, X: ArrayInput) -> Array:
        """Return the most likely label of each sequence, (n,)."""
        best = self._outputs(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: ArrayInput) -> Array:
        """Return the probabilities of the classes, (n, K)."""
        return scipy.special.softmax(self._outputs(X), axis=1)

    def _labels(self, y: ArrayInput, x: Array) -> Array:
        labels = column_or_1d(y, warn=True)
        check_classification_targets(labels)
        check_consistent_length(x[0], labels)
        return labels


class IndRNNRegressor(RegressorMixin, IndRNNEstimator):
    """Predict values of sequences, with the mean squared error as the loss.

    The parameters are those of `IndRNNEstimator`.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((60, 10, 2))
    >>> model = IndRNNRegressor(hidden=16, epochs=50, random_state=0).fit(X, X[:, :, 0].mean(axis=1))
    >>> model.predict(X[:3]).shape
    (3,)
    """

    _loss = MSE

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: ArrayInput, y: ArrayInput) -> IndRNNRegressor:
        """Train a new network on sequences X and values y (n,) or (n, K)."""
        x, lengths = self._sequences(X, first=True)
        values = self._values(y, x)
        self._start(x, values.shape[1])
        self._train(x, lengths, values, self.epochs, anneal=True)
        return self

    def partial_fit(self, X: ArrayInput, y: ArrayInput) -> IndRNNRegressor:
        """Train for one pass at a constant rate."""
        first = not hasattr(self, "net_")
        x, lengths = self._sequences(X, first)
        values = self._values(y, x)
        if first:
            self._start(x, values.shape[1])
        self._train(x, lengths, values, 1, anneal=False)
        return self

    def predict(self, X: ArrayInput) -> Array:
        """Return the values of each sequence, (n,) or (n, K) like y."""
        y = self._outputs(X).astype(np.float64)  # the dtype that scikit-learn expects
        return y[:, 0] if self._one_axis else y

    def _values(self, y: ArrayInput, x: Array) -> Array:
        if y is None:
            raise ValueError("IndRNNRegressor requires y to be passed, but the target y is None.")
        values = check_array(y, dtype=self.dtype, ensure_2d=False, input_name="y")
        check_consistent_length(x[0], values)
        self._one_axis = values.ndim == 1
        return values.reshape(len(values), -1)


def are_sequences(X: ArrayInput) -> bool:
    """Return whether X holds sequences, in an array of 3 axes or in a list, and not a table (n, T)."""
    if not isinstance(X, list | tuple):
        return getattr(X, "ndim", 2) == 3
    lengths = {len(part) for part in X if hasattr(part, "__len__")}
    return len(lengths) > 1 or any(np.ndim(part) == 2 for part in X)
