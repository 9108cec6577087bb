"""The stop flag of a training run on the GPU: it must be set exactly by a sum that is not finite."""

from __future__ import annotations

import numpy as np

SIZES = (4, 1000)  # numbers that one thread adds, and that a warp adds
LAST = (1.0, np.inf, -np.inf, np.nan)


def wrong_flags() -> list[str]:
    """Return a description of each sum whose flag is wrong."""
    from indrnn_np._cuda.arrays import asarray
    from indrnn_np._cuda.stop_flag import stop_unless_finite

    wrong = []
    for size in SIZES:
        for last in LAST:
            values, flag = np.ones(size), asarray(np.zeros(1, np.int32))
            values[-1] = last
            stop_unless_finite(flag, asarray(values))
            if bool(flag.to_host()[0]) == bool(np.isfinite(last)):
                wrong.append(f"a sum of {size} numbers, the last one {last}: flag {flag.to_host()[0]}")
    return wrong
