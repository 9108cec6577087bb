"""The one table of tolerances, the comparison that uses it, and arrays that show what a kernel forgot to write."""

import numpy as np

# Largest allowed error over the largest entry of the expected array.
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}

# Of what a tutorial prints after training: products round differently from machine to machine, and updates add it up.
TUTORIALS = 2.0


def assert_close(actual, expected, name="", scale=1.0):
    """Compare dtype, shape, the places of NaN and of each Inf, and the largest error over the largest entry.

    `scale` multiplies the tolerance, for sums over so many elements that rounding grows; say at the call why.
    Of complex arrays the tolerance is that of their parts.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    where = f"{name}: " if name else ""
    assert actual.dtype == expected.dtype, f"{where}dtype {actual.dtype}, expected {expected.dtype}"
    assert actual.shape == expected.shape, f"{where}shape {actual.shape}, expected {expected.shape}"
    finite = np.isfinite(expected)
    wrong = np.isfinite(actual) != finite
    wrong |= ~finite & ~((actual == expected) | (np.isnan(actual) & np.isnan(expected)))
    if wrong.any():
        raise AssertionError(
            f"{where}{_at(actual, expected, wrong)} ({wrong.sum()} NaN or Inf in the wrong place)"
        )
    if not finite.any():
        return
    error = np.abs(np.where(finite, actual, 0) - np.where(finite, expected, 0))
    largest = float(np.abs(expected[finite]).max())
    limit = TOLERANCE[np.empty(0, expected.dtype).real.dtype.name] * scale
    worst = float(error.max())
    if worst > limit * largest:
        ratio = worst / largest if largest else float("inf")
        place = _at(actual, expected, error == worst)
        raise AssertionError(
            f"{where}error {ratio:.3g} of the largest entry {largest:.3g}, limit {limit:.3g}; {place}"
        )


def nan_filled(shape, dtype="float32"):
    """Return an array in which every element that a kernel does not write stays NaN."""
    return np.full(shape, np.nan, dtype)


def _at(actual, expected, mask):
    index = tuple(int(i) for i in np.argwhere(mask)[0])
    return f"worst at {list(index)}: {actual[index]!r}, expected {expected[index]!r}"
