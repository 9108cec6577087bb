"""What a user may hand to a network: it is converted once, or refused with the reason; forward stays strict."""

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np.optim import losses

T, B, D = 6, 3, 2
X = np.random.default_rng(0).standard_normal((T, B, D)).astype(np.float32)
IDS = np.random.default_rng(1).integers(0, 5, (T, B))


def unaligned(value):
    made = np.zeros(value.nbytes + 1, np.uint8)[1:].view(value.dtype).reshape(value.shape)
    made[...] = value
    return made


def spread(value):
    return np.repeat(value, 2, axis=-1)[..., ::2]


def frozen(value):
    value = value.copy()
    value.flags.writeable = False
    return value


def mapped(value, folder, mode):
    path = folder / "array.npy"
    np.save(path, value)
    return np.load(path, mmap_mode=mode)


class Foreign:
    """An array of another library."""

    def __init__(self, value):
        self.value = value

    def __array__(self, dtype=None, copy=None):
        return self.value


FORMS = {
    "unaligned": unaligned,
    "strided": spread,
    "Fortran order": np.asfortranarray,
    "big-endian": lambda value: value.astype(value.dtype.newbyteorder("S")),
    "unaligned and big-endian": lambda value: unaligned(value.astype(value.dtype.newbyteorder("S"))),
    "read-only": frozen,
    "list": np.ndarray.tolist,
    "list of arrays": list,
    "another library's": Foreign,
}


def numbers(backend):
    stack = [ir.IndRNN(D, 4), ir.BatchNorm(4), ir.IndRNN(4, 4), ir.Linear(4, 2)]
    return ir.Sequential(stack, steps=T, backend=backend)


def symbols(backend):
    return ir.Sequential([ir.Embedding(5, 4), ir.IndRNN(4, 4), ir.Linear(4, 5)], steps=T, backend=backend)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("make, x", [(numbers, X), (symbols, IDS)])
def test_every_form_gives_the_same_bits(backend, make, x, form):
    net, lengths = make(backend), np.array([T, 2, 4])
    given, ends = FORMS[form](x), FORMS[form](lengths)
    assert np.array_equal(net(given, lengths=ends), net(x, lengths=lengths))
    assert np.array_equal(net.infer(given)[0], net(x))
    assert np.array_equal(net.step(FORMS[form](x[0]))[0], net.step(x[0])[0])
    net.recompute_statistics([(given, ends)])


@pytest.mark.parametrize("mode", ["r", "c", "r+"])
def test_a_memory_map_is_an_array(backend, tmp_path, mode):
    net, x = numbers(backend), mapped(X, tmp_path, mode)
    assert np.array_equal(net(x), net(X))
    assert np.array_equal(net.forward(x)[0], net.forward(X)[0])


def test_other_precisions_are_converted(backend):
    net = numbers(backend)
    for dtype in (np.float64, np.float16, np.longdouble, np.int64, np.uint8, np.bool_):
        name = np.dtype(dtype).name
        words = (
            f"x has dtype {name} and is converted to float32, as in the network; x.astype.'float32'. avoids"
        )
        with pytest.warns(UserWarning, match=words) as warned:
            assert net(X.astype(dtype)).dtype == np.float32
        assert [w.filename for w in warned] == [__file__]  # the line of the caller, so Python shows it once
    with pytest.warns(UserWarning, match="float64"):
        assert np.array_equal(net(X.astype(np.float64)), net(X))
    with pytest.warns(UserWarning, match="int64"):
        assert np.array_equal(
            net(IDS[..., None].repeat(D, -1)), net(IDS[..., None].repeat(D, -1).astype("f4"))
        )
    assert np.array_equal(net(X.astype(np.float64).tolist()), net(X))  # a list has no dtype
    assert np.array_equal(symbols(backend)(IDS.astype(np.uint8)), symbols(backend)(IDS))


REFUSED = [
    (np.ma.masked_array(X), "x is a MaskedArray, expected a numpy.ndarray because its mask would be ignored"),
    ([np.ma.masked_array(X[0])] * T, "an entry of x is a MaskedArray"),
    ([[[1.0, np.ma.masked]]], "an entry of x is a MaskedConstant"),
    (X[0].view(np.matrix), "x is a matrix, expected a numpy.ndarray because a subclass may give its elements another"),
    (X.view(np.recarray), "x is a recarray, expected a numpy.ndarray"),
    (None, "x is a NoneType, expected a numpy.ndarray"),
    ("text", "x is a str, expected a numpy.ndarray"),
    (3.0, "x is a float, expected a numpy.ndarray"),
    (iter(X), "x is a iterator, expected a numpy.ndarray"),
    ([[[1.0], [1.0, 2.0]]], r"x is a list that NumPy cannot read \(.*\), expected numbers in equal rows"),
    ([["a"]], "x has dtype <U1, expected a dtype of numbers"),
    (X.astype(object), "x has dtype object, expected a dtype of numbers"),
    (np.zeros((T, B), "f4,i4"), "x has dtype .*, expected a dtype of numbers"),
    (np.zeros((T, B, D), "M8[s]"), "x has dtype datetime64.*, expected a dtype of numbers"),
    (np.array(1.0, "f4"), r"x has shape \(\), expected \(T, B, D\)"),
    (X.astype(complex), "x has dtype complex128, expected float32 to match net$"),
]  # fmt: skip


@pytest.mark.parametrize("x, words", REFUSED)
def test_what_has_another_meaning_is_refused(backend, x, words):
    with pytest.raises((TypeError, ValueError), match=rf"^Sequential\.forward: {words}"):
        numbers(backend)(x)


def test_numbers_that_the_precision_cannot_hold_are_refused(backend):
    net, x = numbers(backend), X.astype(np.float64)
    x[2, 1, 0] = -1e300
    words = (
        r"x\[2, 1, 0\] is -1e\+300, expected at most 3.4e\+38 in size because float32 holds no larger number"
    )
    with pytest.raises(ValueError, match=words):
        net(x)
    with pytest.raises(ValueError, match=r"x_t\[1, 0\] is -1e\+300"):
        net.step(x[2])
    with pytest.warns(UserWarning, match="float64"):  # the number is beyond the end of its sample
        assert np.array_equal(net(x, lengths=[T, 2, 4]), net(X, lengths=[T, 2, 4]))
    x[2, 1, 0] = np.inf
    with pytest.warns(UserWarning, match="float64"):
        assert np.isnan(net(x)).any()  # as NumPy would


def test_floats_are_no_symbols(backend):
    with pytest.raises(
        ValueError, match="x has dtype float64, expected an integer dtype because the first layer is"
    ):
        symbols(backend)(IDS.astype(float))
    with pytest.raises(ValueError, match="lengths has dtype float64, expected an integer dtype"):
        numbers(backend)(X, lengths=[1.0, 2.0, 3.0])


def test_forward_is_strict_and_names_the_cure(backend):
    net = numbers(backend)
    for value, words in (
        (
            X.astype(np.float64),
            r"x has dtype float64, expected float32 to match net; \.astype\('float32'\) converts",
        ),
        (spread(X), "numpy.ascontiguousarray converts"),
        (unaligned(X), r"x is not aligned in memory, .*\.copy\(\) aligns"),
        (X.astype(">f4"), r"x has dtype >f4, expected float32 .*\.astype\('float32'\) converts"),
    ):
        with pytest.raises(ValueError, match=words):
            net.forward(value)


def test_lengths_in_the_place_of_the_state(backend):
    words = "state is a ndarray, expected a sequence with one entry for each layer .*pass lengths by name"
    for call in (numbers(backend), numbers(backend).infer, numbers(backend).forward):
        with pytest.raises(TypeError, match=words):
            call(X, np.array([T, 2, 4]))


MASKED = np.ma.masked_array(np.ones(3, np.float32), [True, False, False])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda net, path: net.load_state_dict(net.state_dict() | {"0.u": MASKED}), "0.u is a MaskedArray"),
        (lambda net, path: ir.SGD(0.1).load_state_dict({"t": 1, "m": MASKED}), "m is a MaskedArray"),
        (
            lambda net, path: ir.save(path / "net.npz", net, arrays={"extra": MASKED}),
            "extra is a MaskedArray",
        ),
        (
            lambda net, path: ir.import_torch({"weight_ih": MASKED, "weight_hh": MASKED}),
            "weight_ih is a MaskedArray",
        ),
        (lambda net, path: losses.mse(X[0], np.ma.masked_array(X[0])), "target is a MaskedArray"),
        (
            lambda net, path: losses.mse(X[0], X[0], np.ma.masked_array(X[0, :, 0] > 0)),
            "mask is a MaskedArray",
        ),
        (lambda net, path: losses.length_mask(np.ma.masked_array([1, 2]), T), "lengths is a MaskedArray"),
        (lambda net, path: net.recompute_statistics([np.ma.masked_array(X)]), "x is a MaskedArray"),
        (lambda net, path: net.step(np.ma.masked_array(X[0])), "x_t is a MaskedArray"),
        (lambda net, path: net(X, lengths=np.ma.masked_array([1, 2, 3])), "lengths is a MaskedArray"),
        (
            lambda net, path: net(X, [np.ma.masked_array(np.zeros((B, 4), "f4")), None, None, None]),
            "state is a Masked",
        ),
        (lambda net, path: ir.gradcheck(net, np.ma.masked_array(X)), "x is a MaskedArray"),
        (lambda net, path: ir.gradcheck(net, X, np.ma.masked_array(X), "mse"), "y is a MaskedArray"),
        (lambda net, path: ir.study.traces(net, np.ma.masked_array(X)), "x is a MaskedArray"),
        (lambda net, path: ir.study.memory(net, np.ma.masked_array(X)), "x is a MaskedArray"),
        (
            lambda net, path: list(ir.sample(symbols("cpu"), np.ma.masked_array([1, 2]), 1)),
            "prompt is a MaskedArray",
        ),
    ],
)
def test_a_mask_is_never_dropped(tmp_path, call, words):
    with pytest.raises(TypeError, match=rf"^[\w.]+: {words}"):
        call(numbers("cpu"), tmp_path)
