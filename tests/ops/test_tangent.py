"""Tangents: <gradient, direction> of the backward pass equals the derivative along the direction."""

import numpy as np
import pytest
from entries import ENTRIES
from strategies import DTYPES
from tolerances import assert_close

from indrnn_np import backend, set_threads
from indrnn_np._cpu.threads import threads
from indrnn_np.ops.catalogue import Draw, tangents

TANGENTS = {entry.op: entry for entry in tangents()}
COMPILED = ("recurrence", "indrnn", "affine", "batchnorm")
SIZES = ({}, {"T": 1, "B": 1, "D": 1, "H": 1, "K": 1}, {"T": 9, "B": 4, "D": 1, "H": 6, "K": 3})


def both_sides(entry, options, sizes, seed=0):
    """Return <gradient, direction>, <cotangent, tangent>, and the sum of the absolute terms."""
    backward = ENTRIES[entry.op, "backward"]
    d = Draw(np.random.default_rng(seed), **sizes)
    inputs = backward.source.draw(d, **options)
    results = backward.forward.named(backward.forward.reference()(**inputs))
    cotangents = {name: d.real(*y.shape) for name, y in backward.outputs(results, inputs).items()}
    directions = {name: d.real(*inputs[name].shape) for name in entry.directions}
    gradients = backward.reference()(**backward.selected(inputs, results, cotangents))
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    named = {f"{name}_dot": direction for name, direction in directions.items()}
    tangents = entry.reference()(**entry.selected(inputs, results, named))
    tangents = tangents if isinstance(tangents, tuple) else (tangents,)
    outputs = backward.outputs(dict(zip(entry.tangents, tangents, strict=True)), inputs)
    by_gradient = [directions[name] * g for name, g in zip(backward.gradients, gradients, strict=True)]
    by_tangent = [cotangents[name] * y for name, y in outputs.items()]
    sums = [sum(float(terms.sum()) for terms in side) for side in (by_gradient, by_tangent)]
    return *sums, sum(float(np.abs(terms).sum()) for terms in by_gradient + by_tangent)


@pytest.mark.parametrize("sizes", SIZES, ids=["odd", "one", "few"])
@pytest.mark.parametrize("op", TANGENTS)
def test_tangent_is_the_adjoint_of_backward(op, sizes):
    for options in TANGENTS[op].variants():
        gradient_side, tangent_side, size = both_sides(TANGENTS[op], options, sizes)
        assert abs(gradient_side - tangent_side) <= 1e-13 * size, options


def test_every_op_with_a_backward_pass_has_a_tangent():
    assert list(TANGENTS) == [op for op, name in ENTRIES if name == "backward"]
    for op, entry in TANGENTS.items():
        assert entry.directions == ENTRIES[op, "backward"].gradients


@pytest.mark.parametrize("op", ("recurrence", "indrnn", "rnn", "lstm", "gru", "batchnorm"))
def test_padding_is_not_read(op):
    entry, d = TANGENTS[op], Draw(np.random.default_rng(3), T=6, B=4, D=3, H=5)
    given = entry.arguments(d, lengths=True)
    functions = [entry.reference(), backend.get("cpu").tangent(op)]
    clean = [f(**given) for f in functions]
    padding = np.arange(6)[:, None] >= given["lengths"]
    for name in ("a_dot", "x_dot", "x"):
        if name in given:
            given[name] = np.where(padding[:, :, None], np.nan, given[name])
    for f, expected in zip(functions, clean, strict=True):
        assert np.array_equal(f(**given), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", COMPILED)
def test_compiled_tangent_agrees_with_the_reference(op, dtype):
    compiled = backend.get("cpu").tangent(op)
    assert compiled.__module__.endswith("cpu_tangent")
    for sizes in SIZES:
        for options in TANGENTS[op].variants():
            given = TANGENTS[op].arguments(Draw(np.random.default_rng(1), dtype, **sizes), **options)
            assert_close(compiled(**given), TANGENTS[op].reference()(**given), f"{op} {options}", scale=5)


@pytest.mark.parametrize("op", COMPILED)
def test_compiled_tangent_on_two_threads(op):
    """The array is large enough to be shared (threads.SMALL)."""
    given = TANGENTS[op].arguments(Draw(np.random.default_rng(1), T=60, B=40, D=9, H=250, K=250))
    before, compiled, results = threads(), backend.get("cpu").tangent(op), []
    try:
        for n in (1, 2):
            set_threads(n)
            results.append(compiled(**given))
    finally:
        set_threads(before)
    assert_close(results[1], results[0])
    assert_close(results[0], TANGENTS[op].reference()(**given), scale=5)


@pytest.mark.parametrize("op", sorted(set(TANGENTS) - set(COMPILED)))
def test_other_tangents_are_those_of_the_reference(op):
    assert backend.get("cpu").tangent(op) is TANGENTS[op].reference()


@pytest.mark.parametrize("op", TANGENTS)
def test_wrong_arguments_are_refused_by_name(op):
    given = TANGENTS[op].arguments(Draw(np.random.default_rng(1), T=6, B=4, D=3, H=5))
    direction = next(name for name in given if name.endswith("_dot"))
    message = rf"{op}\.\w+: \w+ has shape .*, expected"
    for f in (TANGENTS[op].reference(), backend.get("cpu").tangent(op)):
        if len(TANGENTS[op].directions) > 1:
            with pytest.raises(ValueError, match=message):
                f(**given | {direction: np.zeros((1, 1, 1))[:, :, 0]})
        with pytest.raises(TypeError, match=rf"{op}\.\w+: \w+ is a list, expected"):
            f(**given | {direction: [1.0]})
