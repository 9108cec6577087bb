"""Comparison of CUDA kernels with the reference, in several orders of blocks and threads."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from tolerances import assert_close

from ptx import findings, settings
from ptx.calls import Call
from ptx.program import counts

# (seed of the order and of uninitialised memory, multiprocessors): blocks have 32 to 256 threads.
ORDERS = ((1, 1), (2, 132), (0, 4), (3, 4))
FEW = 2  # orders without --ptx-long
long = False  # conftest.py sets it
ROUNDING = (
    10.0  # tolerances: sums of up to thousands of terms are added in another order than in the reference
)


def check(call: Call) -> bytes:
    """Compare the results of the kernels with the reference. Equal bits are expected in all orders.

    A call that the reference refuses has to be refused by the kernels' launcher with the same message, but
    for the name of the function.

    Returns
    -------
    bits : bytes
        The results.
    """
    counts["cases"] += 1
    try:
        expected = call.run("reference")
    except ValueError as refusal:
        for _ in in_orders(call):
            with pytest.raises(ValueError, match=re.escape(str(refusal).partition(": ")[2])):
                call.run(call.twin)
        return b""
    first: list[np.ndarray] = []
    for order in in_orders(call):
        results = call.run(call.twin)
        if not first:
            first = results
            for number, (result, right) in enumerate(zip(results, expected, strict=True)):
                _compare(call, number, result, right)
        for number, (result, before) in enumerate(zip(results, first, strict=True)):
            assert result.tobytes() == before.tobytes(), (
                f"{call}: part {number} has other bits in order {order}"
            )
    return b"".join(result.tobytes() for result in first)


def in_orders(call: Call) -> Iterator[tuple[int, int]]:
    """Set each order in turn, and after its call assert that no finding was recorded."""
    for order in ORDERS if long else ORDERS[:FEW]:
        findings.clear()
        settings.seed, settings.multiprocessors = order
        yield order
        found = sorted({findings.describe(finding) for finding in findings.recorded})
        assert not found, f"{call}: {found}"


def _compare(call: Call, number: int, result: np.ndarray, right: np.ndarray) -> None:
    if result.dtype.kind != "f":
        assert result.dtype == right.dtype and np.array_equal(result, right), f"{call}: part {number}"
        return
    if not right.ndim:  # a loss: the reference may add in the arrays' dtype
        result, right = (np.asarray(loss, call.dtype) for loss in (result, right))
    assert_close(result, right, f"{call}: part {number}", ROUNDING * _cancellation(call, number, right))


def _cancellation(call: Call, number: int, right: np.ndarray) -> float:
    """Return how much smaller the gradient of a normalised input is than the terms whose difference it is."""
    if number or not right.size or call.name != "backward" or call.op not in ("batchnorm", "layernorm"):
        return 1.0
    given = call.arguments
    rstd = given["rstd"] if call.op == "layernorm" else 1 / np.sqrt(given["var"] + given.get("eps", 1e-5))
    terms = np.abs(given["dy"]).max() * np.abs(given["scale"]).max() * rstd.max()
    return max(1.0, float(terms) / max(float(np.abs(right).max()), float(np.finfo(right.dtype).tiny)))
