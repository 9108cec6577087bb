"""One file that holds a network, its optimizer and what its maker adds, atomic and readable by others.

An npz archive without pickles, so `numpy.load(path)` shows all of it:

    params/0.W ...      parameters by name, as in net.params          optimizer/m ...   the optimizer's arrays
    buffers/1.mean ...  running statistics, as in net.buffers         arrays/...        more arrays of its maker
    meta                JSON text in UTF-8, as bytes

"meta" names the format and its version, and holds the network's and the optimizer's description, the iteration
(with the seed it is all the random state there is: dropout and data are functions of both), and the caller's own
`meta`.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from . import _check, _files

FORMAT, VERSION = "indrnn_np checkpoint", 1
OWN = "arrays/"  # before the names of its maker's own arrays


@dataclass(frozen=True)
class Checkpoint:
    """What `load` returns: the network, its optimizer (None if none was saved), the caller's `meta` and `arrays`."""

    net: Any
    optimizer: Any | None
    meta: dict[str, Any]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Contents:
    """A checkpoint as it lies in the file: the arrays by name and the header out of "meta"."""

    path: Path
    arrays: dict[str, np.ndarray]
    header: dict[str, Any]

    @property
    def own(self) -> dict[str, np.ndarray]:
        """The arrays that its maker added, by name."""
        return {name[len(OWN) :]: array for name, array in self.arrays.items() if name.startswith(OWN)}


def save(
    path: str | Path, net: Any, optimizer: Any | None = None, arrays: Mapping[str, np.ndarray] | None = None,
    **meta: Any,
) -> Path:  # fmt: skip
    """Write a checkpoint and return its path; `meta` is anything that JSON can hold, `arrays` more arrays by name.

    OSError if the file can't be written; a file that was there before is then untouched.
    """
    path = Path(path)
    held = {
        ("buffers/" if name in net.buffers else "params/") + name: array
        for name, array in net.state_dict().items()
    }
    held |= {f"{OWN}{name}": array for name, array in (arrays or {}).items()}
    header: dict[str, Any] = {
        "format": FORMAT, "version": VERSION, "network": net.spec(), "dtype": np.dtype(net.dtype).name,
        "backend": net.backend, "seed": net.seed, "iteration": net.iteration, "optimizer": None, "meta": meta,
    }  # fmt: skip
    if optimizer is not None:
        values = optimizer.state_dict()
        held |= {
            f"optimizer/{name}": value for name, value in values.items() if isinstance(value, np.ndarray)
        }
        scalars = {name: value for name, value in values.items() if not isinstance(value, np.ndarray)}
        header["optimizer"] = {"spec": optimizer.spec(), "state": scalars}
    text = json.dumps(header, allow_nan=True).encode()
    held["meta"] = np.frombuffer(text, np.uint8)

    def write(file: BinaryIO) -> None:
        # what np.savez writes; its archive of older releases is left open when the disk is full, and complains later
        with zipfile.ZipFile(file, "w") as archive:
            for name, array in held.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)

    _files.replace("checkpoint.save", path, write)
    return path


def read(path: str | Path) -> Contents:
    """Read a file and check that it is a whole checkpoint of a version that this package knows."""
    path = Path(path)
    if not path.is_file():
        _check.fail("checkpoint.load", f"{path} is not a file", "a checkpoint", error=FileNotFoundError)
    if not zipfile.is_zipfile(path):
        _check.fail("checkpoint.load", f"{path} does not end as an npz archive does", "a checkpoint",
                    "(it is cut off, or another kind of file)")  # fmt: skip
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, RuntimeError) as error:
        raise ValueError(
            f"checkpoint.load: {path} is damaged ({error}), expected a whole checkpoint"
        ) from error
    return Contents(path, arrays, _header(path, arrays.pop("meta", None)))


def _header(path: Path, meta: np.ndarray | None) -> dict[str, Any]:
    foreign = f"an archive made by {FORMAT.split()[0]}"
    if meta is None or meta.dtype != np.uint8:
        _check.fail("checkpoint.load", f"{path} has no 'meta'", foreign)
    try:
        header = json.loads(meta.tobytes().decode())
    except ValueError as error:  # json's and unicode's errors are ValueErrors
        raise ValueError(
            f"checkpoint.load: {path} has a 'meta' that is not JSON ({error}), expected {foreign}"
        ) from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        _check.fail("checkpoint.load", f"{path} has another format in its 'meta'", foreign)
    if not isinstance(header.get("version"), int) or header["version"] > VERSION:
        _check.fail("checkpoint.load", f"{path} has format version {header.get('version')}", f"at most {VERSION}",
                    "because this release of indrnn_np knows no newer one")  # fmt: skip
    absent = {"network", "dtype", "backend", "seed", "iteration", "optimizer", "meta"} - set(header)
    if absent:
        _check.fail("checkpoint.load", f"{path} has no {sorted(absent)} in its 'meta'", foreign)
    return header


def restore(contents: Contents, net: Any, optimizer: Any | None = None) -> None:
    """Put a checkpoint's arrays and iteration into a network and an optimizer that exist already."""
    where, arrays, path = "checkpoint.load", contents.arrays, contents.path
    expected = {
        ("buffers/" if name in net.buffers else "params/") + name: array
        for name, array in net.state_dict().items()
    }
    for name, own in expected.items():
        if name not in arrays:
            _check.fail(where, f"{path} has no array {name!r}", "all parameters and buffers of the network")
        if arrays[name].shape != own.shape:
            _check.fail(
                where,
                f"{path}: {name!r} has shape {arrays[name].shape}",
                f"{own.shape}",
                "to match the network",
            )
    left = [name for name in arrays if not name.startswith(("optimizer/", OWN)) and name not in expected]
    if left:
        _check.fail(where, f"{path} holds {left[0]!r}", "only names that the network has")
    if optimizer is not None:
        _restore_optimizer(contents, net, optimizer)
    net.load_state_dict({name.split("/", 1)[1]: arrays[name] for name in expected})
    net.iteration = int(contents.header["iteration"])


def _restore_optimizer(contents: Contents, net: Any, optimizer: Any) -> None:
    saved = contents.header["optimizer"]
    if saved is None:
        _check.fail("checkpoint.load", f"{contents.path} holds no optimizer", "one", "to go on training with")
    kind, own = saved["spec"]["type"], optimizer.spec()["type"]
    if kind != own:
        _check.fail("checkpoint.load", f"{contents.path} holds the state of {kind}", own)
    state = {n.split("/", 1)[1]: a for n, a in contents.arrays.items() if n.startswith("optimizer/")}
    for name, array in state.items():
        if array.shape != (net.size,):
            _check.fail("checkpoint.load", f"{contents.path}: 'optimizer/{name}' has shape {array.shape}",
                        f"{(net.size,)}", "to match the network")  # fmt: skip
    optimizer.load_state_dict({**state, **saved["state"]})


def load(path: str | Path, backend: str | None = None) -> Checkpoint:
    """Build the network and the optimizer that a file describes; `backend` None takes the one it was saved from.

    ValueError says what is wrong with a file that is cut off, damaged, foreign, newer, or does not fit its own
    description.
    """
    from . import optim
    from .sequential import Sequential

    contents = read(path)
    header = contents.header
    net = Sequential.from_spec(header["network"], backend=backend or header["backend"], dtype=header["dtype"])
    net.seed = header["seed"]
    optimizer = None
    if header["optimizer"] is not None:
        arguments = dict(header["optimizer"]["spec"])
        kind = arguments.pop("type")
        _check.choice("checkpoint.load", f"the optimizer in {path}", kind, ("SGD", "Adam"))
        optimizer = getattr(optim, kind)(**arguments)
    restore(contents, net, optimizer)
    return Checkpoint(net, optimizer, header["meta"], contents.own)
