"""The forms of the recurrence's kernels, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from indrnn_np.ops.recurrence import cuda_form

CHOSEN, EIGHT, WIDE = "chosen", "8 ahead", "wide"


def forms() -> Iterator[str]:
    """Yield each form by its name, in use meanwhile wherever the arrays permit it."""
    try:
        for name, form in ((CHOSEN, None), (EIGHT, 8), (WIDE, cuda_form.WIDE)):
            cuda_form.force_form = form
            yield name
    finally:
        cuda_form.force_form = None
