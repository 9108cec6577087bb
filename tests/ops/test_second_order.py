"""Compiled derivatives of the backward pass against NumPy's, and what they refuse."""

import numpy as np
import pytest
from strategies import DTYPES
from tolerances import assert_close

from indrnn_np import backend, set_threads
from indrnn_np._cpu.threads import threads
from indrnn_np.ops.catalogue import Draw, tangents
from indrnn_np.ops.indrnn.second_order import backward_tangent as cell
from indrnn_np.ops.recurrence.second_order import backward_tangent as recurrence

COMPILED = {"recurrence": recurrence, "indrnn": cell}
TANGENTS = {entry.op: entry for entry in tangents()}


def arguments(op, dtype, gradients, sizes, **options):
    """Return arguments of backward_tangent; `gradients` are those that are not None."""
    d = Draw(np.random.default_rng(0), dtype, **sizes)
    given = TANGENTS[op].arguments(d, **options)
    given.pop("b_dot", None)
    given.pop("h0_dot")
    given.pop("a_dot", None)
    given["h_dot"] = d.real(*given["h"].shape)
    for name, shape in (("dh", given["h"][1:].shape), ("dhT", given["h"][0].shape)):
        drawn = [d.real(*shape) for _ in range(2)] if name in gradients else [None, None]
        given |= {name: drawn[0], f"{name}_dot": drawn[1]}
    return given


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", COMPILED)
def test_compiled_agrees_with_numpy(op, dtype):
    for gradients in (("dh", "dhT"), ("dh",), ("dhT",)):
        for options in TANGENTS[op].variants():
            given = arguments(op, dtype, gradients, {"T": 19, "B": 3, "D": 4, "H": 5}, **options)
            expected = COMPILED[op](**given)
            results = backend.get("cpu").second_order(op)(**given)
            for one, other in zip(results, expected, strict=True):
                assert_close(one, other, f"{op} {options}", scale=10)  # sums of terms that cancel


@pytest.mark.parametrize("op", COMPILED)
def test_two_threads_and_several_chunks(op):
    sizes = {"T": 60, "B": 40, "D": 9, "H": 250}
    given, before, results = arguments(op, "float64", ("dh", "dhT"), sizes), threads(), []
    try:
        for n in (1, 2):
            set_threads(n)
            results.append(backend.get("cpu").second_order(op)(**given))
    finally:
        set_threads(before)
    for one, other, expected in zip(*results, COMPILED[op](**given), strict=True):
        assert_close(one, other, scale=10)
        assert_close(one, expected, scale=10)


def test_a_gradient_and_its_derivative_are_both_arrays_or_both_none():
    given = arguments("recurrence", "float64", ("dh",), {"T": 3, "B": 2, "H": 4})
    for f in (recurrence, backend.get("cpu").second_order("recurrence")):
        with pytest.raises(
            ValueError, match="dh_dot is None, expected dh and dh_dot both arrays or both None"
        ):
            f(**given | {"dh_dot": None})
        with pytest.raises(ValueError, match="dhT_dot is an array, expected dhT and dhT_dot both"):
            f(**given | {"dhT_dot": given["h"][0].copy()})
