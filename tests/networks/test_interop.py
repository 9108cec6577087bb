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
        ("blocks.0.cells.{}.W", "blocks.0.cells.{}.u", "blocks.0.cells.{}.bias_hh"),
        ("blocks.{}.0.W", "blocks.{}.0.u", "blocks.{}.0.b"),
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


@pytest.mark.parametrize(
    "names",
    [
        ("{0}.weight", "{0}.bias", "{1}.weight_hh"),
        ("net.{0}.bias", "net.{0}.weight", "net.{1}.weight_hh"),  # a bias in front belongs to what follows
        ("{1}.weight_hh", "{2}.bias", "{2}.weight"),
        ("layers.{0}.0.weight", "layers.{0}.0.bias", "layers.{0}.weight_hh"),
    ],
)
def test_numbers_may_count_modules(names):
    """As of torch.nn.Sequential."""
    state = {}
    for i in range(2):
        arrays = {"weight": W[i], "bias": BIAS[i], "weight_hh": U[i]}
        for name in names:
            state[name.format(3 * i, 3 * i + 1, 3 * i + 2)] = arrays[name.rsplit(".", 1)[-1]]
    equal(ir.import_torch(state))


def test_ten_layers_are_in_the_order_of_their_numbers():
    """Whatever the order of the dictionary, "10" comes after "2"."""
    state = {
        f"cells.{i}.{n}": np.full(s, i, "f4") for i in range(12) for n, s in (("W", (H, H)), ("u", (H,)))
    }
    found = ir.import_torch({name: state[name] for name in sorted(state)})
    assert [int(found[f"{i}.u"][0]) for i in range(12)] == list(range(12))


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
        (
            {"cells.0.weight_ih": W[1], "cells.0.weight_hh": U[0], "norms.0.weight": U[1]},
            "norms.0.weight is a second W of layer 0 beside cells.0.weight_ih, expected one W because only bias_ih",
        ),
        (
            {"cells.0.weight_ih": W[1], "cells.0.weight_hh": U[0], "cells.0.bias": U[0], "norms.0.bias": U[1]},
            "norms.0.bias is a second b of layer 0 beside cells.0.bias",
        ),
        (
            {"cells.0.weight_ih": W[1], "cells.0.weight_hh": U[0], "cells.0.bias_ih": U[0], "a.0.bias_ih": U[1]},
            "a.0.bias_ih is a second b of layer 0",
        ),
        (
            {"c.0.weight_ih": W[1], "c.0.weight_hh": U[0], "c.0.bias_ih": U[0], "a.0.bias_hh": U[1]},
            "a.0.bias_hh is a second b of layer 0 beside c.0.bias_ih",
        ),
        ({}, "state_dict is empty"),
        (
            {"rnn1.weight_ih": W[0], "rnn1.weight_hh": U[0], "rnn2.weight_ih": W[0], "rnn2.weight_hh": U[0]},
            "rnn2.weight_ih is a second W of layer 0 beside rnn1.weight_ih",
        ),
        (
            {"weight_ih_l0": W[1], "weight_hh_l0": U[0], "skip.0.weight": W[1]},
            "skip.0.weight is a second W of layer 0 beside weight_ih_l0",
        ),
        (
            {"weight_ih_l0": W[1], "weight_hh_l0": U[0], "recurrent.0.u": U[1]},
            "recurrent.0.u is a second u of layer 0 beside weight_hh_l0",
        ),
        (
            {"0.weight": W[0], "1.weight_hh": U[0], "2.weight": W[1], "2.bias": U[0]},
            "layer 1 has no u.* beside 2.weight, 2.bias",
        ),
        ({"weight_ih_l0": W[0], "weight_hh_l0": U[0], "fc.weight": W[1]}, "fc.weight has no number"),
        (
            {"0.weight": W[1], "1.weight_hh": U[0], "1.bias": U[0], "2.weight": W[1], "3.weight_hh": U[1]},
            "layer 1 has the arrays 2.weight, 3.weight_hh, expected the kinds weight, weight_hh, bias in the order",
        ),
        (
            {"2.weight": W[1], "3.weight_hh": U[1], "0.weight": W[0], "1.weight_hh": U[0]},
            "0.weight comes after 3.weight_hh, expected numbers that grow",
        ),
        (
            {"weight_ih": W[0], "weight_hh": U[0], "bias_ih": U[0], "bias_hh": np.ones(1)},
            r"b of layer 0 has shape \(1,\), expected \(4,\).*bias_hh",
        ),
        (
            {"weight_ih": W[0], "weight_hh": U[0].reshape(1, 1, H)},
            r"u of layer 0 has shape \(1, 1, 4\), expected \(4,\)",
        ),
        (
            {"weight_ih_l0": W[0], "weight_hh_l0": U[0], "weight_ih_l1": np.ones((H, D + H)), "weight_hh_l1": U[1]},
            r"weight_ih_l1 has shape \(4, 7\), expected \(H, 4\) because layer 0 has 4 units",
        ),
        ({"weight_ih": W[0] + 0j, "weight_hh": U[0]}, "weight_ih has dtype complex64, expected a real"),
        ({"weight_ih": W[0], "weight_hh": np.ones(H, int)}, "weight_hh has dtype int64, expected a real"),
    ],
    ids=[
        "unknown", "no u", "no W", "matrix", "short u", "long b", "flat W", "norm", "bias of a norm", "equal biases",
        "strange biases", "empty",
        "no numbers", "skip path", "two u", "read-out", "numbered and not", "missing bias", "falling numbers",
        "bias to broadcast", "u of three axes", "concatenated inputs", "complex", "integers",
    ],
)  # fmt: skip
def test_errors(state, words):
    with pytest.raises(ValueError, match=f"import_torch: .*{words}"):
        ir.import_torch(state)
