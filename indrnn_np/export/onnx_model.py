"""Write a network as an ONNX model of standard operators.

A recurrent layer is the operator RNN, LSTM or GRU. An IndRNN is an RNN whose recurrent matrix is
diagonal, R = diag(u). States are inputs and outputs of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__, _check, _files
from .._types import Json
from ..layers.chain import check_layers
from ..networks.sequential import Sequential
from . import metadata, onnx_nodes
from .parts import Part, describe, input_size, walk

if TYPE_CHECKING:
    import onnx

WHERE = "export.to_onnx"
OPSET, IR_VERSION = 17, 8  # the first with LayerNormalization; runtimes from 2022 on read it


def to_onnx(net: Sequential, path: str | Path, meta: Json | None = None, lengths: bool = False) -> Path:
    """Write a network as an ONNX model in float32, and return the path.

    Parameters
    ----------
    net : Sequential
        Network.
    path : str or Path
        File to write.
    meta : dict, optional
        JSON values that the model carries in its metadata, such as `export.of_run(...)`.
    lengths : bool
        Add an input `lengths`, the sequence length of each sample, at least 1.

    Raises
    ------
    ModuleNotFoundError
        If onnx is not installed (pip install 'indrnn-np[export]').
    ValueError
        If a layer cannot be exported, a number is not finite in float32, or the model has 2 GiB.

    Notes
    -----
    Inputs of the model:

    - `x` (time, batch, D) float32, or (time, batch) int64 for a network of symbols. Time and batch
      are dynamic.
    - `lengths` (batch,) int32, if requested. Outputs at steps beyond the length of a sample are not
      specified.
    - `2.h` (1, batch, H): the state of layer 2, and also `2.c` of an LSTM. Zeros begin a sequence.
      A learned initial state is in the metadata, `initial_state`.

    Outputs are `y`, and `2.h.next`, ... in the order of the states.

    Examples
    --------
    >>> import tempfile
    >>> import indrnn_np as ir
    >>> net = ir.plain(input_size=2, hidden=8, output_size=1, layers=1, steps=50)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = ir.export.to_onnx(net, f"{folder}/net.onnx")
    ...     path.name
    'net.onnx'
    """
    _check.boolean(WHERE, "lengths", lengths)
    library = _check.optional(WHERE, "onnx", "export")
    path, meta = _files.user_path(WHERE, "path", path), metadata.checked(WHERE, net, meta)
    model = _model(net, describe(WHERE, net), meta, lengths)
    library.checker.check_model(model, full_check=True)
    _files.replace(WHERE, path, lambda file: file.write(model.SerializeToString()))
    return path


def _model(net: Sequential, parts: Sequence[Part], meta: Json, lengths: bool) -> onnx.ModelProto:
    from onnx import helper

    graph = onnx_nodes.Graph("lengths" if lengths else "")
    graph.node("Identity", [onnx_nodes.chain(graph, parts, "x")], "y")
    x = _value("x", ["time", "batch", input_size(net)])
    inputs = [x if net.symbols is None else _value("x", ["time", "batch"], "INT64")]
    inputs += [_value("lengths", ["batch"], "INT32")] * lengths
    inputs += [_value(name, [1, "batch", units]) for name, units in graph.states.items()]
    last = any(part.kind == "LastStep" for part in parts)
    outputs = [_value("y", [*([] if last else ["time"]), "batch", check_layers(WHERE, net.layers)])]
    outputs += [_value(f"{name}.next", [1, "batch", units]) for name, units in graph.states.items()]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "indrnn_np", inputs, outputs, graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
        producer_name="indrnn_np", producer_version=__version__,
    )  # fmt: skip
    start = {f"{part.name}.h": part.arrays["h0"].tolist() for part in walk(parts) if "h0" in part.arrays}
    helper.set_model_props(model, metadata.texts(meta | ({"initial_state": start} if start else {})))
    return model


def _value(name: str, shape: Sequence[str | int | None], kind: str = "FLOAT") -> onnx.ValueInfoProto:
    """Return the description of an input or output; sizes that are names are dynamic."""
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.DataType.Value(kind), shape)
