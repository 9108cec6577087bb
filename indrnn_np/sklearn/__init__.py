"""scikit-learn estimators (extra `sklearn`): a plain stack of IndRNN layers that reads the last step.

X (n, T)       n series with one input; T is the number of features
X (n, T, D)    n sequences with D inputs; T may differ between calls
a list         n sequences (T_i, D) or (T_i,) of any lengths
"""

from __future__ import annotations

try:
    import sklearn  # noqa: F401  scikit-learn, not this package
except ImportError as error:
    raise ImportError(
        'indrnn_np.sklearn needs scikit-learn 1.6 or newer: pip install "indrnn-np[sklearn]"'
    ) from error

from .classifier import IndRNNClassifier as IndRNNClassifier
from .estimator import IndRNNEstimator as IndRNNEstimator
from .regressor import IndRNNRegressor as IndRNNRegressor
