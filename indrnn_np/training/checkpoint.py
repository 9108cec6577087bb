"""Checkpoints: one file with a network, its optimizer, and arrays and values of the caller.

A checkpoint is written atomically. It is an npz archive without pickles; read it with `numpy.load`:

    params/0.W ...      parameters by name, as in net.params          optimizer/m ...   optimizer moments
    buffers/1.mean ...  running statistics, as in net.buffers         arrays/...        arrays of the caller
    meta                JSON text in UTF-8, as bytes

"meta" holds the format and its version, the specs of the network and the optimizer, the iteration,
and the `meta` of the caller. Seed and iteration are the whole random state, because dropout and
data are functions of both.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .. import _check, _files
from .._check import convert
from .._types import Array, DType, Json, Shapes, Value
from ..networks.sequential import Sequential
from ..optim.optimizers import Optimizer, from_spec
from ..parameters import FINITE
from .contents import CALLER, FORMAT, LOAD, VERSION, Contents, read

MOMENTS = "optimizer/"  # prefix of the names of the optimizer's arrays


@dataclass(frozen=True)
class Checkpoint:
    """Network, optimizer (None if none was saved), and the caller's `meta` and `arrays`."""

    net: Sequential
    optimizer: Optimizer | None
    meta: Json
    arrays: dict[str, Array] = field(default_factory=dict)


def save(
    path: str | Path, net: Sequential, optimizer: Optimizer | None = None, arrays: Mapping[str, Array] | None = None,
    **meta: Value,
) -> Path:  # fmt: skip
    """Write a checkpoint with `meta`, JSON values, and `arrays`, further arrays by name; return its path.

    If an OSError is raised, an existing file at `path` is unchanged.
    """
    where = "checkpoint.save"
    if not hasattr(net, "spec"):
        expected = "a network, as in ir.save(path, net)"
        _check.fail(where, f"net is {net!r:.60}", expected, error=TypeError)
    path, state = _files.user_path(where, "path", path), net.state_dict()
    held = {("buffers/" if name in net.buffers else "params/") + name: state[name] for name in state}
    held |= {f"{CALLER}{name}": convert.plain(where, name, array) for name, array in (arrays or {}).items()}
    header = header_of(net, meta)
    if optimizer is not None:
        values = optimizer.state_dict()
        held |= {f"{MOMENTS}{name}": value for name, value in values.items() if isinstance(value, np.ndarray)}
        scalars = {name: value for name, value in values.items() if not isinstance(value, np.ndarray)}
        header["optimizer"] = {"spec": optimizer.spec(), "state": scalars}
    try:
        text = json.dumps(header, allow_nan=True).encode()
    except (TypeError, ValueError, RecursionError) as error:
        _check.fail(where, f"meta is not JSON ({error})", "values that JSON can hold", error=TypeError)
    for name, array in held.items():
        if np.asarray(array).dtype.hasobject:
            _check.fail(where, f"{name} has dtype object", "a dtype of numbers, such as float32")
    held["meta"] = np.frombuffer(text, np.uint8)

    def write(file: BinaryIO) -> None:
        # The format of np.savez. Older releases of NumPy leave the archive open when the disk is full.
        with zipfile.ZipFile(file, "w") as content:
            for name, array in held.items():
                with content.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)

    _files.replace(where, path, write)
    return path


def header_of(net: Sequential, meta: Json) -> Json:
    """Return the header of a checkpoint of `net` without an optimizer."""
    return {
        "format": FORMAT, "version": VERSION, "network": net.spec(), "dtype": np.dtype(net.dtype).name,
        "backend": net.backend, "seed": net.seed, "iteration": net.iteration, "optimizer": None, "meta": meta,
    }  # fmt: skip


def restore(
    contents: Contents, net: Sequential, optimizer: Optimizer | None = None, allow_nonfinite: bool = False
) -> None:
    """Load a checkpoint into an existing network and optimizer; after an error both are unchanged.

    Non-finite values raise ValueError unless `allow_nonfinite` is true.
    """
    arrays, shapes = contents.arrays, _shapes(net.params.shapes, net.buffers.shapes)
    _check_shapes(contents, shapes)
    _check_numbers(contents, [*shapes], net.dtype, allow_nonfinite)
    if optimizer is not None:
        _restore_optimizer(contents, net, optimizer, allow_nonfinite)
    net.load_state_dict({name.split("/", 1)[1]: arrays[name] for name in shapes}, allow_nonfinite)
    net.iteration = int(contents.header["iteration"])


def _shapes(parameters: Shapes, buffers: Shapes) -> Shapes:
    """Return the shapes of a network's arrays by their names in a checkpoint."""
    return {f"params/{n}": s for n, s in parameters.items()} | {f"buffers/{n}": s for n, s in buffers.items()}


def _check_shapes(contents: Contents, shapes: Shapes) -> None:
    """Check that a file holds exactly the arrays of a network."""
    arrays, path = contents.arrays, contents.path
    for name, shape in shapes.items():
        if name not in arrays:
            _check.fail(LOAD, f"{path} has no array {name!r}", "all parameters and buffers of the network")
        _check.shape(LOAD, f"{path}: {name!r}", arrays[name], shape, "to match the network")
    for name in arrays:
        if not name.startswith((MOMENTS, CALLER)) and name not in shapes:
            _check.fail(LOAD, f"{path} holds {name!r}", "only names that the network has")


def _check_numbers(contents: Contents, names: Sequence[str], dtype: DType, allow_nonfinite: bool) -> None:
    """Check that arrays have the dtype of the header and of the network, and that their values are finite."""
    reasons = ((np.dtype(contents.header["dtype"]), "as the file says"), (dtype, "to match the network"))
    for name in names:
        label, array = f"{contents.path}: {name!r}", contents.arrays[name]
        for expected, because in reasons:
            if array.dtype != expected:
                _check.fail(LOAD, f"{label} has dtype {array.dtype}", f"{expected}", because)
        if not allow_nonfinite:
            _check.finite(LOAD, label, array, kind=FINITE)


def _restore_optimizer(contents: Contents, net: Sequential, optimizer: Optimizer, nonfinite: bool) -> None:
    saved = contents.header["optimizer"]
    if saved is None:
        _check.fail(LOAD, f"{contents.path} holds no optimizer", "one", "to continue training")
    kind, expected = saved["spec"]["type"], optimizer.spec()["type"]
    if kind != expected:
        _check.fail(LOAD, f"{contents.path} holds the state of {kind}", expected)
    moments = {name: array for name, array in contents.arrays.items() if name.startswith(MOMENTS)}
    for name, array in moments.items():
        _check.shape(LOAD, f"{contents.path}: {name!r}", array, (net.size,), "to match the network")
    _check_numbers(contents, [*moments], net.dtype, nonfinite)
    state = {name.removeprefix(MOMENTS): array for name, array in moments.items()}
    optimizer.load_state_dict(state | saved["state"], nonfinite)


def load(path: str | Path, backend: str | None = None, allow_nonfinite: bool = False) -> Checkpoint:
    """Build the network and the optimizer of a checkpoint.

    Parameters
    ----------
    path : str or Path
        Checkpoint file.
    backend : str, optional
        Backend to compute on. By default the backend of the saved network.
    allow_nonfinite : bool
        Accept parameters, statistics and moments with NaN or infinity.

    Raises
    ------
    ValueError
        If the file is truncated, damaged, of another format or of a newer version, or if its arrays
        do not match its header.
    """
    from .. import backend as backends
    from ..networks.specs import described_shapes

    _check.boolean("checkpoint.load", "allow_nonfinite", allow_nonfinite)
    if backend is not None:
        backends.get(backend)  # raise errors of the argument before the file is read
    contents = read(path)
    header, path = contents.header, contents.path
    try:
        # Check the shapes before memory is allocated for them.
        _check_shapes(contents, _shapes(*described_shapes(header["network"])))
        backend = backend or header["backend"]
        net = Sequential.from_spec(header["network"], backend=backend, dtype=header["dtype"])
        optimizer = None if header["optimizer"] is None else from_spec(header["optimizer"]["spec"])
    except (ValueError, TypeError, ArithmeticError) as error:
        if str(error).startswith(f"{LOAD}: "):
            raise
        raise ValueError(f"{LOAD}: {path} can't be built, expected a network; {error}") from error
    if header["seed"] != net.seed:
        _check.fail(LOAD, f"{path} has seed {header['seed']}", f"{net.seed} as in its network")
    restore(contents, net, optimizer, allow_nonfinite)
    return Checkpoint(net, optimizer, header["meta"], contents.caller_arrays)
