"""Both forms of the recurrence's kernels, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from indrnn_np.ops.recurrence import cuda as recurrence


def forms() -> Iterator[str]:
    """Each form by its name, in use meanwhile wherever it is possible."""
    try:
        for recurrence.force_wide in (False, True):
            yield "wide" if recurrence.force_wide else "narrow"
    finally:
        recurrence.force_wide = None
