"""The door to the kernels: whatever reaches one is a plain array, aligned, C-contiguous, in the machine's byte order.

Every array argument of every function of every op is replaced by one that is not, one after another.
"""

import inspect

import numpy as np
import pytest
from entries import ENTRIES, OUT, arguments, each_function, place_of_out, run
from strategies import GPUS, HOSTS

from indrnn_np import backend
from indrnn_np._gradcheck.hosted import STAY
from indrnn_np.ops.indrnn import Norm

SCALARS = {
    "activation", "reverse", "work", "probe", "eps", "per_step", "t0", "momentum", "key", "dtype", "shape", "value",
    "steps", "wanted", "j", "size", "count", "first", "lr", "nesterov", "weight_decay", "t", "b1", "b2", "decoupled",
    "limit", "bound", "symbols", "T", "input_gradient",
    "smoothing",
}  # fmt: skip


def every_array(op, name):
    """Arguments of one call in which no array is left out: `out` and `norm` too."""
    given = arguments(op, name)
    if (op, name) in OUT:
        given["out"] = np.zeros_like(run("reference", op, name)[place_of_out(op, name)])
    if "weights" in given:
        given["weights"] = np.ones(given["y"].shape[-1], given["y"].dtype)
    if op == "indrnn":
        B, D = given["x"].shape[1:]
        given["norm"] = Norm(np.zeros(D), np.ones(D), np.zeros(D), np.ones((B, D)))
    return given


def places(given):
    """Names of the arrays, and a function from another array to the arguments that hold it in that place."""
    for key, value in given.items():
        if isinstance(value, np.ndarray):
            yield key, value, lambda other, key=key: {**given, key: other}
        for part, array in value._asdict().items() if isinstance(value, Norm) else ():
            yield f"{key}.{part}", array, lambda other, key=key, part=part: with_part(given, key, part, other)


def with_part(given, key, part, other):
    return {**given, key: given[key]._replace(**{part: other})}


def unaligned(value):
    memory = np.zeros(value.nbytes + 1, np.uint8)
    made = memory[1:].view(value.dtype).reshape(value.shape)
    made[...] = value
    return made


def spread(value):
    return np.repeat(value, 2, axis=-1)[..., ::2]


def swapped(value):
    return value.astype(value.dtype.newbyteorder("S"))


ANY_AXES = [("finite", "first")]


def no_axes(value):
    return value.ravel()[:1].reshape(())


def meaningless(op, name, value, make):
    """A bool has neither a byte order nor an alignment; some functions take any number of axes."""
    return (value.dtype == bool and make in (unaligned, swapped)) or (
        (op, name) in ANY_AXES and make is no_axes
    )


REFUSED = [
    (unaligned, ValueError, r"is not aligned in memory, expected an aligned array .*\.copy\(\)"),
    (spread, ValueError, "strides .*, expected a C-contiguous array .*numpy.ascontiguousarray"),
    (swapped, ValueError, r"has dtype >\w\d, expected \w+\d\d.*; \.astype\('\w+\d\d'\) converts"),
    (np.ma.masked_array, TypeError, r"is a MaskedArray, expected a numpy.ndarray .*\.filled\(value\)"),
    (lambda value: value.view(np.recarray), TypeError, "is a recarray, expected a numpy.ndarray .*numpy.asarray"),
    (lambda value: value.astype(object), ValueError, "has dtype object, expected "),
    (lambda value: value.astype("U8"), ValueError, "has dtype <U8, expected "),
    (no_axes, ValueError, r"has shape \(\), expected "),
    (lambda value: value.tolist(), TypeError, "is a list, expected a numpy.ndarray"),
]  # fmt: skip


@each_function
def test_every_argument_is_an_array_that_is_tried_here_or_a_scalar(op, name):
    function = getattr(getattr(backend.get("reference"), op), name)
    arrays = {key.split(".")[0] for key, _, _ in places(every_array(op, name))}
    numbers = SCALARS | ({"rate"} if op == "dropout" else set())
    assert set(inspect.signature(function).parameters) - arrays <= numbers


@pytest.mark.parametrize("twin", HOSTS)
@each_function
def test_no_other_array_reaches_a_kernel(twin, op, name):
    function = getattr(getattr(backend.get(twin), op), name)
    for key, value, changed in places(every_array(op, name)):
        for make, error, words in REFUSED:
            if meaningless(op, name, value, make):
                continue
            with pytest.raises(error, match=rf"^{op}\.\w+: {key} .*{words}"):
                function(**changed(make(value)))


@pytest.mark.parametrize("twin", HOSTS)
@each_function
def test_what_an_op_writes_may_not_be_read_only_and_what_it_reads_may(twin, op, name):
    function = getattr(getattr(backend.get(twin), op), name)
    expected = run(twin, op, name)
    given = every_array(op, name)
    written = {"out", *ENTRIES[op, name].changes}
    for key, value, changed in places(given):
        if key in written:
            frozen = value.copy()
            frozen.flags.writeable = False
            with pytest.raises(
                ValueError, match=rf"^{op}\.\w+: {key} is read-only, expected an array that can be"
            ):
                function(**changed(frozen))
    if twin == "reference":  # the compiled twin would compile each kernel once more, for read-only arrays
        given = arguments(op, name)
        for key, value in given.items():
            if isinstance(value, np.ndarray) and key not in written:
                value.flags.writeable = False
        found = function(**given)
        found = [
            np.asarray(part) for part in (found if isinstance(found, tuple) else (found,)) if part is not None
        ]
        assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=False))


@pytest.mark.parametrize("twin", GPUS)
@each_function
def test_no_array_of_the_cpu_reaches_a_kernel_of_the_gpu(twin, op, name):
    ops = backend.get(twin)
    if not ops.serves(op):
        return
    function, given = getattr(getattr(ops, op), name), every_array(op, name)
    for whole in ("norm", "weights"):  # refused as a whole
        given.pop(whole, None)
    there = {
        key: ops.device.asarray(value) if isinstance(value, np.ndarray) and key not in STAY else value
        for key, value in given.items()
    }
    for key, value, _ in places(given):
        for make, error, words in REFUSED:
            if meaningless(op, name, value, make):
                continue
            if key not in STAY:
                error, words = TypeError, "expected an array in the GPU's memory"
            with pytest.raises(error, match=rf"^{op}\.\w+: {key} .*{words}"):
                function(**{**there, key: make(value)})


@pytest.mark.parametrize("name", [*HOSTS, *GPUS])
def test_an_array_that_a_backend_takes_over_is_one_that_kernels_read(name):
    """`asarray` converts layout and byte order, and refuses what it would lose."""
    ops, value = backend.get(name), np.arange(6.0).reshape(3, 2)
    for make in (unaligned, spread, swapped):
        found = ops.device.asarray(make(value))
        assert found.dtype == np.float64 and found.dtype.isnative
        np.testing.assert_array_equal(ops.device.to_host(found), value)
    with pytest.raises(TypeError, match=r"is a MaskedArray, expected a numpy\.ndarray"):
        ops.device.asarray(np.ma.masked_array(value))


@pytest.mark.parametrize("name", GPUS)
def test_a_mask_is_not_copied_into_an_array_of_the_gpu(name):
    """As a graph does with each batch."""
    ops = backend.get(name)
    with pytest.raises(TypeError, match=r"is a MaskedArray, expected a numpy\.ndarray"):
        ops.device.assign(ops.device.empty((3,), np.float32), np.ma.masked_array(np.ones(3, np.float32)))
