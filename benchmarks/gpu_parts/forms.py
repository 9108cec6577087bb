"""The forms of the recurrence's kernels, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from indrnn_np.ops.recurrence import cuda as recurrence

CHOSEN, EIGHT, WIDE = "chosen", "8 ahead", "wide"


def forms() -> Iterator[str]:
    """Yield each form by its name, in use meanwhile wherever the arrays permit it."""
    try:
        for name, recurrence.force_wide in ((CHOSEN, None), (EIGHT, False), (WIDE, True)):
            yield name
    finally:
        recurrence.force_wide = None
