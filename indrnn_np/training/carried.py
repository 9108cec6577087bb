"""The state that is carried from one batch to the next in truncated BPTT.

A stream is cut into windows; gradients do not cross their edges. The state of a network consists of
nested tuples of arrays, counts of time steps, and None. A checkpoint stores the arrays by name and
the nesting as JSON, so a resumed run continues bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from .. import _check
from .._files import forms
from .._types import AnyArray, Array, State
from ..device import Device
from ..networks.sequential import Sequential
from ..tasks import Batch
from .checkpoint import Contents

ARRAY = "array"  # JSON key of an array's name in the nesting
CARRIED = "carried"  # start of the names of the arrays


def pack(device: Device, state: State, name: str = CARRIED) -> tuple[State, dict[str, Array]]:
    """Return the nesting of a state as JSON values, and its arrays by name as NumPy arrays."""
    if isinstance(state, tuple):
        parts = [pack(device, part, f"{name}.{i}") for i, part in enumerate(state)]
        return [nesting for nesting, _ in parts], {n: a for _, arrays in parts for n, a in arrays.items()}
    if _check.is_array(state):
        return {ARRAY: name}, {name: np.array(device.to_host(state))}
    return state, {}


def unpack(device: Device, nesting: State, arrays: Mapping[str, Array]) -> State:
    """Return the state that `pack` separated, with its arrays on the device."""
    if isinstance(nesting, list):
        return tuple(unpack(device, part, arrays) for part in nesting)
    return device.asarray(arrays[nesting[ARRAY]]) if isinstance(nesting, dict) else nesting


def load(
    net: Sequential, contents: Contents, batch: Batch, state_after: Callable[[AnyArray], State]
) -> State:
    """Return the state with which the next batch of a run begins.

    Parameters
    ----------
    net : Sequential
        Network of the run.
    contents : Contents
        Checkpoint from which the run is resumed.
    batch : Batch
        Next batch of the run.
    state_after : callable
        Returns the state after an input that begins a stream; the stored state must have its form.

    Returns
    -------
    State
        None if the batch begins a new stream.

    Raises
    ------
    ValueError
        If the batch continues a stream and the checkpoint has no state, or a state that does not
        match the network or the number of samples.
    """
    if not batch.carry:
        return None
    stored = {name: array for name, array in contents.caller_arrays.items() if name.startswith(CARRIED)}
    nesting, path, samples = contents.header["meta"].get("carried"), contents.path, batch.x.shape[1]
    if nesting is None:
        _check.fail("train", f"{path} holds no state", "one", "because the next batch continues its stream")
    for name, array in stored.items():
        label = f"{path}: {name!r}"
        if array.dtype != net.dtype:
            _check.fail("train", f"{label} has dtype {array.dtype}", f"{net.dtype}", "to match the network")
        _check.finite("train", label, array)
        if len(array) != samples:
            because = "as in the next batch, which continues the stream"
            _check.fail("train", f"{path} holds the state of {len(array)} samples", f"{samples}", because)
    fresh, arrays = pack(net.device, state_after(batch.x[:1]))
    shapes, expected = ({n: a.shape for n, a in group.items()} for group in (stored, arrays))
    if _form(nesting) != _form(fresh) or shapes != expected:
        _check.fail("train", f"{path} holds a state of another form", "that of the network's layers")
    return unpack(net.device, nesting, stored)


def _form(nesting: State) -> State:
    """Return a nesting in which "count" replaces each count of time steps."""
    if isinstance(nesting, list):
        return [_form(part) for part in nesting]
    return "count" if forms.COUNT.holds(nesting) else nesting
