"""Embedding, Tied, LayerNorm, and batch norm by position: gradients, streams, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_strategies import each_backend, ragged, seeds
from tolerances import assert_close

import indrnn_np as ir

# T, B, H, V; layer norm of one unit has a gradient of 0, and there rounding is all there is
sizes = st.tuples(*(st.integers(low, high) for low, high in ((1, 7), (1, 4), (2, 5), (1, 4))))


def symbols(seed, T, B, V):
    return np.random.default_rng(seed).integers(0, V, (T, B))


def make(layers, T, seed, backend="cpu", dtype="float64"):
    net = ir.Sequential(layers, steps=T, backend=backend, dtype=dtype, seed=seed)
    rng = np.random.default_rng(seed)
    for name, value in net.params.items():
        if not name.endswith("u"):
            value[...] = 0.5 * rng.standard_normal(value.shape) + name.endswith("scale")
    return net


def model(H, V, rate=0.0, tied=True, activation="tanh"):
    """A small language model, smooth so that no kink is in the way."""
    read = ir.Tied(H, V) if tied else ir.Linear(H, V)
    return [ir.Embedding(V, H, embedding_dropout=rate), ir.LayerNorm(H), ir.IndRNN(H, H, activation, gamma=1.0),
            ir.BatchNorm(H, per_step=True, positions=3), ir.Dropout(0.2), read]  # fmt: skip


# -- gradients -----------------------------------------------------------------------------------------------


@each_backend
@given(data=st.data(), size=sizes, seed=seeds, rate=st.sampled_from([0.0, 0.5]))
def test_embedding(backend, data, size, seed, rate):
    T, B, H, V = size
    x = symbols(seed, T, B, V)
    net = make([ir.Embedding(V, H, embedding_dropout=rate)], T, seed, backend)
    report = ir.gradcheck(net, x, lengths=data.draw(ragged(x)), seed=seed)
    assert [row.name for row in report] == ["0.E"]


@each_backend
@given(size=sizes, seed=seeds, last=st.booleans())
def test_layer_norm(backend, size, seed, last):
    T, B, H, _ = size
    x = np.random.default_rng(seed).standard_normal((T, B, H))
    ir.gradcheck(make([*([ir.LastStep()] if last else []), ir.LayerNorm(H)], T, seed, backend), x, seed=seed)


@each_backend
@given(data=st.data(), size=sizes, seed=seeds, tied=st.booleans())
def test_language_models(backend, data, size, seed, tied):
    T, B, H, V = size
    x, y = symbols(seed, T, B, V), symbols(seed + 1, T, B, V)
    net = make(model(H, V, 0.3, tied), T, seed, backend)
    lengths = data.draw(ragged(x, least=1))
    mask = None if lengths is None else ir.length_mask(lengths, T)
    ir.gradcheck(net, x, y, "softmax_cross_entropy", lengths=lengths, mask=mask, seed=seed)
    ir.gradcheck(net, x, lengths=lengths, seed=seed)


def test_both_gradients_of_a_tied_table_are_added(backend):
    """E of the embedding alone, of the read-out alone, and their sum."""
    T, B, H, V = 5, 3, 4, 6
    x, rng = symbols(0, T, B, V), np.random.default_rng(1)
    net = make([ir.Embedding(V, H), ir.IndRNN(H, H, "tanh", gamma=1.0), ir.Tied(H, V)], T, 2, backend)
    free = make([ir.Embedding(V, H), ir.IndRNN(H, H, "tanh", gamma=1.0), ir.Linear(H, V)], T, 2, backend)
    for name, value in net.params.items():
        free.params[name][...] = value
    free.params["2.W"][...] = net.params["0.E"]
    (y, _, tape), (z, _, other) = net.forward(x), free.forward(x)
    assert_close(y, z)
    dy = rng.standard_normal(y.shape)
    tied, apart = net.backward(dy, tape)[2], free.backward(dy, other)[2]
    assert_close(tied["0.E"], apart["0.E"] + apart["2.W"])
    for name in ("1.W", "1.u", "1.b", "2.b"):
        assert_close(tied[name], apart[name], name)
    assert set(net.params) == set(free.params) - {"2.W"}


def test_a_tied_table_inside_a_container(backend):
    """Its names are the network's, wherever the layer stands."""
    x = symbols(0, 4, 2, 3)
    net = make([ir.Embedding(3, 3), ir.layers.Residual([ir.Tied(3, 3)])], 4, 1, backend)
    assert {row.name for row in ir.gradcheck(net, x)} == {"0.E", "1.0.b"}


# -- the same in every way it is computed --------------------------------------------------------------------


@each_backend
@given(data=st.data(), size=sizes, seed=seeds, activation=st.sampled_from(["relu", "tanh"]))
def test_steps_windows_and_one_pass_agree(backend, data, size, seed, activation):
    T, B, H, V = size
    x = symbols(seed, T, B, V)
    net = make(model(H, V, 0.3, activation=activation), T, seed, backend)
    net.forward(x)  # moves the running statistics
    y, state = None, None
    whole = net(x)
    rows = []
    for x_t in x:
        y, state = net.step(x_t, state)
        rows.append(y)
    assert_close(np.stack(rows), whole)
    cut = data.draw(st.integers(1, T))
    first, state = net.infer(x[:cut])
    assert_close(np.concatenate([first, net.infer(x[cut:], state)[0]]) if cut < T else first, whole)


@each_backend
@given(size=sizes, seed=seeds)
def test_windows_that_are_computed_again(backend, size, seed):
    T, B, H, V = size
    x = symbols(seed, T, B, V)
    net = make(model(H, V, 0.3), T, seed, backend)
    results = []
    for memory in ("keep", "recompute"):
        y, _, tape = net.forward(x, memory=memory)
        dx, _, grads = net.backward(np.cos(y), tape)
        assert dx is None
        results.append((y.copy(), grads.flat.copy()))
    for kept, again in zip(*results, strict=True):
        assert_close(again, kept, scale=100)


@each_backend
@given(data=st.data(), size=sizes, seed=seeds)
def test_what_stands_in_padding_reaches_nothing(backend, data, size, seed):
    T, B, H, V = size
    x = symbols(seed, T, B, V)
    lengths = np.array([data.draw(st.integers(0, T)) for _ in range(B)])
    lengths[0] = T
    net = make(model(H, V), T, seed, backend)
    found = []
    for padding in (0, 10**6):
        padded = np.where(np.arange(T)[:, None] < lengths, x, padding)
        y, _, tape = net.forward(padded, lengths=lengths)
        found.append((y.tobytes(), net.backward(np.cos(y), tape)[2].flat.tobytes()))
    assert found[0] == found[1]
    table = make([ir.Embedding(V, H)], T, seed, backend)
    y = table.forward(x, lengths=lengths)[0]
    assert not y[np.arange(T)[:, None] >= lengths].any()


def test_rows_are_dropped_whole_and_scaled_and_only_in_training(backend):
    V, T = 400, 3
    net = make([ir.Embedding(V, 2, embedding_dropout=0.25)], T, 0, backend)
    x = np.tile(np.arange(V), (T, 1))
    y = net.forward(x)[0]
    kept = (y != 0).all(axis=2)
    assert (kept == kept[0]).all() and ((y == 0).all(axis=2) == ~kept).all()
    assert 0.65 < kept.mean() < 0.85
    assert_close(y[kept], (net.params["0.E"][x] / 0.75)[kept])
    assert np.array_equal(net(x), net.params["0.E"][x])
    assert np.array_equal(net.forward(x)[0], y)  # the iteration decides
    net.iteration += 1
    assert ((net.forward(x)[0] != 0).all(axis=2) != kept).any()


def test_symbols_may_have_any_integer_dtype_and_the_batch_of_another_is_the_same(backend):
    net = make(model(3, 4), 5, 0, backend)
    x = symbols(0, 5, 2, 4)
    for dtype in ("uint8", "int32"):
        assert np.array_equal(net(x.astype(dtype)), net(x))


# -- batch norm by position ----------------------------------------------------------------------------------


def test_positions_go_on_over_windows_and_begin_anew_with_the_state(backend):
    """momentum 1: a row holds the statistics of the step that it was last written by."""
    T, rows = 3, 5
    net = make([ir.BatchNorm(2, per_step=True, momentum=1.0, positions=rows)], T, 0, backend)
    rng = np.random.default_rng(0)
    first, second, third = (rng.standard_normal((T, 4, 2)) for _ in range(3))
    _, state, _ = net.forward(first)
    _, state, _ = net.forward(second, state)
    assert state == (2 * T,)
    means = [x.mean(axis=1) for x in (first, second, third)]
    # position 5 shares row 4 with position 4, and comes after it
    assert_close(net.buffers["0.mean"], np.concatenate([means[0], means[1][[0, 2]]]))
    _, state, _ = net.forward(third)
    assert state == (T,)
    assert_close(net.buffers["0.mean"], np.concatenate([means[2], means[1][[0, 2]]]))
    # inference takes the rows of the same positions
    y, state = net.infer(first, (4,))
    by_hand = (first - net.buffers["0.mean"][4]) / np.sqrt(net.buffers["0.var"][4] + 1e-5)
    assert_close(y, net.params["0.scale"] * by_hand + net.params["0.shift"])
    assert state == (4 + T,)


def test_positions_need_no_steps_of_the_network():
    net = ir.Sequential([ir.BatchNorm(2, per_step=True, positions=7)])
    assert net.buffers["0.var"].shape == (7, 2)
    assert ir.Sequential([ir.BatchNorm(2, per_step=True)], steps=4).buffers["0.var"].shape == (4, 2)


# -- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: ir.Embedding(0, 2), "Embedding: symbols is 0"),
        (lambda: ir.Embedding(2, 0), "Embedding: size is 0"),
        (lambda: ir.Embedding(2, 2, -1.0), "Embedding: init_scale is -1.0"),
        (
            lambda: ir.Embedding(2, 2, embedding_dropout=1.0),
            "Embedding: embedding_dropout is 1.0, expected a number from 0",
        ),
        (lambda: ir.LayerNorm(0), "LayerNorm: size is 0"),
        (lambda: ir.LayerNorm(2, 0.0), "LayerNorm: eps is 0.0"),
        (lambda: ir.Tied(2, 3, -1), "Tied: to is -1"),
        (
            lambda: ir.BatchNorm(2, positions=4),
            "positions is 4 with per_step=False, expected per_step=True because",
        ),
        (lambda: ir.BatchNorm(2, per_step=True, positions=0), "BatchNorm: positions is 0"),
        (
            lambda: ir.Sequential([ir.Linear(2, 3), ir.Embedding(3, 2)]),
            "layer 1 is an Embedding, expected another layer because only the first layer of a network reads symbols",
        ),
        (
            lambda: ir.Sequential([ir.layers.Residual([ir.Embedding(3, 2)])]),
            "(layer 0.0 is an Embedding|Residual)",
        ),
        (
            lambda: ir.Sequential([ir.Embedding(3, 2), ir.Tied(2, 4)]),
            r"layer 1 is Tied\(input_size=2, output_size=4, to=0\), expected Tied\(2, 3\) to match layer 0 Embedding",
        ),
        (
            lambda: ir.Sequential([ir.Linear(2, 3), ir.Tied(3, 3)]),
            "layer 1 is a Tied to layer 0, which is Linear.*, expected an Embedding",
        ),
        (
            lambda: ir.Sequential([ir.Embedding(3, 2), ir.Tied(2, 3, 5)]),
            "layer 1 is a Tied to layer 5, which is None, expected an Embedding",
        ),
    ],
)
def test_layers_that_do_not_fit(build, words):
    with pytest.raises(ValueError, match=words):
        build()


def test_inputs_of_the_wrong_kind(backend):
    words = make([ir.Embedding(3, 2), ir.Linear(2, 3)], 4, 0, backend)
    numbers = make([ir.IndRNN(2, 2)], 4, 0, backend)
    for x, expected in [
        (
            np.zeros((4, 2)),
            "x has dtype float64, expected an integer dtype because the first layer is an Embedding",
        ),
        (np.zeros((4, 2, 1), int), r"x has shape \(4, 2, 1\), expected \(T, B\) integers"),
        (np.full((4, 2), 3), r"x\[0, 0\] is 3, expected 0 to 2 because there are 3 symbols"),
        (np.full((2, 4), 7), r"because there are 3 symbols; this looks like \(B, T\)"),
    ]:
        with pytest.raises(ValueError, match=expected):
            words.forward(x)
    with pytest.raises(
        ValueError, match=r"x has dtype int64, expected float64 because the first layer is IndRNN; symb"
    ):
        numbers.forward(np.zeros((4, 2, 2), int))
    with pytest.raises(ValueError, match=r"Sequential.step: x_t\[1\] is -1, expected 0 to 2"):
        words.step(np.array([0, -1]))
    with pytest.raises(
        ValueError, match=r"Sequential.step: x_t has dtype float64, expected an integer dtype"
    ):
        words.step(np.zeros(2))
    with pytest.raises(ValueError, match=r"Sequential.step: x_t has dtype int64, expected float64"):
        numbers.step(np.zeros((2, 2), int))
    with pytest.raises(TypeError, match=r"x is a list"):
        words.forward([[0, 1]])


def test_specs_come_back(tmp_path):
    net = make(model(3, 4, 0.1), 5, 0)
    ir.save(tmp_path / "net.npz", net)
    again = ir.load(tmp_path / "net.npz").net
    assert again.layers == net.layers
    x = symbols(0, 5, 2, 4)
    assert np.array_equal(again(x), net(x))
