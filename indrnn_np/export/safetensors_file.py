"""Write a network as a safetensors file, which `ir.load` reads too."""

from __future__ import annotations

import json
from pathlib import Path

from .. import _check, _files
from .._files import tensors
from .._types import Json
from ..networks.sequential import Sequential
from ..training import checkpoint
from . import metadata

WHERE = "export.to_safetensors"


def to_safetensors(net: Sequential, path: str | Path, meta: Json | None = None) -> Path:
    """Write a network as a safetensors file, and return the path.

    `ir.load(path)` returns an equal network, and `meta`.

    Parameters
    ----------
    net : Sequential
        Network.
    path : str or Path
        File to write. Its name ends in `.safetensors`.
    meta : dict, optional
        JSON values that the file carries, such as `export.of_run(...)`.

    Raises
    ------
    ModuleNotFoundError
        If safetensors is not installed (pip install 'indrnn-np[export]').
    ValueError
        If the path has another suffix.

    Notes
    -----
    The file holds the parameters and the running statistics by their names in `net.params` and
    `net.buffers`, in the dtype of the network. All values of the metadata are texts:

    - `meta`: the header of a checkpoint in JSON, with the spec of the network;
    - `buffers`: the names of the running statistics;
    - `sha256`: a digest of the arrays and the other texts;
    - the entries of `meta`, in JSON unless they are texts.

    Examples
    --------
    >>> import tempfile
    >>> import indrnn_np as ir
    >>> net = ir.plain(input_size=2, hidden=8, output_size=1, layers=1, steps=50)
    >>> meta = {"classes": ["walk", "run"]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = ir.export.to_safetensors(net, f"{folder}/net.safetensors", meta)
    ...     loaded = ir.load(path)
    >>> bool((loaded.net.flat == net.flat).all()), loaded.meta
    (True, {'classes': ['walk', 'run']})
    """
    path, meta = _files.user_path(WHERE, "path", path), metadata.checked(WHERE, net, meta)
    if path.suffix != tensors.SUFFIX:
        because = "because ir.load recognises the format by it"
        _check.fail(WHERE, f"path is {str(path)!r}", f"a name that ends in {tensors.SUFFIX}", because)
    header = json.dumps(checkpoint.header_of(net, meta))
    texts = metadata.texts(meta) | {"meta": header, "buffers": " ".join(net.buffers)}
    tensors.write(WHERE, path, net.state_dict(), texts)
    return path
