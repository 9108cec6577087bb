"""Tapes, gradients and optimizers belong to a network at one moment; what does not fit is refused."""

import copy
import pickle

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np import backend
from indrnn_np.networks import tape_stamp
from indrnn_np.parameters import Views
from indrnn_np.training import checkpoint

each_backend = pytest.mark.parametrize("name", backend.backends())
each_memory = pytest.mark.parametrize("memory", ["keep", "recompute"])
RNG = np.random.default_rng(0)
X, DY = RNG.standard_normal((4, 3, 2)).astype("float32"), np.ones((4, 3, 2), "float32")


def make(name="reference", seed=1, width=2, dtype="float32"):
    layers = [ir.IndRNN(2, 3), ir.Residual([ir.IndRNN(3, 3)]), ir.Linear(3, width)]
    return ir.Sequential(layers, steps=4, backend=name, seed=seed, dtype=dtype)


def passed(net, x=X, **options):
    """The tape and the gradients of one pass."""
    tape = net.forward(x, **options)[2]
    return tape, net.backward(DY, tape)[2]


def loaded(net, path):
    checkpoint.restore(checkpoint.read(ir.save(path / "a.npz", net)), net)


# -- tapes ---------------------------------------------------------------------------------------------------

CHANGES = {
    "update": lambda net, path: ir.SGD(0.1).update(net, passed(net)[1]),
    "project": lambda net, path: net.project(),
    "load_state_dict": lambda net, path: net.load_state_dict(net.state_dict()),
    "load": loaded,
}


@each_memory
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_tape_from_before_a_change_of_the_parameters_is_refused(change, memory, tmp_path):
    net = make()
    tape = net.forward(X, memory=memory)[2]
    net.gates(tape)
    change(net, tmp_path)
    for use in (lambda: net.backward(DY, tape), lambda: net.gates(tape)):
        with pytest.raises(
            ValueError, match="the tape is older than the last change of the parameters, expected a t"
        ):
            use()
    passed(net, memory=memory)


@each_memory
def test_a_tape_of_another_network_is_refused(memory):
    net, tape = make(), make().forward(X, memory=memory)[2]
    for other in (net, copy.deepcopy(net), net.astype("float32")):
        with pytest.raises(
            ValueError, match=r"backward: the tape is of another network, expected a tape that this"
        ):
            other.backward(DY, tape)


@each_memory
@pytest.mark.parametrize("training", [True, False])
def test_a_tape_of_an_earlier_pass_in_the_same_workspace_is_refused(memory, training):
    net, work = make(), ir.Workspace()
    first = net.forward(X, work=work, memory=memory)[2]
    net.backward(DY, first), net.backward(DY, first)
    net.forward(X, work=work, training=training)
    with pytest.raises(
        ValueError,
        match=r"the workspace of the tape was used by another forward pass, expected the tape of the latest pass",
    ):
        net.backward(DY, first)
    other = make()
    tape = net.forward(X, work=work, memory=memory)[2]
    other.forward(X[:2], work=work)
    with pytest.raises(ValueError, match="the workspace of the tape was used"):
        net.backward(DY, tape)


@each_memory
def test_a_pass_that_failed_has_used_the_workspace(memory, monkeypatch):
    net, work = make(), ir.Workspace()
    tape = net.forward(X, work=work, memory=memory)[2]
    with pytest.raises(TypeError, match="state"):
        net.forward(X, [None, None, np.ones(3)], work=work)
    net.backward(DY, tape)  # refused before it began
    monkeypatch.setattr(ir.Linear, "forward", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        net.forward(X, work=work, memory=memory)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="the workspace of the tape was used"):
        net.backward(DY, tape)


def test_several_tapes_of_one_network_are_valid_together():
    net = make()
    tapes = [net.forward(x)[2] for x in (X, X[:2], -X)]
    expected = [net.backward(DY[: len(x)], net.forward(x)[2])[2].flat for x in (X, X[:2], -X)]
    net(X), net.step(X[0])
    for tape, flat in list(zip(tapes, expected, strict=True))[::-1]:
        np.testing.assert_array_equal(net.backward(DY[: len(tape.output)], tape)[2].flat, flat)


WRONG = [
    (
        lambda net, tape: net.backward(DY, None),
        "Sequential.backward: the tape is a NoneType, expected the third value",
    ),
    (lambda net, tape: net.backward(DY, (DY, None, tape)), "the tape is a tuple, expected the third value"),
    (lambda net, tape: net.gates(DY), "Sequential.gates: the tape is a ndarray, expected the third value"),
    (
        lambda net, tape: net.backward(DY, tape, []),
        "Sequential.backward: dstate has 0 entries, expected 3 one for",
    ),
    (
        lambda net, tape: net.backward(DY, tape, DY),
        "dstate is a ndarray, expected a sequence with one entry for each layer",
    ),
    (
        lambda net, tape: net.backward(DY, tape, [None, DY, None]),
        r"dstate\[1\] is a ndarray, expected a sequence with one entry for each layer",
    ),
    (
        lambda net, tape: net.backward(DY, tape, [None, None, DY]),
        r"dstate\[2\] is a ndarray, expected None because th",
    ),
    (
        lambda net, tape: net.backward(DY, tape, [3, None, None]),
        r"dstate\[0\] is 3, expected an array \(B, H\) or None",
    ),
    (lambda net, tape: net.backward(DY, tape, probe=3), "probe is a int, expected a function of"),
    (
        lambda net, tape: net.forward(X, 3),
        "Sequential.forward: state is a int, expected a sequence with one entry for each layer",
    ),
    (
        lambda net, tape: net.forward(X, [None, [X[0]], X[0]]),
        r"state\[2\] is a ndarray, expected None because there",
    ),
    (
        lambda net, tape: net.forward(X, [None, [3.0], None]),
        r"state\[1\]\[0\] is 3.0, expected an array \(B, H\) or",
    ),
    (
        lambda net, tape: net.step(X[0], [{}, None, None]),
        r"Sequential.step: state\[0\] is \{\}, expected an array",
    ),
    (
        lambda net, tape: ir.Sequential([ir.LastStep()], backend="reference").step(X[0], [X[0, 0]]),
        "LastStep.step: state",
    ),
    (lambda net, tape: net.infer(X, {}), "state is a dict, expected a sequence"),
    (lambda net, tape: net.forward(X, work=3), "work is a int, expected a Workspace or None"),
    (lambda net, tape: net.forward(X, training=X), "training is a ndarray, expected True or False"),
    (
        lambda net, tape: net.forward(X, memory=X),
        "memory is an array, expected one of 'keep', 'recompute'",
    ),
    (
        lambda net, tape: net.load_state_dict(None),
        "load_state_dict: the state is a NoneType, expected arrays by name",
    ),
]


@pytest.mark.parametrize(("use", "words"), WRONG)
def test_wrong_arguments_are_named(use, words):
    net = make()
    with pytest.raises((ValueError, TypeError), match=words):
        use(net, net.forward(X)[2])


@pytest.mark.parametrize(("layer", "state", "words"), [
    (ir.LSTM(2, 3), [X[0]], r"state\[0\] is a ndarray, expected a sequence with one entry for each layer"),
    (ir.LSTM(2, 3), [(None,)], r"state\[0\] has 1 entries, expected 2 one for each layer or array inside"),
    (ir.Bidirectional(ir.IndRNN(2, 3)), [X[0]], r"state\[0\] is a ndarray, expected a sequence with one"),
    (ir.BatchNorm(2), [2], r"state\[0\] is a int, expected None because there is no such state"),
    (ir.BatchNorm(2, per_step=True), [-1], r"state\[0\] is -1, expected a count of steps or None"),
    (ir.BatchNorm(2, per_step=True), ["2"], r"state\[0\] is '2', expected a count of steps or None"),
    (ir.LastStep(), [np.ones((3, 4), "float32")], r"LastStep.forward: state has shape \(3, 4\), expected \(3, 2\)"),
    (ir.LastStep(), [np.ones((3, 2))], r"LastStep.forward: .*float64"),
])  # fmt: skip
def test_states_have_the_form_that_their_layer_takes(layer, state, words):
    net = ir.Sequential([layer], steps=4, backend="reference")
    with pytest.raises((ValueError, TypeError), match=words):
        net.forward(X, state)


# -- gradients and optimizers --------------------------------------------------------------------------------


def test_gradients_of_another_network_are_refused():
    net, other = make(), make(seed=2)
    for grads in (passed(other)[1], passed(copy.deepcopy(net))[1]):
        with pytest.raises(
            ValueError, match=r"SGD.update: grads are the gradients of another network, expected those"
        ):
            ir.SGD(0.1).update(net, grads)
    for grads in (Views(net.params.shapes, np.ones_like(net.flat)), copy.copy(passed(other)[1])):
        ir.SGD(0.1).update(net, grads)  # made by hand, or from a worker process: of no network


def test_gradients_need_the_layout_of_the_network():
    net = make()
    shapes = dict(reversed(net.params.shapes.items()))
    for wrong in (shapes, {"0.W": (net.size,)}):
        with pytest.raises(
            ValueError, match=r"SGD.update: grads has the arrays \{.*\}, expected \{'0.W': \(3, 2\)"
        ):
            ir.SGD(0.1).update(net, Views(wrong, np.zeros_like(net.flat)))
    for wrong in (None, net.flat, dict(net.params)):
        with pytest.raises(
            TypeError, match=r"SGD.update: grads is a .*, expected the gradients that net.backward ret"
        ):
            ir.SGD(0.1).update(net, wrong)
    for clip in (ir.clip_norm, ir.clip_value):
        with pytest.raises(
            TypeError, match=rf"{clip.__name__}: grads is a ndarray, expected the gradients that net.b"
        ):
            clip(net.flat, 1.0)
    with pytest.raises(TypeError, match=r"SGD.update: net is a ndarray, expected a Sequential"):
        ir.SGD(0.1).update(net.flat, passed(net)[1])


@pytest.mark.parametrize("make_optimizer", [lambda: ir.SGD(0.1, momentum=0.9), lambda: ir.Adam(0.1)])
def test_an_optimizer_stays_with_the_network_of_its_first_update(make_optimizer):
    net, other, optimizer = make(), make(), make_optimizer()
    optimizer.update(net, passed(net)[1])
    before = other.state_dict()
    with pytest.raises(
        ValueError, match=r"update: net is another network, expected the network of the first"
    ):
        optimizer.update(other, passed(other)[1])
    assert all(np.array_equal(before[key], value) for key, value in other.state_dict().items())
    alone = copy.deepcopy(optimizer)
    alone.update(other, passed(other)[1])  # copied without its network, it takes the next of that layout
    with pytest.raises(ValueError, match="net is another network, expected"):
        alone.update(net, passed(net)[1])
    wider = make(width=4)
    grads = Views(wider.params.shapes, np.zeros_like(wider.flat))
    with pytest.raises(
        ValueError, match=r"net has the parameters \{.*\(4, 3\).*\}, expected \{.*\(2, 3\).*\} because"
    ):
        pickle.loads(pickle.dumps(optimizer)).update(wider, grads)
    optimizer.load_state_dict(alone.state_dict())
    optimizer.update(other, passed(other)[1])  # a loaded state belongs to the next network


def test_moments_of_another_dtype_are_refused():
    net, double, optimizer = make(), make(dtype="float64"), ir.Adam(0.1)
    state = ir.Adam(0.1)
    state.update(net, passed(net)[1])
    optimizer.load_state_dict(state.state_dict())
    grads = Views(double.params.shapes, np.zeros_like(double.flat))
    with pytest.raises(
        ValueError, match="the moment m has dtype float32, expected float64 as the network has"
    ):
        optimizer.update(double, grads)


@each_backend
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_gradients_that_are_not_finite_are_refused(name, value):
    net, optimizer = make(name), ir.Adam(0.1)
    _, grads = passed(net)
    flat = net.device.to_host(grads.flat).copy()
    flat[7] = value
    net.device.assign(grads.flat, flat)
    before = net.state_dict()
    words = (
        r"Adam.update: grads\['0.u'\]\[1\] is .*, expected finite numbers or allow_nonfinite=True \(1 of them"
    )
    with pytest.raises(ValueError, match=words):
        optimizer.update(net, grads)
    assert optimizer.t == net.iteration == 0
    assert all(np.array_equal(before[key], kept) for key, kept in net.state_dict().items())
    with np.errstate(invalid="ignore"):
        optimizer.update(net, grads, allow_nonfinite=True)
    assert optimizer.t == 1 and net.ops.finite.first(net.flat) == 7


def test_fit_looks_at_the_gradient_once(monkeypatch):
    """The trainer has the norm, so that `update` does not look again."""
    from indrnn_np.ops.finite import reference

    net, looked, first = make(), [], reference.first
    monkeypatch.setattr(reference, "first", lambda a: (looked.append(a), first(a))[1])
    ir.fit(net, (X, DY), ir.SGD(0.1), iterations=2, batch=3, loss="mse", progress=False)
    assert len(looked) == 2 and all(a is net.flat for a in looked)


# -- direct writes, with INDRNN_DEBUG=1 ----------------------------------------------------------------------


def write(array, ops):
    ops.device.assign(array, ops.device.to_host(array) + 1)


WRITES = {
    "parameter 1.0.u": lambda net, x, y: write(net.params["1.0.u"], net.ops),
    "x": lambda net, x, y: write(x, net.ops),
    "y": lambda net, x, y: write(y, net.ops),
}


@each_backend
@each_memory
@pytest.mark.parametrize("what", WRITES)
def test_direct_writes_between_the_passes_are_found(name, memory, what, monkeypatch):
    for debug in (True, False):
        monkeypatch.setattr(tape_stamp, "DEBUG", debug)
        net = make(name)
        x = net.device.bring(X.copy())
        y, _, tape = net.forward(x, work=ir.Workspace(), memory=memory)
        net.backward(DY, tape), net.backward(DY, tape)
        WRITES[what](net, x, y)
        if debug:
            words = rf"Sequential.backward: {what} changed after the forward pass, expected unchanged numbers"
            with pytest.raises(ValueError, match=words):
                net.backward(DY, tape)
        else:
            net.backward(DY, tape)


def test_writes_into_the_tape_are_found(monkeypatch):
    monkeypatch.setattr(tape_stamp, "DEBUG", True)
    net = make()
    tape = net.forward(X)[2]
    next(a for _, a, _ in tape.stamp.sums[::-1] if a.shape == (5, 3, 3))[1:] = 0  # the states
    with pytest.raises(ValueError, match=r"the tape of layer [01] changed after the forward pass"):
        net.backward(DY, tape)
