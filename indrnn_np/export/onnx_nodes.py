"""Nodes of an ONNX model for the parts of a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .. import _check
from .._types import Array, Json, Value
from .parts import Part

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

WHERE = "export.to_onnx"
LARGEST = 2**31  # bytes of a protobuf message
ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "identity": "Affine"}
# Operator, blocks of rows of W, U, b and c in the order of ONNX, and attributes.
OPERATORS: dict[str, tuple[str, tuple[int, ...], Json]] = {
    "LSTM": ("LSTM", (0, 3, 1, 2), {}),  # i, f, g, o become i, o, f, c
    "GRU": ("GRU", (1, 0, 2), {"linear_before_reset": 1}),  # r, z, n become z, r, h
}


class Graph:
    """Nodes, constants and states of a model.

    Parameters
    ----------
    lengths : str
        Name of the input with the sequence lengths, "" without one.

    Attributes
    ----------
    states : dict of str to int
        Number of units of each state, by its name.
    """

    def __init__(self, lengths: str) -> None:
        self.lengths = lengths
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self.states: dict[str, int] = {}
        self._bytes = 0

    def node(self, op: str, inputs: Sequence[str], *outputs: str, **attributes: Value) -> str:
        """Add a node, and return the name of its first output."""
        from onnx import helper

        self.nodes.append(helper.make_node(op, inputs, outputs, **attributes))
        return outputs[0]

    def constant(self, name: str, array: Array) -> str:
        """Add a constant, and return its name."""
        from onnx import numpy_helper

        self._bytes += array.nbytes
        if self._bytes >= LARGEST:
            because = "because an ONNX file is one protobuf message"
            _check.fail(
                WHERE, f"the model has {self._bytes} bytes up to {name}", f"fewer than {LARGEST}", because
            )
        self.constants.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def indices(self, name: str, *values: int) -> str:
        """Add a constant of int64, such as axes, and return its name."""
        return self.constant(name, np.array(values, np.int64))

    def state(self, name: str, units: int) -> tuple[str, str]:
        """Add a state, and return the names of its input and its output."""
        self.states[name] = units
        return name, f"{name}.next"


def chain(graph: Graph, parts: Sequence[Part], x: str) -> str:
    """Add the nodes of a chain that reads x; return the name of its output."""
    for part in parts:
        x = NODES[part.kind](graph, part, x)
    return x


def _embedding(graph: Graph, part: Part, x: str) -> str:
    return graph.node("Gather", [graph.constant(f"{part.name}.E", part.arrays["E"]), x], f"{part.name}.y")


def _linear(graph: Graph, part: Part, x: str) -> str:
    name, arrays = part.name, part.arrays
    product = graph.node("MatMul", [x, graph.constant(f"{name}.W", arrays["W"].T)], f"{name}.Wx")
    return graph.node("Add", [product, graph.constant(f"{name}.b", arrays["b"])], f"{name}.y")


def _batch_norm(graph: Graph, part: Part, x: str) -> str:
    name, arrays = part.name, part.arrays
    scaled = graph.node("Mul", [x, graph.constant(f"{name}.factor", arrays["factor"])], f"{name}.scaled")
    return graph.node("Add", [scaled, graph.constant(f"{name}.shift", arrays["shift"])], f"{name}.y")


def _layer_norm(graph: Graph, part: Part, x: str) -> str:
    weights = [graph.constant(f"{part.name}.{letter}", part.arrays[letter]) for letter in ("scale", "shift")]
    return graph.node("LayerNormalization", [x, *weights], f"{part.name}.y", epsilon=part.options["eps"])


def _last_step(graph: Graph, part: Part, x: str) -> str:
    from onnx import TensorProto

    name = part.name
    if not graph.lengths:
        return graph.node("Gather", [x, graph.constant(f"{name}.index", np.array(-1))], f"{name}.y")
    batch_first = graph.node("Transpose", [x], f"{name}.batch_first", perm=[1, 0, 2])
    long = graph.node("Cast", [graph.lengths], f"{name}.lengths", to=TensorProto.INT64)
    last = graph.node("Sub", [long, graph.indices(f"{name}.one", 1)], f"{name}.last")
    index = graph.node("Unsqueeze", [last, graph.indices(f"{name}.axis", 1)], f"{name}.index")
    return graph.node("GatherND", [batch_first, index], f"{name}.y", batch_dims=1)


def _container(op: str, **attributes: Value) -> Callable[[Graph, Part, str], str]:
    """Return the writer of a container, which combines x and F(x)."""

    def write(graph: Graph, part: Part, x: str) -> str:
        return graph.node(op, [x, chain(graph, part.chains[0], x)], f"{part.name}.y", **attributes)

    return write


def _bidirectional(graph: Graph, part: Part, x: str) -> str:
    halves = [chain(graph, half, x) for half in part.chains]
    return graph.node("Concat", halves, f"{part.name}.y", axis=2)


def _recurrent(graph: Graph, part: Part, x: str) -> str:
    """Add a recurrent layer. An IndRNN has R = diag(u), and a Recurrence also W = I."""
    name, arrays, H = part.name, part.arrays, part.units
    op, gates, attributes = OPERATORS.get(part.kind) or ("RNN", (0,), _activation(part))
    W = arrays.get("W", np.eye(H, dtype=np.float32))
    R = arrays["U"] if "U" in arrays else np.diag(arrays["u"])
    b = arrays.get("b", np.zeros(H, np.float32))
    biases = [b, arrays.get("c", np.zeros_like(b))]

    def ordered(array: Array) -> Array:
        return np.concatenate([array[gate * H : (gate + 1) * H] for gate in gates])

    inputs = [
        x,
        graph.constant(f"{name}.W", ordered(W)[None]),
        graph.constant(f"{name}.R", ordered(R)[None]),
        graph.constant(f"{name}.B", np.concatenate([ordered(bias) for bias in biases])[None]),
        graph.lengths,
    ]
    before, after = zip(*(graph.state(f"{name}.{letter}", H) for letter in part.states), strict=True)
    direction = "reverse" if part.options["reverse"] else "forward"
    y = graph.node(
        op, [*inputs, *before], f"{name}.Y", *after, hidden_size=H, direction=direction, **attributes
    )
    return graph.node("Squeeze", [y, graph.indices(f"{name}.direction", 1)], f"{name}.y")


def _activation(part: Part) -> Json:
    """Return the attributes of the operator RNN for φ; the identity is Affine, 1 · a + 0."""
    activation = part.options["activation"]
    _check.choice(WHERE, f"activation of layer {part.name}", activation, ACTIVATIONS)
    numbers = {"activation_alpha": [1.0], "activation_beta": [0.0]} if activation == "identity" else {}
    return {"activations": [ACTIVATIONS[activation]], **numbers}


NODES: dict[str, Callable[[Graph, Part, str], str]] = {
    "Embedding": _embedding,
    "Linear": _linear,
    "BatchNorm": _batch_norm,
    "LayerNorm": _layer_norm,
    "LastStep": _last_step,
    "Residual": _container("Add"),
    "Concat": _container("Concat", axis=2),
    "Bidirectional": _bidirectional,
    **dict.fromkeys(("IndRNN", "Recurrence", "RNN", "LSTM", "GRU"), _recurrent),
}
