"""Options of layers, schedules, optimizers and tasks that are not what they have to be are refused in a sentence."""

import numpy as np
import pytest

import indrnn_np as ir
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


@pytest.mark.parametrize("value", [["u"], "u", 0.5])
def test_rates_of_letters_are_a_dict(value):
    with pytest.raises(TypeError, match=r"Adam: lr_of is a \w+, expected a dict such as"):
        ir.Adam(0.1, lr_of=value)


@pytest.mark.parametrize("value", [[], None, 1, "yes", np.ones(2)])
def test_nesterov_is_true_or_false(value):
    with pytest.raises(TypeError, match=r"SGD: nesterov is .*, expected True or False"):
        ir.SGD(0.1, momentum=0.9, nesterov=value)


def test_a_layer_without_a_forward_pass_is_refused_by_name():
    with pytest.raises(TypeError, match=r"Layer\.forward: the class does not define it, expected a method"):
        ir.Sequential([ir.Layer()]).forward(np.zeros((2, 3, 1), np.float32))


@pytest.mark.parametrize("value", [b"1", -1, 1.5, None])
def test_the_iteration_of_a_batch_is_a_number(value):
    x = np.zeros((3, 4, 2), np.float32)
    task = Arrays(x, np.zeros(4, np.int64), classes=2)
    with pytest.raises((TypeError, ValueError), match=r"tasks\.Arrays: iteration is .*, expected a"):
        task.batch(value, 2)
