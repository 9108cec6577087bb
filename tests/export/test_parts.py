"""The plain description of a network: what is removed, what is folded, and what is refused."""

import numpy as np
import pytest
import small_exports
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np.export.parts import describe, walk


def kinds(*layers, **options):
    """Names and kinds of the parts of a stack."""
    return [f"{part.name} {part.kind}" for part in describe("test", small_exports.stack(*layers, **options))]


def cell(inputs=4, units=4):
    return ir.IndRNN(inputs, units)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([cell(), ir.BatchNorm(4), ir.Dropout(0.5), cell()], ["0 IndRNN", "3 IndRNN"]),
        ([cell(), ir.BatchNorm(4), ir.LastStep(), ir.Linear(4, 2)], ["0 IndRNN", "2 LastStep", "3 Linear"]),
        ([ir.Linear(3, 4), ir.BatchNorm(4), ir.Recurrence(4)], ["2 IndRNN"]),
        ([ir.BatchNorm(4), ir.Linear(4, 4), ir.Dropout(0.1), ir.Recurrence(4)], ["3 IndRNN"]),
        ([ir.Recurrence(4), ir.BatchNorm(4), ir.Linear(4, 2)], ["0 Recurrence", "2 Linear"]),
        ([ir.BatchNorm(4), ir.LSTM(4, 4), ir.BatchNorm(4), ir.GRU(4, 4)], ["1 LSTM", "3 GRU"]),
        ([ir.Embedding(5, 4), ir.BatchNorm(4), ir.Tied(4, 5)], ["0 Embedding", "2 Linear"]),
        ([cell(), ir.BatchNorm(4), ir.Recurrence(4)], ["0 IndRNN", "1 BatchNorm", "2 Recurrence"]),
        ([cell(), ir.BatchNorm(4), ir.Concat([cell()])], ["0 IndRNN", "1 BatchNorm", "2 Concat"]),
        ([cell(), ir.BatchNorm(4), ir.LayerNorm(4)], ["0 IndRNN", "1 BatchNorm", "2 LayerNorm"]),
        ([ir.Linear(4, 4), ir.Linear(4, 4)], ["0 Linear", "1 Linear"]),
    ],
)  # fmt: skip
def test_which_parts_stay(layers, expected):
    assert kinds(*layers) == expected


def test_inner_layers_keep_their_paths():
    net = small_exports.stack(
        ir.Residual([ir.Linear(3, 3), ir.BatchNorm(3), ir.IndRNN(3, 3)]), ir.Bidirectional(ir.GRU(3, 2))
    )
    assert [part.name for part in walk(describe("test", net))] == [
        "0.0",
        "0.2",
        "0",
        "1.forward",
        "1.reverse",
        "1",
    ]


def test_batch_norm_is_folded_on_both_sides():
    net = small_exports.stack(ir.BatchNorm(3), ir.Linear(3, 5), ir.BatchNorm(5)).astype("float64")
    rng = np.random.default_rng(0)
    for array in (*net.params.values(), *net.buffers.values()):
        array[...] = rng.uniform(0.5, 2.0, array.shape)
    (part,) = describe("test", net)
    x = rng.standard_normal((6, 2, 3))
    assert part.arrays["W"].dtype == part.arrays["b"].dtype == np.float32
    assert_close((x @ part.arrays["W"].T + part.arrays["b"]).astype(np.float32), net(x).astype(np.float32))


def test_weights_without_batch_norm_keep_their_bits():
    net = small_exports.make("plain")
    for part in describe("test", net):
        for letter, array in part.arrays.items():
            assert np.array_equal(array, net.params[f"{part.name}.{letter}"])


class Own(ir.Linear):
    """A layer of the user."""


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([ir.BatchNorm(3, per_step=True)], r"layer 0 is a BatchNorm with per_step=True, expected one statistic for all "
         "steps because the exported network does not count time steps"),
        ([ir.Residual([Own(3, 3)])], r"layer 0\.0 is an Own, expected one of IndRNN, .* because its equations"),
        ([ir.Bidirectional(ir.RotatingIndRNN(3, 2, r_min=0.5, r_max=0.9))], r"layer 0\.forward is a RotatingIndRNN, "
         "expected one of IndRNN, .* because ONNX has no operator for pairs of neurons"),
        ([ir.LastStep(), ir.Residual([ir.Linear(3, 3)])], r"layer 1 is a Residual after a LastStep, expected one of "
         "Linear, Tied, LayerNorm, Dropout because a LastStep gives a single step"),
        ([ir.LastStep(), ir.LSTM(3, 3)], r"layer 1 is an LSTM after a LastStep"),
    ],
)  # fmt: skip
def test_layers_are_refused_by_name(layers, words):
    with pytest.raises(ValueError, match=f"export: {words}"):
        describe("export", small_exports.stack(*layers))


@pytest.mark.parametrize(("value", "shown"), [(np.nan, "nan"), (1e39, "inf"), (-np.inf, "-inf")])
def test_numbers_that_float32_cannot_hold_are_refused(value, shown):
    net = small_exports.make("plain").astype("float64")
    net.params["1.W"][2, 3] = value
    with pytest.raises(
        ValueError, match=rf"export: 1\.W\[2, 3\] is {shown}, expected finite numbers in float32 \(1"
    ):
        describe("export", net)
