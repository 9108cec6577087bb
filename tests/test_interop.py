"""Weights of a PyTorch IndRNN under this package's names."""

import numpy as np
import pytest

import indrnn_np as ir

D, H = 3, 4
rng = np.random.default_rng(0)
W = [rng.standard_normal((H, n)).astype(np.float32) for n in (D, H)]
U = [rng.standard_normal(H).astype(np.float32) for _ in range(2)]
BIAS = [rng.standard_normal(H).astype(np.float32) for _ in range(2)]
EXPECTED = {
    f"{i}.{letter}": arrays[i] for i in range(2) for letter, arrays in (("W", W), ("u", U), ("b", BIAS))
}


def equal(found, expected=EXPECTED):
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype and np.array_equal(found[name], value), name
        assert found[name].flags.c_contiguous


def interleaved(names, u=lambda u: u):
    """{name of W0, u0, b0, W1, u1, b1}: layer by layer."""
    return {
        name.format(i): value
        for i in range(2)
        for name, value in zip(names, (W[i], u(U[i]), BIAS[i]), strict=True)
    }


@pytest.mark.parametrize(
    "names",
    [
        ("weight_ih_l{}", "weight_hh_l{}", "bias_ih_l{}"),
        ("cells.{}.weight_ih", "cells.{}.weight_hh", "cells.{}.bias_ih"),
        ("layers.{}.linear.weight", "layers.{}.recurrent_weight", "layers.{}.linear.bias"),
        ("DIs.{}.weight", "RNNs.{}.weight_hh", "DIs.{}.bias"),
        ("{}.W", "{}.u", "{}.b"),
        ("rnn.{}.kernel", "rnn.{}.weight_rec", "rnn.{}.bias"),
    ],
    ids=lambda names: names[1],
)
def test_names_of_several_styles(names):
    equal(ir.import_torch(interleaved(names)))


@pytest.mark.parametrize("shape", [(1, H), (H, 1), (H,)])
def test_u_may_be_a_row_or_a_column(shape):
    equal(
        ir.import_torch(
            interleaved(("weight_ih_l{}", "weight_hh_l{}", "bias_ih_l{}"), lambda u: u.reshape(shape))
        )
    )


def test_the_authors_network_lists_all_inputs_before_all_recurrences():
    """Module lists: DIs.0, DIs.1, ... come first, then RNNs.0, RNNs.1, ...; the number says which belong together."""
    state = {
        f"DIs.{i}.{part}": arrays[i] for i in range(2) for part, arrays in (("weight", W), ("bias", BIAS))
    }
    state |= {f"RNNs.{i}.weight_hh": U[i] for i in range(2)}
    equal(ir.import_torch(state))


def test_all_weights_of_a_kind_together():
    state = {f"weight_ih_l{i}": W[i] for i in range(2)} | {f"weight_hh_l{i}": U[i] for i in range(2)}
    state |= {f"bias_ih_l{i}": BIAS[i] for i in range(2)}
    equal(ir.import_torch(state))


def test_two_biases_are_added_and_none_is_zero():
    state = {"weight_ih_l0": W[0], "weight_hh_l0": U[0], "bias_ih_l0": BIAS[0], "bias_hh_l0": BIAS[1]}
    assert np.array_equal(ir.import_torch(state)["0.b"], BIAS[0] + BIAS[1])
    assert np.array_equal(state["bias_ih_l0"], EXPECTED["0.b"])
    found = ir.import_torch({"weight_ih": W[0], "weight_hh": U[0]})
    assert found["0.b"].dtype == np.float32 and not found["0.b"].any()


def test_one_unit():
    found = ir.import_torch({"weight": np.ones((1, 2)), "weight_hh": np.ones((1, 1))})
    assert found["0.u"].shape == (1,)


def test_the_result_loads_and_runs(backend):
    net = ir.Sequential([ir.IndRNN(D, H), ir.IndRNN(H, H), ir.Linear(H, 2)], steps=5, backend=backend)
    net.load_state_dict(
        {
            **net.state_dict(),
            **ir.import_torch(interleaved(("weight_ih_l{}", "weight_hh_l{}", "bias_ih_l{}"))),
        }
    )
    x = rng.standard_normal((5, 2, D)).astype(np.float32)
    h = x
    for i in range(2):
        state, rows = np.zeros((2, H), np.float32), []
        for row in h @ W[i].T + BIAS[i]:
            state = np.maximum(row + U[i] * state, 0)
            rows.append(state)
        h = np.array(rows)
    expected = h @ net.params["2.W"].T + net.params["2.b"]
    assert np.allclose(net(x), expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    "state, words",
    [
        (
            {"weight_ih_l0": W[0], "gamma": U[0]},
            "the name 'gamma' is unknown, expected names that end in one of weight_ih, weight",
        ),
        (
            {"weight_ih_l0": W[0]},
            r"layer 0 has no u, only \['W'\], expected an array called weight_hh or recurrent_weight",
        ),
        ({"weight_hh_l0": U[0], "bias_l0": U[0]}, "layer 0 has no W"),
        (
            {"weight_ih": W[0], "weight_hh": np.ones((H, H))},
            r"u of layer 0 has shape \(4, 4\), expected \(4,\).*a recurrent matrix is not an IndRNN",
        ),
        (
            {"weight_ih": W[0], "weight_hh": np.ones(3)},
            r"u of layer 0 has shape \(3,\), expected \(4,\) to match W with shape \(4, 3\)",
        ),
        (
            {"weight_ih": W[0], "weight_hh": U[0], "bias": np.ones(5)},
            r"b of layer 0 has shape \(5,\), expected \(4,\) to match W",
        ),
        ({"weight_ih": np.ones(4), "weight_hh": U[0]}, r"W of layer 0 has shape \(4,\), expected \(H, D\)"),
    ],
    ids=["unknown", "no u", "no W", "matrix", "short u", "long b", "flat W"],
)
def test_errors(state, words):
    with pytest.raises(ValueError, match=f"import_torch: .*{words}"):
        ir.import_torch(state)
