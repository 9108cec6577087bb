"""Check the moments, the arrays that an optimizer stores for each parameter.

The checks run when the optimizer is bound to a network and when a state is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .. import _check
from .._check import convert
from .._types import Array, Json
from ..networks.sequential import Sequential
from ..parameters import FINITE


def check_moments(where: str, arrays: Mapping[str, Array], net: Sequential) -> Json:
    """Check that the moments match a network, and return them on the device of the network."""
    for name, array in arrays.items():
        moment = f"the moment {name}"
        _check.shape(where, moment, array, net.flat.shape, "to match the parameters of the network")
        if array.dtype != net.dtype:
            _check.fail(where, f"{moment} has dtype {array.dtype}", f"{net.dtype}", "as the network has")
    return {name: net.device.bring(array) for name, array in arrays.items()}


def check_state(
    where: str, state: object, names: tuple[str, ...], allow_nonfinite: bool
) -> tuple[int, dict[str, Array]]:
    """Check the state of an optimizer, and return the iteration t and copies of the moments."""
    if not isinstance(state, Mapping) or "t" not in state:
        actual = f"holds {sorted(state)}" if isinstance(state, Mapping) else f"is a {type(state).__name__}"
        _check.fail(where, f"the state {actual}", "'t' and the moments, as state_dict returns them")
    t = state["t"]
    if isinstance(t, (bool, np.bool_)) or not isinstance(t, (int, np.integer)) or t < 0:
        _check.fail(where, f"t is {t!r:.60}", "a number of iterations")
    moments = {name: value for name, value in state.items() if name != "t"}
    arrays = {name: np.array(convert.array(where, name, value)) for name, value in moments.items()}
    if set(arrays) != set(names) and (arrays or t):
        _check.fail(where, f"moments are {sorted(arrays)}", f"{sorted(names)}")
    for name, array in arrays.items():
        if array.ndim != 1 or array.dtype not in _check.REAL or array.shape != arrays[names[0]].shape:
            actual = f"the moment {name} has shape {array.shape} and dtype {array.dtype}"
            _check.fail(where, actual, "(P,) of float32 or float64, the same P for all")
        if not allow_nonfinite:
            _check.finite(where, f"the moment {name}", array, kind=FINITE)
    return int(t), arrays
