"""The classifier."""

from __future__ import annotations

import numpy as np
import scipy.special
from sklearn.base import ClassifierMixin
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from .. import _check
from .._types import Array, ArrayInput
from ..tasks.targets import SOFTMAX
from .estimator import IndRNNEstimator


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
            _check.fail(
                where, f"y contains {unknown.tolist()[0]!r}", f"one of {self.classes_.tolist()}", "(classes)"
            )
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
        if isinstance(y, np.ndarray):
            _check.plain(type(self).__name__, "y", y)
        labels = column_or_1d(y, warn=True)
        check_classification_targets(labels)
        check_consistent_length(x[0], labels)
        return labels
