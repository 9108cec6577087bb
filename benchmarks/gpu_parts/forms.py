"""The forms of the recurrence's kernels and of its scan over time, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from indrnn_np.ops.recurrence import cuda_form, single_pass
from indrnn_np.ops.recurrence.activation import ACTIVATIONS

CHOSEN, WIDE = "chosen", "wide"
THREE, SINGLE = "three launches", "single pass"
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


def scan_forms(name: str, activation: str) -> Iterator[str]:
    """Yield each form of the scan over time in a direction, in use meanwhile wherever a tile holds a chunk."""
    alone = name == "forward" and ACTIVATIONS[activation].limits is None  # Newton's method
    try:
        for single_pass.force in (False,) if alone else (False, True):
            yield SINGLE if single_pass.force else THREE
    finally:
        single_pass.force = None
