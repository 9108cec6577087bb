"""The regressor."""

from __future__ import annotations

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_array, check_consistent_length

from .. import _check
from .._types import Array, ArrayInput, Value
from ..tasks.targets import MSE
from .estimator import IndRNNEstimator


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

    def __sklearn_tags__(self) -> Value:
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
        if isinstance(y, np.ndarray):
            _check.plain(type(self).__name__, "y", y)
        values = check_array(y, dtype=self.dtype, ensure_2d=False, input_name="y")
        check_consistent_length(x[0], values)
        self._one_axis = values.ndim == 1
        return values.reshape(len(values), -1)
