"""What every op refuses, in which words: arrays of another layout, dtype, shape or kind."""

import importlib

import numpy as np
import pytest
from entries import FUNCTIONS, OUT, SIZES, arguments, place_of_out, run
from strategies import BACKENDS

from indrnn_np import backend
from indrnn_np._gradcheck.hosted import STAY

T, B = SIZES["T"], SIZES["B"]


def arrays_of(op, name):
    return [key for key, value in arguments(op, name).items() if isinstance(value, np.ndarray)]


EACH_ARRAY = [(op, name, key) for op, name in FUNCTIONS for key in arrays_of(op, name)]
FLOATS = [case for case in EACH_ARRAY if arguments(*case[:2])[case[2]].dtype == np.float64]
CHECKED = [case for case in FLOATS if case[:2] != ("recurrence", "last")]  # it picks rows of any dtype
SHARED = [case for case in CHECKED if len([c for c in FLOATS if c[:2] == case[:2]]) > 1]


def refused(name, op, function, error, words, **changes):
    given = {**arguments(op, function), **changes}
    with pytest.raises(error, match=rf"^{op}\.\w+: .*{words}"):
        getattr(getattr(backend.get(name), op), function)(**given)


@pytest.mark.parametrize("op, name, key", EACH_ARRAY)
def test_arrays_that_are_not_contiguous_are_refused(backend, op, name, key):
    value = arguments(op, name)[key]
    wide = np.repeat(value, 2, axis=-1)[..., ::2]
    words = r"strides .*, expected a C-contiguous array.*ascontiguousarray"
    refused(backend, op, name, ValueError, words, **{key: wide})


@pytest.mark.parametrize("op, name, key", CHECKED)
def test_arrays_of_integers_are_refused(backend, op, name, key):
    value = arguments(op, name)[key].astype(np.int64)
    refused(backend, op, name, ValueError, r"has dtype \w+, expected ", **{key: value})


@pytest.mark.parametrize("op, name, key", SHARED)
def test_mixed_dtypes_are_refused(backend, op, name, key):
    value = arguments(op, name)[key].astype(np.float32)
    refused(
        backend,
        op,
        name,
        ValueError,
        r"has dtype float(32|64), expected float(32|64) to match",
        **{key: value},
    )


@pytest.mark.parametrize("op, name", FUNCTIONS)
def test_complex_arrays_are_refused_by_fast_twins(op, name):
    """They are numbers of the complex step of a gradient check, which runs on the reference."""
    given, twins = arguments(op, name), importlib.import_module(f"indrnn_np.ops.{op}").TWINS
    real = [key for case, function, key in CHECKED if (case, function) == (op, name)]
    given |= {key: given[key].astype(complex) for key in real}
    for twin in set(BACKENDS) & set(twins) - {"reference"}:
        function, asarray = getattr(getattr(backend.get(twin), op), name), backend.get(twin).device.asarray
        moved = {key: asarray(a) for key, a in given.items() if isinstance(a, np.ndarray) and key not in STAY}
        if real and function.__module__.endswith(twin):
            with pytest.raises(
                ValueError, match=rf"^{op}\.\w+: .* has dtype complex128, expected float32 or "
            ):
                function(**given | moved)


@pytest.mark.parametrize(
    "op, name, key", [case for case in EACH_ARRAY if case[2] == "lengths" and case[1] != "reached"]
)
def test_lengths_are_integers_from_zero_to_the_number_of_steps(backend, op, name, key):
    for value, words in [
        (np.array([1.0, 2.0, 3.0]), "lengths has dtype float64, expected an integer dtype"),
        (np.array([1, 2]), rf"lengths has shape \(2,\), expected \({B},\) one for each of the {B} samples"),
        (
            np.array([1, T + 1, 0]),
            rf"lengths\[1\] is {T + 1}, expected 0 to {T} because the sequence has {T} steps",
        ),
        (np.array([1, 2, -1]), rf"lengths\[2\] is -1, expected 0 to {T}"),
    ]:
        refused(backend, op, name, ValueError, words, lengths=value)


ALONE = [("recurrence", "last", "h"), ("gradient", "norm", "g"), ("finite", "first", "a")]
ALONE += [("gradient", name, "g") for name in ("clip_norm", "clip_value")] + [("project", "project", "u")]
ALONE += [("rows", "fill", "out"), ("rows", "total", "a"), ("rows", "part", "x")]
ALONE += [("dropout", "forward", "x"), ("dropout", "backward", "dy"), ("batchnorm", "rows", "running")]
FREE = {  # axes that nothing else has to match
    ("recurrence", "forward", "a"): [0],
    ("indrnn", "forward", "x"): [0],
    ("rnn", "forward", "x"): [0],
    ("lstm", "forward", "x"): [0],
    ("gru", "forward", "x"): [0],
    ("rotation", "forward", "a"): [0],
    ("affine", "forward", "x"): [0, 1],
    ("batchnorm", "forward", "x"): [0],
    ("batchnorm", "apply", "x"): [0],
    ("batchnorm", "statistics", "x"): [0, 2],
    ("softmax_cross_entropy", "loss", "y"): [2],
    ("rows", "spread", "out"): [0],
    ("rows", "last", "x"): [0],
    ("rows", "at_last", "row"): [1],
    ("rows", "reached", "row"): [1],
    ("rows", "without_padding", "x"): [0, 2],
    ("rows", "join", "first"): [2],
    ("rows", "join", "second"): [2],
    ("embedding", "forward", "ids"): [0, 1],
    ("embedding", "forward", "E"): [1],
    ("embedding", "backward", "dy"): [2],
    ("layernorm", "forward", "x"): [0, 1],
}


@pytest.mark.parametrize("op, name, key", [case for case in EACH_ARRAY if case not in ALONE])
def test_shapes_that_do_not_fit_are_refused(backend, op, name, key):
    """One more element along each axis in turn: some other array no longer fits."""
    value = arguments(op, name)[key]
    for axis in set(range(value.ndim)) - set(FREE.get((op, name, key), ())):
        longer = np.concatenate([value, value.take([0], axis=axis)], axis=axis)
        refused(backend, op, name, ValueError, r"(has shape \(.*\), expected .*\(|lengths)", **{key: longer})


ANY_AXES = [("finite", "first", "a"), ("affine", "forward", "x")]


@pytest.mark.parametrize("op, name, key", [case for case in EACH_ARRAY if case not in ANY_AXES])
def test_another_number_of_axes_is_refused(backend, op, name, key):
    value = np.ascontiguousarray(arguments(op, name)[key][None, None])
    refused(backend, op, name, ValueError, r"has shape \(", **{key: value})


@pytest.mark.parametrize("op, name, key", EACH_ARRAY)
def test_lists_are_refused(backend, op, name, key):
    value = arguments(op, name)[key].tolist()
    refused(backend, op, name, TypeError, r"is a list, expected a numpy\.ndarray", **{key: value})


@pytest.mark.parametrize("op, name", OUT)
def test_an_out_that_does_not_fit_is_refused(backend, op, name):
    shape = run(backend, op, name)[place_of_out(op, name)].shape
    for axis in range(len(shape)):
        longer = tuple(n + (i == axis) for i, n in enumerate(shape))
        refused(backend, op, name, ValueError, r"out has shape \(.*\), expected \(", out=np.empty(longer))
    refused(
        backend,
        op,
        name,
        ValueError,
        r"has dtype float\d\d, expected float\d\d",
        out=np.empty(shape, np.float32),
    )
    refused(backend, op, name, ValueError, r"out .*C-contiguous", out=np.empty(shape[::-1]).T)


@pytest.mark.parametrize("op, name", OUT)
def test_an_out_that_is_a_list_is_refused(backend, op, name):
    refused(backend, op, name, TypeError, r"out is a list, expected a numpy\.ndarray", out=[1.0])


@pytest.mark.parametrize(
    "op, name",
    [case for case in FUNCTIONS if "activation" in arguments(*case)],
)
def test_unknown_activations_list_the_known(backend, op, name):
    words = "activation is 'gelu', expected one of 'relu', 'tanh', 'sigmoid', 'identity'"
    refused(backend, op, name, ValueError, words, activation="gelu")


def test_unknown_ops_and_backends_list_the_known():
    with pytest.raises(
        AttributeError, match="backend 'cpu' has no operation 'conv', known are: recurrence, indrnn"
    ):
        backend.get("cpu").conv  # noqa: B018
    with pytest.raises(ValueError, match="name is 'gpu', expected one of 'cpu', 'cuda', 'reference'"):
        backend.get("gpu")
