"""Parameters, input and training that both estimators share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import _check
from .._check import sequences
from .._types import Array, ArrayInput, Json, Value
from ..networks.plain_stack import plain
from ..optim.optimizers import Adam
from ..optim.schedules import Cosine
from ..tasks._random import held_out
from ..training.fit import fit

if TYPE_CHECKING:
    from ..networks.sequential import Sequential

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
    time : str
        "serial", "parallel" (a scan over time) or "auto", as in `IndRNN`.
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
        self, hidden: int = 64, layers: int = 3, *, activation: str = "relu", time: str = "serial",
        batchnorm: bool = True, dropout: float = 0.0, epochs: int = 100, batch: int = 32, learning_rate: float = 0.01,
        clip_norm: float = 1.0, validation: float = 0.0, steps: int | None = None, layout: str = "ntd",
        backend: str = "cpu", dtype: str = "float64", random_state: Value = None, verbose: int = 0,
    ):  # fmt: skip
        self.hidden = hidden
        self.layers = layers
        self.activation = activation
        self.time = time
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

    def __sklearn_tags__(self) -> Value:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _sequences(self, X: ArrayInput, first: bool) -> tuple[Array, Array | None]:
        """Return X as x (T, n, D) and the lengths; `first` stores what later calls must match."""
        where = type(self).__name__
        _check.choice(where, "layout", self.layout, LAYOUTS)
        if isinstance(X, np.ndarray):
            _check.plain(where, "X", X)
        as_before = not first and self._nested and isinstance(X, list | tuple)
        nested = as_before or are_sequences(X)
        if not first and nested != self._nested:
            kinds = ("a table (n, T)", "sequences")
            _check.fail(where, f"X is {kinds[nested]}", kinds[self._nested], "as in fit")
        if not nested:
            X = validate_data(self, X, dtype=self.dtype, reset=first)
        elif not isinstance(X, list | tuple):
            X = check_array(X, dtype=self.dtype, allow_nd=True)
        x, lengths = sequences.time_major(where, "X", X, self.dtype, None, LAYOUTS[self.layout])
        _check.finite(where, "time-major X", x)
        if first:
            self._nested = nested
            if nested:
                self.__dict__.pop("feature_names_in_", None)  # of an earlier data frame
            self.n_features_in_ = x.shape[2] if nested else x.shape[0]
        elif nested and x.shape[2] != self.n_features_in_:
            _check.fail(where, f"X has {x.shape[2]} inputs", f"{self.n_features_in_}", "as in fit")
        return x, lengths

    def _start(self, x: Array, outputs: int) -> None:
        """Create the network and the optimizer."""
        self._seed = int(check_random_state(self.random_state).randint(2**31))
        steps = x.shape[0] if self.steps is None else self.steps
        self.net_ = plain(
            x.shape[2], self.hidden, outputs, self.layers, steps, self.batchnorm, self.dropout,
            activation=self.activation, time=self.time, backend=self.backend, dtype=self.dtype, seed=self._seed,
        )  # fmt: skip
        self._optimizer, self.history_ = Adam(self.learning_rate), list[Json]()

    def _train(self, x: Array, lengths: Array | None, y: Array, epochs: int, anneal: bool) -> None:
        """Make passes through the data, and record one line of metrics a pass."""
        where, samples = type(self).__name__, x.shape[1]
        _check.at_least(where, "batch", self.batch, 1)
        _check.between(where, "validation", self.validation, 0.0, 1.0)
        updates = max(1, math.ceil((samples - held_out(samples, self.validation)) / self.batch))
        self._optimizer.lr = self.learning_rate
        self.net_.iteration = math.ceil(self.net_.iteration / updates) * updates  # where an epoch begins
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


def are_sequences(X: ArrayInput) -> bool:
    """Return whether X holds sequences, in an array of 3 axes or in a list, and not a table (n, T)."""
    if not isinstance(X, list | tuple):
        return getattr(X, "ndim", 2) == 3
    lengths = {len(part) for part in X if hasattr(part, "__len__")}
    return len(lengths) > 1 or any(_has_rows(part) for part in X)


def _has_rows(part: ArrayInput) -> bool:
    """Return whether a part of a list is a sequence (T, D), as an array or as a list of rows."""
    if isinstance(part, list | tuple):
        return any(hasattr(row, "__len__") for row in part)
    return getattr(part, "ndim", 0) == 2
