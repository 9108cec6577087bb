"""ONNX models: onnxruntime computes what the package computes, in windows and for sequences of different lengths."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import small_exports
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np.export import onnx_nodes

NAMES = [*small_exports.STREAMS, *small_exports.BOTH_WAYS]
FOLDED = 3.0  # times the tolerance: folded weights round once more


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run(model, x, states=None, lengths=None):
    """The output, and the states by the names of their inputs; without `states` those of the start."""
    names = [value.name for value in model.get_inputs()]
    start = json.loads(model.get_modelmeta().custom_metadata_map.get("initial_state", "{}"))
    feed = {"x": x} | ({} if lengths is None else {"lengths": lengths.astype(np.int32)})
    for value in model.get_inputs()[len(feed) :]:
        zero = np.zeros((1, x.shape[1], value.shape[2]), np.float32)
        feed[value.name] = states[value.name] if states else zero + np.float32(start.get(value.name, 0))
    y, *after = model.run(None, feed)
    return y, dict(zip(names[-len(after) :], after, strict=True))


def arrays(state):
    """The states of recurrent layers in their order, (1, B, H)."""
    if isinstance(state, np.ndarray):
        return [state[None]]
    return [array for part in state or () for array in arrays(part)]


def recurrent(net, after):
    return arrays(
        [s for layer, s in zip(net.layers, after, strict=True) if not isinstance(layer, ir.LastStep)]
    )


def compare(net, actual, after):
    """Compare states by name with those of the package."""
    for (name, value), expected in zip(actual.items(), recurrent(net, after), strict=True):
        assert_close(value, expected, name, scale=FOLDED)


@pytest.mark.parametrize("name", NAMES)
def test_two_windows_equal_the_package(tmp_path, name):
    net = small_exports.make(name)
    model = session(ir.export.to_onnx(net, tmp_path / "net.onnx"))
    x = small_exports.inputs(net, 31, 3)
    state = states = None
    for window in (x[:20], x[20:]):
        y, state = net.infer(window, state)
        actual, states = run(model, window, states)
        assert_close(actual, y, "y", scale=FOLDED)
        compare(net, states, state)


@pytest.mark.parametrize("name", NAMES)
def test_sequences_of_different_lengths_equal_the_package(tmp_path, name):
    net = small_exports.make(name)
    model = session(ir.export.to_onnx(net, tmp_path / "net.onnx", lengths=True))
    x, lengths = small_exports.inputs(net, 12, 4), np.array([12, 1, 7, 3])
    y, after = net.infer(x, lengths=lengths)
    actual, states = run(model, x, lengths=lengths)
    valid = np.arange(12)[:, None] < lengths if y.ndim == 3 else slice(None)
    assert_close(actual[valid], y[valid], "y", scale=FOLDED)
    compare(net, states, after)


def test_states_are_named_by_their_layers(tmp_path):
    names = {"norms": "1.h 1.c 3.2.h 6.h 8.h", "bidirectional": "0.forward.h 0.reverse.h 2.forward.h 2.forward.c "
             "2.reverse.h 2.reverse.c"}  # fmt: skip
    for name, expected in names.items():
        model = session(ir.export.to_onnx(small_exports.make(name), tmp_path / "net.onnx"))
        assert [value.name for value in model.get_inputs()] == ["x", *expected.split()]
        assert [value.name for value in model.get_outputs()] == [
            "y",
            *(f"{n}.next" for n in expected.split()),
        ]


def test_an_indrnn_is_the_standard_operator_with_a_diagonal_matrix(tmp_path):
    net = small_exports.make("plain, norm before, identity")
    model = onnx.load(ir.export.to_onnx(net, tmp_path / "net.onnx"))
    nodes = [node for node in model.graph.node if node.op_type == "RNN"]
    constants = {value.name: onnx.numpy_helper.to_array(value) for value in model.graph.initializer}
    assert [opset.version for opset in model.opset_import] == [17] and len(nodes) == 2
    for node, layer in zip(nodes, ("2", "5"), strict=True):
        assert np.array_equal(constants[node.input[2]][0], np.diag(net.params[f"{layer}.u"]))
        assert constants[node.input[1]].shape[2] == (small_exports.D if layer == "2" else 12)
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        assert attributes["activations"] == [b"Affine"] and attributes["hidden_size"] == 12


def test_metadata_are_texts(tmp_path):
    meta = {"classes": ["walk", "läuft"], "mean": [1.5], "settings": {"lr": 0.1}, "note": "mine"}
    net = small_exports.make("symbols")
    model = session(ir.export.to_onnx(net, tmp_path / "net.onnx", meta))
    texts = model.get_modelmeta().custom_metadata_map
    assert texts.pop("note") == "mine" and model.get_modelmeta().producer_name == "indrnn_np"
    start = {"2.h": net.params["2.h0"].tolist()}
    assert {key: json.loads(text) for key, text in texts.items()} == {
        "classes": ["walk", "läuft"], "mean": [1.5], "settings": {"lr": 0.1}, "initial_state": start,
    }  # fmt: skip


def test_float64_networks_become_float32(tmp_path):
    net = small_exports.make("plain")
    model = session(ir.export.to_onnx(net.astype("float64"), tmp_path / "net.onnx"))
    x = small_exports.inputs(net, 9, 2)
    assert_close(run(model, x)[0], net(x))


def test_a_model_of_2_gib_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_nodes, "LARGEST", 1000)
    words = r"export.to_onnx: the model has \d+ bytes up to 1.W, expected fewer than 1000 because an ONNX file is one"
    with pytest.raises(ValueError, match=words):
        ir.export.to_onnx(small_exports.make("plain"), tmp_path / "net.onnx")
    assert not any(tmp_path.iterdir())


def test_an_activation_without_an_operator_is_refused(tmp_path, monkeypatch):
    monkeypatch.delitem(onnx_nodes.ACTIVATIONS, "relu")
    words = "activation of layer 0 is 'relu', expected one of 'tanh', 'sigmoid', 'identity'"
    with pytest.raises(ValueError, match=words):
        ir.export.to_onnx(small_exports.make("plain"), tmp_path / "net.onnx")


def test_lengths_is_a_boolean(tmp_path):
    with pytest.raises(TypeError, match=r"export.to_onnx: lengths is 3, expected True or False"):
        ir.export.to_onnx(small_exports.make("plain"), tmp_path / "net.onnx", lengths=3)
