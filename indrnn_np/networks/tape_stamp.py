"""Stamp a tape, so that backward can refuse a tape that is no longer valid.

Every backward pass compares counters and identities. With the environment variable INDRNN_DEBUG=1
it also compares checksums of the parameters, x, y and all arrays of the tape. They detect direct
writes between the passes, such as `net.flat[...] = 0`, and cost time; use them for debugging only.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .. import _check
from .._types import AnyArray, Record, Value
from ..device import Device
from ..parameters import Identity, Views
from ..workspace import Workspace

DEBUG = os.environ.get("INDRNN_DEBUG", "0") not in ("", "0")


class Stamp(NamedTuple):
    """State of a network, its parameters and its workspace at a forward pass.

    With INDRNN_DEBUG, `sums` holds (name, array, checksum) of each array that backward reads.
    """

    identity: Identity
    version: int
    work: Workspace | None
    generation: int
    sums: tuple[tuple[str, AnyArray, int], ...] = ()


def begin(identity: Identity, work: Value) -> Stamp:
    """Return the stamp of a new forward pass, which invalidates earlier tapes of the workspace."""
    generation = 0
    if work is not None:
        if not isinstance(work, Workspace):
            kind = type(work).__name__
            _check.fail("Sequential.forward", f"work is a {kind}", "a Workspace or None", error=TypeError)
        work.generation = generation = work.generation + 1
    return Stamp(identity, identity.version, work, generation)


def finish(stamp: Stamp, tape: Record, x: AnyArray, params: Views, device: Device) -> None:
    """Attach the stamp to the tape of a completed pass, with checksums if INDRNN_DEBUG is set."""
    if DEBUG and tape.contexts[0].run.training and not device.recording:
        sums = tuple((name, array, _checksum(array, device)) for name, array in _read(x, params, tape))
        stamp = stamp._replace(sums=sums)
    tape.stamp = stamp


def check(where: str, tape: Record, identity: Identity, device: Device) -> None:
    """Check that a tape matches the current parameters and that its arrays are unchanged."""
    stamp = getattr(tape, "stamp", None)
    if not isinstance(stamp, Stamp):
        problem = f"the tape is a {type(tape).__name__}"
        _check.fail(where, problem, "the third value that forward returns", error=TypeError)
    if not tape.contexts[0].run.training:
        _check.fail(where, "the tape is of a forward pass with training=False", "training=True")
    if stamp.identity is not identity:
        _check.fail(where, "the tape is of another network", "a tape that this network's forward returned")
    if stamp.version != identity.version:
        problem = "the tape is older than the last change of the parameters"
        because = "because update, project and load_state_dict change the parameters that the tape belongs to"
        _check.fail(where, problem, "a tape of a later forward pass", because)
    if stamp.work is not None and stamp.generation != stamp.work.generation:
        problem = "the workspace of the tape was used by another forward pass"
        because = "because a workspace holds the arrays of one pass; use a second Workspace() to keep both"
        _check.fail(where, problem, "the tape of the latest pass", because)
    for name, array, checksum in stamp.sums:
        if _checksum(array, device) != checksum:
            because = "because backward reads them (found by INDRNN_DEBUG=1)"
            _check.fail(where, f"{name} changed after the forward pass", "unchanged numbers", because)


def _read(x: AnyArray, params: Views, tape: Record) -> Iterator[tuple[str, Record]]:
    """Yield the name and array of each entry that backward reads."""
    yield from ((f"parameter {name}", array) for name, array in params.items())
    yield "x", x
    for name, kept in tape.kept():
        yield from ((name, array) for array in _arrays(kept))


def _arrays(kept: Record) -> Iterator[AnyArray]:
    """Yield the arrays of nested tuples and tapes."""
    if _check.is_array(kept):
        yield kept
    elif isinstance(kept, (tuple, list)):
        for part in kept:
            yield from _arrays(part)
    elif hasattr(kept, "kept"):  # the tape of a container layer
        for _, part in kept.kept():
            yield from _arrays(part)


def _checksum(array: AnyArray, device: Device) -> int:
    return zlib.crc32(np.ascontiguousarray(device.to_host(array)).reshape(-1).view(np.uint8).data)
