"""The gradients of every layer, and of stacks of them, against numerical derivatives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_strategies import ACTIVATIONS, batches, each_backend, ragged, seeds

import indrnn_np as ir
from indrnn_np.optim.losses import LOSSES


def randomised(net, seed):
    """The network with no parameter at 0 and the recurrent weights left as they are."""
    rng = np.random.default_rng(seed)
    for name, value in net.params.items():
        if not name.endswith("u"):
            value[...] = 0.5 * rng.standard_normal(value.shape) + (name.endswith("scale"))
    return net


def check(layers, x, seed, backend="cpu", **arguments):
    """Check a stack; a kink by chance within reach of every step is no failure, and told apart from one."""
    net = randomised(ir.Sequential(layers, steps=len(x), backend=backend, dtype="float64", seed=seed), seed)
    report = ir.gradcheck(net, x, seed=seed, **arguments)
    assert all(row.kinks for row in report.undecided), report
    return report


@each_backend
@pytest.mark.parametrize("activation", ACTIVATIONS)
@given(data=st.data(), batch=batches(), H=st.integers(1, 5), reverse=st.booleans(), learned=st.booleans())
def test_indrnn(activation, backend, data, batch, H, reverse, learned):
    x, seed = batch
    kind = data.draw(st.sampled_from(["uniform", "symmetric", "long", "ones", 0.0, -1.0]))
    layer = ir.IndRNN(x.shape[2], H, activation, recurrent_init=kind, reverse=reverse, learn_h0=learned)
    report = check([layer], x, seed, backend, lengths=data.draw(ragged(x)))
    assert {row.name for row in report} == {"x", "0.W", "0.u", "0.b", "0.h0" if learned else "state.0"}


@given(batch=batches(), reverse=st.booleans())
def test_a_given_state_takes_the_place_of_a_learned_one(batch, reverse):
    x, seed = batch
    h0 = np.random.default_rng(seed).standard_normal((x.shape[1], 3))
    report = check([ir.IndRNN(x.shape[2], 3, learn_h0=True, reverse=reverse)], x, seed, state=[h0])
    assert report["0.h0"].analytic == report["0.h0"].numeric == 0
    assert "state.0" in {row.name for row in report}


@each_backend
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@given(data=st.data(), batch=batches(), H=st.integers(1, 4), learned=st.booleans())
def test_bidirectional(activation, backend, data, batch, H, learned):
    x, seed = batch
    layer = ir.Bidirectional(ir.IndRNN(x.shape[2], H, activation, learn_h0=learned))
    report = check([layer], x, seed, backend, lengths=data.draw(ragged(x)))
    names = {"x"} | {
        f"0.{half}.{p}" for half in ("forward", "reverse") for p in ["W", "u", "b"] + ["h0"] * learned
    }
    assert {row.name for row in report} == names | (set() if learned else {"state.0.0", "state.0.1"})


@each_backend
@given(batch=batches(), K=st.integers(1, 5))
def test_linear(backend, batch, K):
    x, seed = batch
    assert check([ir.Linear(x.shape[2], K)], x, seed, backend).method == "complex"


@each_backend
@pytest.mark.parametrize("per_step", [False, True])
@given(data=st.data(), batch=batches())
def test_batch_norm(per_step, backend, data, batch):
    x, seed = batch
    check([ir.BatchNorm(x.shape[2], per_step=per_step)], x, seed, backend, lengths=data.draw(ragged(x)))


@each_backend
@given(batch=batches(), rate=st.sampled_from([0.0, 0.2, 0.7]))
def test_dropout(backend, batch, rate):
    x, seed = batch
    check([ir.Dropout(rate)], x, seed, backend)


@each_backend
@given(data=st.data(), batch=batches())
def test_last_step(backend, data, batch):
    x, seed = batch
    check([ir.LastStep()], x, seed, backend, lengths=data.draw(ragged(x)))


@each_backend
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@given(data=st.data(), seed=seeds, last=st.booleans(), per_step=st.booleans(), both=st.booleans())
def test_stacks(activation, backend, data, seed, last, per_step, both):
    T, B, D, H, K = (data.draw(st.integers(2, 6)) for _ in range(5))
    x = np.random.default_rng(seed).standard_normal((T, B, D))
    second = ir.IndRNN(H, H, activation, reverse=not both)
    layers = [
        ir.IndRNN(D, H, activation, recurrent_init="long"),
        ir.BatchNorm(H, per_step=per_step),
        ir.Dropout(0.3),
        ir.Bidirectional(second) if both else second,
        *([ir.LastStep()] if last else []),
        ir.Linear((1 + both) * H, K),
    ]
    check(layers, x, seed, backend, lengths=data.draw(ragged(x)))


@each_backend
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("last", [False, True])
@given(data=st.data(), batch=batches())
def test_losses_on_stacks(loss, last, backend, data, batch):
    x, seed = batch
    T, B, D = x.shape
    rng = np.random.default_rng(seed)
    lengths = data.draw(ragged(x, least=1))
    mask = None if last or lengths is None else ir.length_mask(lengths, T)
    leading = (B,) if last else (T, B)
    y = rng.integers(0, 3, leading) if loss == "softmax_cross_entropy" else rng.random((*leading, 3))
    layers = [ir.IndRNN(D, 4, "tanh"), *([ir.LastStep()] if last else []), ir.Linear(4, 3)]
    check(layers, x, seed, backend, y=y, loss=loss, lengths=lengths, mask=mask)
    check(layers, x, seed, backend, y=y, loss=getattr(ir, loss), lengths=lengths, mask=mask, method="central")


def test_the_last_recurrent_layer_may_be_read_through_batch_norm_and_dropout(backend):
    x = np.random.default_rng(1).standard_normal((5, 4, 3))
    for between in ([], [ir.Dropout(0.4)], [ir.BatchNorm(4)], [ir.BatchNorm(4), ir.Dropout(0.4)]):
        for lengths in (None, np.array([5, 0, 3, 1])):
            check(
                [ir.IndRNN(3, 4, "tanh"), *between, ir.LastStep(), ir.Linear(4, 2)],
                x,
                3,
                backend,
                lengths=lengths,
            )
