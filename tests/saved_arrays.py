"""Read saved arrays in tests."""

import numpy as np


def read_npz(path) -> dict:
    """Return the arrays of an npz file, and close the file."""
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)
