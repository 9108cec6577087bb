"""What a user reads after a mistake: where, what has which value, what was expected, because of what."""

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np import _check


def make(backend, **options):
    stack = [ir.IndRNN(2, 4), ir.BatchNorm(4), ir.LastStep(), ir.Linear(4, 1)]
    return ir.Sequential(stack, **{"steps": 10, **options}, backend=backend)


def test_the_sentence():
    with pytest.raises(ValueError, match=r"^here: u has shape \(64,\), expected \(128,\) to match a$"):
        _check.fail("here", "u has shape (64,)", "(128,)", "to match a")
    with pytest.raises(KeyError, match="here: this, expected that"):
        _check.fail("here", "this", "that", error=KeyError)


def test_the_example_of_the_design(backend):
    ops = ir.backend.get(backend)
    with pytest.raises(ValueError) as caught:
        ops.recurrence.forward(np.zeros((50, 32, 128)), np.zeros(64), np.zeros((32, 128)))
    words = "recurrence.forward: u has shape (64,), expected (128,) to match a with shape (50, 32, 128)"
    assert str(caught.value) == words


def test_small_checks():
    for value, words in (
        (np.nan, r"x\[1, 0\] is nan, expected finite numbers \(1 of them are not\)"),
        (np.inf, "is inf"),
    ):
        bad = np.array([[0.0, 1.0], [value, 2.0]])
        with pytest.raises(ValueError, match=words):
            _check.finite("here", "x", bad)
    _check.finite("here", "x", np.zeros(3))
    with pytest.raises(ValueError, match="here: every array is None, expected at least one array"):
        _check.floats("here", a=None)
    with pytest.raises(ValueError, match="here: n is 0, expected a number above 0"):
        _check.at_least("here", "n", 0, 0, strictly=True)
    with pytest.raises(ValueError, match="here: n is nan, expected a number of at least 0"):
        _check.at_least("here", "n", float("nan"), 0)
    assert _check.floats("here", a=None, b=np.zeros(1, np.float32)) == np.float32


def zeros(*shape):
    return np.zeros(shape, np.float32)


CELL = "x: T B D, U: 3H H, h0?: B H, out?: written T+1 B H"
TABLES = [
    ("x: T B D", [zeros(2, 3)], r"x has shape \(2, 3\), expected \(T, B, D\): time, batch, inputs$"),
    ("x: T? B D", [zeros(3)], r"x has shape \(3,\), expected \(B, D\) or \(T, B, D\)$"),
    (
        "h: T+1 B H",
        [zeros(0, 2, 3)],
        r"h has shape \(0, 2, 3\), expected \(T\+1, B, H\): initial state and time",
    ),
    (
        CELL,
        [zeros(5, 3, 2), zeros(11, 4), None, None],
        r"U .*\(11, 4\), expected \(12, 4\) to match \(3H, H\)$",
    ),
    (
        CELL,
        [zeros(5, 3, 2), zeros(12, 4), zeros(4, 4), None],
        r"h0 .*, expected \(3, 4\) to match x with shape \(5, 3, 2\) and U with shape \(12, 4\)$",
    ),
    (
        CELL,
        [zeros(5, 3, 2), zeros(12, 4), None, zeros(5, 3, 4)],
        r"out .*, expected \(6, 3, 4\) to match x with shape \(5, 3, 2\) and U with shape \(12, 4\)$",
    ),
    ("x: T? B? D", [zeros()], r"x .*, expected \(D,\) or \(B, D\) or \(T, B, D\)$"),
    (
        "x: ... D, y: ... K",
        [zeros(5, 2, 3), zeros(2, 4)],
        r"y .*, expected \(5, 2, 4\) to match x with shape",
    ),
    ("y: T? B K, mask: bool T? B", [zeros(3, 2), zeros(3)], "mask has dtype float32, expected bool$"),
    (
        "y: T? B K, mask: T? B",
        [zeros(3, 2), zeros(2, 3)],
        r"mask .*, expected \(3,\) to match y with shape \(3, 2\)$",
    ),
    ("ids: int T B", [zeros(3).astype(int)], r"ids .*, expected \(T, B\) integers: time, batch$"),
    ("ids: int B", [zeros(3)], "ids has dtype float32, expected an integer dtype"),
    ("p: real P", [np.zeros(3, complex)], "p has dtype complex128, expected float32 or float64$"),
    ("p: P, g: P", [zeros(3), np.zeros(3)], "g has dtype float64, expected float32 to match p"),
]


@pytest.mark.parametrize("table, arrays, words", TABLES)
def test_arrays_that_do_not_fit_a_table(table, arrays, words):
    with pytest.raises(ValueError, match=f"^here: {words}"):
        _check.arrays("here", table, *arrays)


def test_sizes_that_are_numbers_and_arrays_that_are_not_there():
    with pytest.raises(ValueError, match=r"here: f has shape \(3,\), expected \(4,\) to match symbols = 4$"):
        _check.arrays("here", "f: symbols", zeros(3), symbols=4)
    with pytest.raises(TypeError, match=r"here: f is a NoneType, expected a numpy.ndarray"):
        _check.arrays("here", "f: symbols", None, symbols=4)


def test_a_call_that_passed_makes_no_other_call_pass():
    """Calls that passed are remembered by their table, shapes, dtypes, kinds and sizes that are numbers."""
    table, x = "x: T B, out?: written size B", zeros(2, 3)
    _check.arrays("here", table, x, zeros(4, 3), size=4)
    for out, size, words in (
        (zeros(4, 3), 5, r"expected \(5, 3\)"),
        (zeros(5, 3), 4, r"expected \(4, 3\)"),
        (np.zeros((4, 3)), 4, "dtype float64"),
        (zeros(3, 4).T, 4, "C-contiguous"),
        (np.broadcast_to(zeros(4, 3), (4, 3)), 4, "out is read-only"),
    ):
        with pytest.raises(ValueError, match=words):
            _check.arrays("here", table, x, out, size=size)
    with pytest.raises(TypeError, match="out is a MaskedArray"):
        _check.arrays("here", table, x, np.ma.masked_array(zeros(4, 3)), size=4)
    _check.arrays("here", table, x, zeros(4, 3), size=4)


@pytest.mark.parametrize(
    "shape",
    [(32, 10, 2), (32, 10, 5), (20, 10, 2)],
    ids=["more samples than steps", "other inputs too", "a long batch"],
)
def test_batch_first_data_get_the_recipe(backend, shape):
    """(B, T, D) where T is the number of steps of the network."""
    words = r"x has .*this looks like \(B, T, D\): numpy\.ascontiguousarray\(x\.transpose\(1, 0, 2\)\) is \(T, B, D\)"
    with pytest.raises(ValueError, match=words):
        make(backend).forward(np.zeros(shape, np.float32))


def x_of(T=10, B=3, D=2, dtype="float32"):
    return np.zeros((T, B, D), dtype)


FORWARD = [
    (
        lambda: {"x": x_of(D=3)},
        r"x has shape \(10, 3, 3\), expected \(T, B, 2\) because the first layer has 2 inputs",
    ),
    (
        lambda: {"x": x_of(T=11)},
        r"x has 11 steps, expected at most 10 in training \(steps of the network\), because the bounds on \|u\|",
    ),
    (lambda: {"x": x_of(dtype="float64")}, "x has dtype float64, expected float32 to match net"),
    (
        lambda: {"x": x_of(dtype="int64")},
        "x has dtype int64, expected float32 because the first layer is IndRNN; symbols are read by an Embedding",
    ),
    (lambda: {"x": x_of()[0]}, r"x has shape \(3, 2\), expected \(T, B, D\): time, batch, inputs"),
    (
        lambda: {"x": x_of(3, 10).transpose(1, 0, 2)},
        "strides .*, expected a C-contiguous array.*ascontiguousarray",
    ),
    (
        lambda: {"x": x_of(), "lengths": np.array([1, 2])},
        r"lengths has shape \(2,\), expected \(3,\) one for each of the 3 samples",
    ),
    (
        lambda: {"x": x_of(), "lengths": np.array([1, 2, 11])},
        r"lengths\[2\] is 11, expected 0 to 10 because the sequence has 10 steps",
    ),
    (lambda: {"x": x_of(), "lengths": np.array([1, -2, 1])}, r"lengths\[1\] is -2, expected 0 to 10"),
    (lambda: {"x": x_of(), "lengths": np.ones(3)}, "lengths has dtype float64, expected an integer dtype"),
    (
        lambda: {"x": x_of(), "lengths": np.zeros(3, int)},
        "no value to take a statistic over.*every length is 0",
    ),
    (lambda: {"x": x_of(), "state": [None]}, "state has 1 entries, expected 4 one for each layer"),
    (
        lambda: {"x": x_of(), "state": [np.zeros((2, 4), np.float32), None, None, None]},
        r"IndRNN\.forward: state has shape \(2, 4\), expected \(3, 4\) to match x",
    ),
    (
        lambda: {"x": x_of(), "state": [np.zeros((3, 4)), None, None, None]},
        "has dtype float64, expected float32",
    ),
]


@pytest.mark.parametrize("arguments, words", FORWARD)
def test_what_may_be_fed_to_a_network(backend, arguments, words):
    net = make(backend)
    before = net.state_dict()
    with pytest.raises(ValueError, match=words):
        net.forward(**arguments())
    assert all(np.array_equal(value, before[name]) for name, value in net.state_dict().items())


def test_forward_takes_no_lists(backend):
    with pytest.raises(TypeError, match=r"x is a list, expected a numpy\.ndarray"):
        make(backend).forward([[[1.0, 2.0]]])
    with pytest.raises(TypeError, match=r"lengths is a list, expected a numpy\.ndarray"):
        make(backend).forward(x_of(), lengths=[1, 2, 3])


def test_shorter_sequences_and_inference_on_longer_ones_are_fine(backend):
    net = make(backend)
    assert net.forward(x_of(T=4))[0].shape == (3, 1)
    assert net(x_of(T=25)).shape == (3, 1)
    stream = ir.Sequential([ir.IndRNN(2, 4, gamma=1)], steps=10, backend=backend)
    assert stream.forward(x_of(T=25))[0].shape == (25, 3, 4)


def test_gradients_that_do_not_fit(backend):
    net = make(backend)
    _, _, tape = net.forward(x_of())
    with pytest.raises(
        ValueError,
        match=r"Sequential\.backward: dy has shape \(3, 2\), expected \(3, 1\) to match the output",
    ):
        net.backward(np.zeros((3, 2), np.float32), tape)
    with pytest.raises(
        ValueError, match=r"Sequential\.backward: dy has dtype float64, expected float32 to match output"
    ):
        net.backward(np.zeros((3, 1)), tape)
    with pytest.raises(
        ValueError, match="the tape is of a forward pass with training=False, expected training=True"
    ):
        net.backward(np.zeros((3, 1), np.float32), net.forward(x_of(), training=False)[2])


def test_one_step(backend):
    net = make(backend)
    with pytest.raises(ValueError, match=r"Sequential\.step: x_t has shape \(1, 3, 2\), expected \(B, D\)"):
        net.step(x_of(T=1))
    with pytest.raises(ValueError, match=r"Sequential\.step: x_t has dtype int64, expected float32 because"):
        net.step(np.zeros((3, 2), int))
    both = ir.Sequential([ir.Bidirectional(ir.IndRNN(2, 4))], steps=10, backend=backend)
    with pytest.raises(
        ValueError, match=r"Bidirectional\.step: the layer reads later steps, expected a causal layer"
    ):
        both.step(np.zeros((3, 2), np.float32))


@pytest.mark.parametrize(
    "build, error, words",
    [
        (lambda: ir.Sequential([]), ValueError, "layers is empty, expected at least one layer"),
        (
            lambda: ir.Sequential([ir.IndRNN]),
            TypeError,
            r"layers\[0\] is .*IndRNN.*, expected a layer such as IndRNN\(2, 128\)",
        ),
        (
            lambda: ir.Sequential([ir.Linear(2, 3), "relu"]),
            TypeError,
            r"layers\[1\] is 'relu', expected a layer",
        ),
        (
            lambda: ir.Sequential([ir.IndRNN(2, 4), ir.Dropout(0.1), ir.Linear(8, 1)], steps=5),
            ValueError,
            r"layers\[2\] Linear has 8 inputs, expected 4 to match the output of the layer before it",
        ),
        (
            lambda: ir.Sequential([ir.BatchNorm(4), ir.BatchNorm(5)]),
            ValueError,
            r"layers\[1\] BatchNorm has 5 inputs, expected 4",
        ),
        (
            lambda: ir.Sequential([ir.IndRNN(2, 4)]),
            ValueError,
            r"steps is None with gamma = 2\.0, expected the sequence length T \(Sequential",
        ),
        (
            lambda: ir.Sequential([ir.IndRNN(2, 4)], steps=0),
            ValueError,
            "Sequential: steps is 0, expected a number of at least 1",
        ),
        (
            lambda: ir.Sequential([ir.BatchNorm(4, per_step=True)]),
            ValueError,
            "steps is None with per_step=True",
        ),
        (
            lambda: ir.Sequential([ir.Linear(1, 1)], dtype="float16"),
            ValueError,
            "dtype is 'float16', expected one of 'float32'",
        ),
        (
            lambda: ir.Sequential([ir.Linear(1, 1)], backend="gpu"),
            ValueError,
            "name is 'gpu', expected one of 'cpu', 'cuda', 'reference'",
        ),
        (lambda: ir.IndRNN(0, 4), ValueError, "IndRNN: input_size is 0, expected a number of at least 1"),
        (
            lambda: ir.IndRNN(2, 4, "swish"),
            ValueError,
            "activation is 'swish', expected one of 'relu', 'tanh', 'sigmoid', 'identity'",
        ),
        (
            lambda: ir.IndRNN(2, 4, recurrent_init="eye"),
            ValueError,
            "recurrent_init is 'eye', expected one of 'uniform'",
        ),
        (
            lambda: ir.IndRNN(2, 4, input_init="eye"),
            ValueError,
            "input_init is 'eye', expected one of 'normal', 'kaiming'",
        ),
        (lambda: ir.Linear(2, 0), ValueError, "Linear: output_size is 0"),
        (lambda: ir.BatchNorm(0), ValueError, "BatchNorm: size is 0"),
        (
            lambda: ir.BatchNorm(4, momentum=0.0),
            ValueError,
            "BatchNorm: momentum is 0.0, expected a number above 0, at most 1",
        ),
        (lambda: ir.BatchNorm(4, eps=0.0), ValueError, "BatchNorm: eps is 0.0, expected a number above 0"),
        (
            lambda: ir.Dropout(1.0),
            ValueError,
            "Dropout: rate is 1.0, expected a number from 0.0 to below 1.0",
        ),
        (
            lambda: ir.Bidirectional(ir.Linear(2, 2)),
            ValueError,
            r"Bidirectional: layer is Linear\(.*, expected an IndRNN",
        ),
        (
            lambda: ir.Bidirectional(ir.IndRNN(2, 2, reverse=True)),
            ValueError,
            "expected an IndRNN or another cell with reverse=False",
        ),
        (
            lambda: ir.Sequential.from_spec({"layers": [{"type": "Conv"}], "steps": 3, "seed": 0}),
            ValueError,
            "type is 'Conv', expected one of 'IndRNN', 'Recurrence'",
        ),
    ],
)
def test_networks_that_cannot_be(build, error, words):
    with pytest.raises(error, match=words):
        build()


@pytest.mark.parametrize("value", [None, "1", True, 1j, (1,), [], np.array([]), np.array(2.0), object()])
def test_what_is_no_number_is_refused_by_its_kind(value):
    """Comparing it would end in an error of Python's or NumPy's, or be true."""
    kind = type(value).__name__
    with pytest.raises(TypeError, match=f"here: n is a {kind}, expected a number"):
        _check.at_least("here", "n", value, 0)
    with pytest.raises(TypeError, match=f"here: n is a {kind}, expected a number"):
        _check.between("here", "n", value, 0.0, 2.0)


def test_a_whole_bound_asks_for_a_whole_number():
    for value in (3, np.int64(3)):
        _check.at_least("here", "n", value, 1)
    for value in (2.5, 3.0, np.float32(3)):
        with pytest.raises(ValueError, match=r"here: n is .*, expected a whole number"):
            _check.at_least("here", "n", value, 1)
        _check.at_least("here", "n", value, 1.0)
    for bound, words in ((1, "a whole number"), (1.0, "a finite number")):
        with pytest.raises(ValueError, match=rf"here: n is inf, expected {words}"):
            _check.at_least("here", "n", float("inf"), bound)
    with pytest.raises(ValueError, match=r"n is np.uint8\(3\), expected an int because products of narrower"):
        _check.at_least("here", "n", np.uint8(3), 1)
    for value, words in ((2**63, r"a number below 2\*\*63"), (10**400, "a number of at most 64 bits")):
        with pytest.raises(ValueError, match=rf"here: n is \d+.*, expected {words}"):
            _check.at_least("here", "n", value, 1)
    with pytest.raises(ValueError, match=r"here: n is 1\.5, expected a whole number"):
        _check.between("here", "n", 1.5, 0, 2)


@pytest.mark.parametrize("value", [None, 3, "x", "float16", ">f4", np.int32, lambda: None])
def test_what_is_no_dtype_of_the_choice(value):
    with pytest.raises(ValueError, match=r"here: dtype is .*, expected one of 'float32', 'float64'"):
        _check.dtype("here", value)
    assert _check.dtype("here", np.float32) == _check.dtype("here", "f4") == np.float32
