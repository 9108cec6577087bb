"""Options of layers, schedules, optimizers and tasks that are not what they have to be are refused in a sentence."""

from functools import partial

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np import tasks
from indrnn_np.tasks.arrays import Arrays


@pytest.mark.parametrize("value", [None, {}, True, [], b"1", float("nan"), float("inf"), 1j])
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda v: ir.RNN(2, 3, recurrent_init=v), "recurrent_init"),
        (lambda v: ir.LSTM(2, 3, forget_bias=v), "forget_bias"),
        (lambda v: ir.plain(2, 3, 1, 1, 4, embedding_dropout=v), "embedding_dropout"),
        (lambda v: ir.networks.dense(2, 1, 4, blocks=(1,), embedding_dropout=v), "embedding_dropout"),
        (lambda v: ir.IndRNN(2, 3, gamma=v), "gamma"),
        (lambda v: ir.Recurrence(3, gamma=v), "gamma"),
        (lambda v: ir.Plateau(0.1, 2, minimum=v), "minimum"),
    ],
)
def test_a_number_is_a_finite_number(make, name, value):
    with pytest.raises((TypeError, ValueError), match=rf"\w+: {name} is .*, expected "):
        make(value)


def test_small_unsigned_integers_start_an_embedding_as_their_float_does():
    one, other = (ir.Sequential([ir.Embedding(5, 3, init_scale=s)]) for s in (np.uint8(3), 3.0))
    np.testing.assert_array_equal(one.flat, other.flat)


@pytest.mark.parametrize("value", [None, 1, 0.5, "h0", [1], np.array(1.0)])
def test_parameters_with_decay_are_letters(value):
    with pytest.raises(TypeError, match=r"SGD: decay_on is .*, expected letters of parameters"):
        ir.SGD(0.1, decay_on=value)


@pytest.mark.parametrize("value", [["u"], "u", 0.5])
def test_rates_of_letters_are_a_dict(value):
    with pytest.raises(TypeError, match=r"Adam: lr_of is a \w+, expected a dict such as"):
        ir.Adam(0.1, lr_of=value)


SWITCHES = {
    "SGD: nesterov": lambda value: ir.SGD(0.1, 0.9, value),
    "Adam: decoupled": lambda value: ir.Adam(decoupled=value),
    "IndRNN: constrain": lambda value: ir.IndRNN(2, 3, constrain=value),
    "LSTM: reverse": lambda value: ir.Bidirectional(ir.LSTM(2, 3, reverse=value)),
    "BatchNorm: per_step": lambda value: ir.BatchNorm(2, value, positions=3),
    "plain: batchnorm": lambda value: ir.plain(2, 3, 1, 1, 4, batchnorm=value),
    "plain: tied": lambda value: ir.plain(2, 3, 2, 1, 4, embedding=3, tied=value),
    "residual: constrain": lambda value: ir.residual(2, 3, 1, 1, 4, constrain=value),
    "dense: first": lambda value: ir.networks.dense(2, 1, 4, blocks=(1,), first=value),
    "Plan: graph": lambda value: ir.Plan(iterations=1, graph=value),
    "checkpoint.load: allow_nonfinite": lambda value: ir.load("a.npz", allow_nonfinite=value),
    "Sequential.forward: training": lambda value: NET.forward(X, training=value),
    "Sequential.load_state_dict: allow_nonfinite": lambda value: NET.load_state_dict(NET.state_dict(), value),
    "Sequential.recompute_statistics: carried": lambda value: NET.recompute_statistics([X], value),
    "Adam.load_state_dict: allow_nonfinite": lambda value: ir.Adam().load_state_dict({"t": 0}, value),
    "gradcheck: raises": lambda value: ir.gradcheck(NET, X, raises=value),
    "check_function: raises": lambda value: ir.check_function(np.sum, {}, {}, raises=value),
    "fit: progress": lambda value: ir.fit(NET, (X, X), ir.Adam(), iterations=1, progress=value),
    "tasks.Mnist: permuted": lambda value: tasks.get("mnist", permuted=value),
}
X = np.zeros((4, 3, 2), np.float32)
NET = ir.Sequential([ir.Linear(2, 2)], backend="reference")


@pytest.mark.parametrize("value", [[], None, 1, "yes", np.array([]), np.ones(2)], ids=repr)
@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_is_true_or_false(name, value):
    with pytest.raises(TypeError, match=rf"{name} is .*, expected True or False"):
        SWITCHES[name](value)


@pytest.mark.parametrize("build", [partial(ir.plain, layers=1), partial(ir.residual, blocks=1)])
@pytest.mark.parametrize(
    "name", ["input_size", "hidden", "output_size", "embedding", "recurrent_init", "dropout"]
)
def test_numbers_of_a_network_are_no_arrays(build, name):
    options = {"input_size": 2, "hidden": 3, "output_size": 2, "steps": 4, "embedding": 3, "tied": True}
    with pytest.raises(TypeError, match=rf"\w+: {name} is a ndarray, expected a number"):
        build(**options | {name: np.array([])})


def test_rates_of_places_are_numbers():
    with pytest.raises(TypeError, match=r"dropout\['last'\] is a ndarray, expected a number"):
        ir.plain(2, 3, 1, 1, 4, dropout={"last": np.array([])})


def test_switches_of_numpy_are_accepted():
    ir.plain(2, 3, 2, 1, 4, np.True_, embedding=3, tied=np.True_)
    assert ir.IndRNN(2, 3, constrain=np.False_).spec()["constrain"] is False


def test_a_layer_without_a_forward_pass_is_refused_by_name():
    with pytest.raises(TypeError, match=r"Layer\.forward: the class does not define it, expected a method"):
        ir.Sequential([ir.Layer()]).forward(np.zeros((2, 3, 1), np.float32))


@pytest.mark.parametrize("value", [b"1", -1, 1.5, None])
def test_the_iteration_of_a_batch_is_a_number(value):
    x = np.zeros((3, 4, 2), np.float32)
    task = Arrays(x, np.zeros(4, np.int64), classes=2)
    with pytest.raises((TypeError, ValueError), match=r"tasks\.Arrays: iteration is .*, expected a"):
        task.batch(value, 2)
