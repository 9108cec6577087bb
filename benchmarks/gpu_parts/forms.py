"""The forms of the recurrence's kernels, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from indrnn_np.ops.recurrence import cuda_form

CHOSEN, WIDE = "chosen", "wide"
DEPTHS = sorted({depth for table in (cuda_form.FORWARD, cuda_form.BACKWARD) for depth in table[4]})
FORMS: dict[str, str | int | None] = {
    CHOSEN: None, **{f"{depth} ahead": depth for depth in DEPTHS}, WIDE: cuda_form.WIDE,
}  # fmt: skip


def forms() -> Iterator[str]:
    """Yield each form by its name, in use meanwhile wherever the arrays permit it."""
    try:
        for name, cuda_form.force_form in FORMS.items():
            yield name
    finally:
        cuda_form.force_form = None
