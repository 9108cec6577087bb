"""Central differences along one random direction, in float64: what the references are judged by."""

import numpy as np

STEP = 1e-6


def assert_gradients(loss, arrays, gradients, rng, rtol=1e-6):
    """Compare each gradient, along a random direction, with the slope of `loss(**arrays)` there.

    The limit is taken over the sum of absolute terms of the inner product, which may cancel, plus what rounding of the
    loss itself can do to a difference quotient.
    """
    assert set(gradients) <= set(arrays)
    for name, gradient in gradients.items():
        value = arrays[name]
        assert gradient.shape == value.shape, name
        direction = rng.standard_normal(value.shape)
        ahead = loss(**{**arrays, name: value + STEP * direction})
        behind = loss(**{**arrays, name: value - STEP * direction})
        slope = (ahead - behind) / (2 * STEP)
        expected = float(np.sum(gradient * direction))
        limit = rtol * float(np.abs(gradient * direction).sum()) + 1e-8 * (1 + abs(ahead))
        assert abs(slope - expected) <= limit, f"{name}: slope {slope}, gradient {expected}, limit {limit}"
