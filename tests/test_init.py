"""Initialisers of the weights and the bound on |u|, against the numbers that the papers and the authors' code give."""

import math

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np import init, recurrent_bound

# T, γ, γ^(1/T), (1/γ)^(1/T)
BOUNDS = [
    (20, 2, 1.03526, 0.96594),
    (50, 2, 1.01396, 0.98623),
    (100, 2, 1.00696, 0.99309),
    (784, 2, 1.00089, 0.99912),
    (1000, 2, 1.00069, 0.99931),
    (5000, 2, 1.000139, 0.999861),
    (20, 5, 1.08380, 0.92268),
    (784, 5, 1.00206, 0.99795),
    (1000, 5, 1.00161, 0.99839),
    (5000, 5, 1.000322, 0.999678),
]
N = 40_000


def draw(initializer, shape=(N,), seed=0):
    return initializer(np.random.default_rng(seed), shape)


@pytest.mark.parametrize("T, gamma, bound, low", BOUNDS)
def test_relu_and_identity_bounds(T, gamma, bound, low):
    for activation in ("relu", "identity"):
        assert recurrent_bound(activation, gamma, T) == pytest.approx(bound, abs=1e-6 if T == 5000 else 1e-5)
    assert recurrent_bound("relu", gamma, T) ** T == pytest.approx(gamma)
    u = draw(init.recurrent("long", recurrent_bound("relu", gamma, T), gamma, T))
    assert low - 1e-5 <= u.min() < low + (bound - low) / 1000 + 1e-5
    assert bound + 1e-5 >= u.max() > bound - (bound - low) / 1000 - 1e-5


@pytest.mark.parametrize("T", [1, 20, 100, 784])
@pytest.mark.parametrize("gamma", [1, 2, 5])
def test_tanh_and_sigmoid_bounds(T, gamma):
    """tanh: (γ / 0.9^(T/10))^(1/T), a factor 0.9 each ten steps; sigmoid: φ' <= 1/4 leaves 4 γ^(1/T)."""
    assert recurrent_bound("tanh", gamma, T) == pytest.approx((gamma / 0.9 ** (T / 10)) ** (1 / T))
    assert recurrent_bound("sigmoid", gamma, T) == pytest.approx(4 * gamma ** (1 / T))


def test_a_stream_needs_no_length():
    assert recurrent_bound("relu", 1, None) == recurrent_bound("relu", 1, 500) == 1
    assert recurrent_bound("tanh", 1.0, None) == pytest.approx(recurrent_bound("tanh", 1, 500))
    assert recurrent_bound("sigmoid", 1, None) == 4


def test_long_sequences_do_not_round_the_bound_to_one():
    assert 1 < recurrent_bound("relu", 2, 10**6) < 1 + 1e-6


@pytest.mark.parametrize(
    "arguments, words",
    [
        (
            ("relu", 2, None),
            r"steps is None with gamma = 2, expected the sequence length T .* bound on \|u\| is gamma\^\(1/T\)",
        ),
        (("relu", 0, 10), "gamma is 0, expected a number above 0"),
        (("relu", float("nan"), 10), "gamma is nan, expected a number above 0"),
        (("relu", 2, 0), "steps is 0, expected a number of at least 1"),
        (("swish", 2, 10), "activation is 'swish', expected one of 'relu', 'tanh', 'sigmoid', 'identity'"),
    ],
)
def test_errors_of_the_bound(arguments, words):
    with pytest.raises(ValueError, match=f"recurrent_bound: {words}"):
        recurrent_bound(*arguments)


@pytest.mark.parametrize("kind, low", [("uniform", 0.0), ("symmetric", -1.25)])
def test_uniform_recurrent_weights(kind, low):
    u = draw(init.recurrent(kind, 1.25, 2, 10))
    assert low <= u.min() < low + 0.01 and 1.24 < u.max() <= 1.25
    assert u.mean() == pytest.approx((low + 1.25) / 2, abs=0.02)


def test_long_memories_with_another_activation():
    """The range has the width of the relu one in powers: its lower end is (1/γ²)^(1/T) of the bound."""
    bound = recurrent_bound("tanh", 2, 100)
    u = draw(init.recurrent("long", bound, 2, 100))
    assert bound / 4 ** (1 / 100) <= u.min() and u.max() <= bound


def test_ones_and_numbers():
    assert set(draw(init.recurrent("ones", 1.2, 2, 10))) == {1.0}
    assert set(draw(init.recurrent("ones", 0.8, 0.5, 10))) == {0.8}
    assert set(draw(init.recurrent("ones", math.inf, 2, None))) == {1.0}
    assert set(draw(init.recurrent(0.4, 1.2, 2, 10))) == {0.4}
    assert set(draw(init.recurrent(-1, math.inf, 2, None))) == {-1.0}


@pytest.mark.parametrize(
    "arguments, words",
    [
        (
            ("orthogonal", 1.0, 2, 10),
            "recurrent_init is 'orthogonal', expected one of 'uniform', 'symmetric', 'long', 'ones'",
        ),
        (
            ("uniform", math.inf, 2, 10),
            "recurrent_init is 'uniform' with constrain=False, expected 'ones' or a number",
        ),
        (("long", math.inf, 2, 10), "recurrent_init is 'long' with constrain=False"),
        (("long", 0.9, 0.5, 10), "recurrent_init is 'long' with gamma = 0.5, expected gamma >= 1"),
    ],
)
def test_errors_of_recurrent_initialisers(arguments, words):
    with pytest.raises(ValueError, match=f"IndRNN: {words}"):
        init.recurrent(*arguments)


def test_input_weights():
    tiny = draw(init.input_weights("normal"), (200, 200))
    assert tiny.std() == pytest.approx(0.001, rel=0.02) and abs(tiny.mean()) < 3e-5
    assert draw(init.input_weights(0.5), (200, 200)).std() == pytest.approx(0.5, rel=0.02)
    assert not draw(init.input_weights(0), (2, 3)).any()
    W = draw(init.input_weights("kaiming"), (400, 100))
    k = math.sqrt(6 / (65 * 100))
    assert 0.99 * k < W.max() <= k and -k <= W.min() < -0.99 * k


def test_kaiming_normal_of_the_output_layer():
    W = draw(init.kaiming_normal, (300, 50))
    assert W.std() == pytest.approx(math.sqrt(2 / 50), rel=0.03)
    assert abs(W.mean()) < 0.01


def test_constant():
    assert draw(init.constant(0.25), (3, 2)).tolist() == [[0.25, 0.25]] * 3


@pytest.mark.parametrize(
    "kind, words",
    [
        ("xavier", "input_init is 'xavier', expected one of 'normal', 'kaiming'"),
        (-0.1, "input_init is -0.1, expected a number of at least"),
    ],
)
def test_errors_of_input_initialisers(kind, words):
    with pytest.raises(ValueError, match=f"IndRNN: {words}"):
        init.input_weights(kind)


@pytest.mark.parametrize("start", [float("nan"), float("-inf")])
def test_weights_start_as_finite_numbers(start):
    with pytest.raises(ValueError, match=rf"IndRNN: recurrent_init is {start}, expected a finite number"):
        ir.Sequential([ir.IndRNN(2, 3, recurrent_init=start)], steps=4)


def test_a_rate_of_dropout_that_is_no_number():
    with pytest.raises(TypeError, match=r"plain: dropout is a list, expected a number"):
        ir.plain(2, 3, 1, 1, 4, dropout=[])
