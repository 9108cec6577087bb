"""Optimizers on a network: what they update, what decays, what they remember."""

import json

import numpy as np
import pytest
from strategies import JIT, each_dtype
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np.ops.adam import cpu as adam_cpu
from indrnn_np.ops.recurrence import cpu as recurrence_cpu
from indrnn_np.ops.sgd import cpu as sgd_cpu
from indrnn_np.parameters import Views

OPTIMIZERS = [
    lambda **more: ir.SGD(0.1, **more),
    lambda **more: ir.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01, **more),
    lambda **more: ir.Adam(0.01, **more),
    lambda **more: ir.Adam(0.01, weight_decay=0.1, **more),
    lambda **more: ir.Adam(0.01, weight_decay=0.1, decoupled=True, decay_on=("W", "u"), **more),
]
each_optimizer = pytest.mark.parametrize(
    "optimizer", OPTIMIZERS, ids=["SGD", "Nesterov", "Adam", "L2", "AdamW"]
)


def make(backend="cpu", dtype="float32", seed=0):
    stack = [ir.IndRNN(3, 8), ir.BatchNorm(8), ir.IndRNN(8, 8), ir.LastStep(), ir.Linear(8, 2)]
    return ir.Sequential(stack, steps=6, backend=backend, dtype=dtype, seed=seed)


def gradients(net, seed=0):
    x = np.random.default_rng(seed).standard_normal((6, 5, 3)).astype(net.dtype)
    y, _, tape = net.forward(x)
    return net.backward(y - 1, tape)[2]


@each_optimizer
@each_dtype
def test_backends_take_the_same_steps(optimizer, dtype):
    nets = [make(backend, dtype) for backend in ("reference", "cpu")]
    optimizers = [optimizer() for _ in nets]
    for seed in range(3):
        grads = gradients(nets[0], seed)
        grads = Views(grads.shapes, grads.flat)  # of no network
        before = grads.flat.copy()
        for net, opt in zip(nets, optimizers, strict=True):
            opt.update(net, grads)
        assert np.array_equal(grads.flat, before)
    assert_close(nets[1].flat, nets[0].flat, scale=2)  # three steps
    assert nets[0].iteration == nets[1].iteration == 3


@each_optimizer
def test_training_reduces_the_loss(backend, optimizer):
    net, opt = make(backend), optimizer()
    net.params["0.W"][...] = np.random.default_rng(0).standard_normal((8, 3))
    x = np.random.default_rng(1).standard_normal((6, 20, 3)).astype(np.float32)
    target = np.stack([x[:, :, 0].sum(axis=0), x[0, :, 1]], axis=1)
    losses = []
    for _ in range(60):
        y, _, tape = net.forward(x)
        loss, dy = ir.mse(y, target, backend=backend)
        _, _, grads = net.backward(dy, tape)
        ir.clip_norm(grads, 1.0, backend=backend)
        opt.update(net, grads)
        net.project()
        losses.append(loss)
    assert np.mean(losses[-5:]) < 0.6 * losses[0]
    assert all(np.abs(net.params[name]).max() <= np.float32(bound) for name, bound in net.bounds.items())


@pytest.mark.parametrize("decay_on", [("W",), ("W", "u"), ("b",), ()], ids=str)
def test_only_the_letters_given_decay(backend, decay_on):
    net = make(backend)
    net.flat[...] = 2
    no_gradient = gradients(net)
    no_gradient.flat[...] = 0
    ir.SGD(0.5, weight_decay=0.5, decay_on=decay_on).update(net, no_gradient)
    for name, value in net.params.items():
        assert set(value.ravel()) == {1.5 if name.split(".")[-1] in decay_on else 2}, name


def test_by_default_weights_decay_and_nothing_else():
    for opt in (ir.SGD(0.5, weight_decay=0.5), ir.Adam(0.5, weight_decay=0.5, decoupled=True)):
        net = ir.Sequential(
            [ir.Bidirectional(ir.IndRNN(2, 3, learn_h0=True)), ir.BatchNorm(6), ir.Linear(6, 2)], steps=4
        )
        net.flat[...] = 2
        grads = gradients(make())
        grads = type(grads)(net.params.shapes, np.zeros_like(net.flat))
        opt.update(net, grads)
        assert {name for name, value in net.params.items() if (value != 2).any()} == {
            "0.forward.W",
            "0.reverse.W",
            "2.W",
        }


def test_coupled_and_decoupled_decay():
    """Without a gradient: coupled decay becomes a full step of lr, decoupled shrinks by lr · weight_decay."""
    for decoupled, expected in ((False, 2 - 0.1), (True, 2 * (1 - 0.1 * 0.5))):
        net = make(dtype="float64")
        net.flat[...] = 2
        grads = gradients(net)
        grads.flat[...] = 0
        ir.Adam(0.1, weight_decay=0.5, decoupled=decoupled).update(net, grads)
        assert net.params["0.W"][0, 0] == pytest.approx(expected, rel=1e-6)


def test_the_first_step_of_adam_has_the_size_of_lr_and_t_counts_from_one(backend):
    net, opt = make(backend, "float64"), ir.Adam(0.25)
    start = net.flat.copy()
    grads = gradients(net)
    grads.flat[...] = np.where(np.arange(net.size) % 2, 3.0, -0.01)
    opt.update(net, grads)
    assert np.allclose(net.flat - start, -0.25 * np.sign(grads.flat), atol=1e-6)
    assert (opt.t, net.iteration) == (1, 1)


def test_the_learning_rate_may_change_between_steps(backend):
    net, opt = make(backend, "float64"), ir.SGD(0.5)
    grads = gradients(net)
    start = net.flat.copy()
    opt.lr = 0.25
    opt.update(net, grads)
    assert_close(net.flat, start - 0.25 * grads.flat)


@each_optimizer
def test_a_state_that_is_loaded_goes_on_bit_for_bit(backend, optimizer):
    net, opt = make(backend), optimizer()
    for seed in range(2):
        opt.update(net, gradients(net, seed))
    copy, again = net.astype("float32"), optimizer()
    state = opt.state_dict()
    again.load_state_dict(state)
    for name, value in state.items():
        if name != "t":
            value[...] = np.nan  # a copy: nobody else holds it
    for one, its in ((net, opt), (copy, again)):
        its.update(one, gradients(one, 7))
    assert np.array_equal(net.flat, copy.flat) and opt.t == again.t == 3
    assert all(np.array_equal(value, again.state_dict()[name]) for name, value in opt.state_dict().items())


def test_the_state_before_the_first_step():
    opt = ir.Adam(0.1)
    assert opt.state_dict() == {"t": 0}
    other = ir.Adam(0.1)
    other.load_state_dict(opt.state_dict())
    net = make()
    other.update(net, gradients(net))
    assert other.t == 1 and "after 1 updates" in repr(other)


def test_specs_are_json():
    spec = ir.Adam(0.1, b1=0.8, weight_decay=0.01, decoupled=True).spec()
    assert json.loads(json.dumps(spec)) == spec == {
        "type": "Adam", "lr": 0.1, "weight_decay": 0.01, "decay_on": ["W"], "lr_of": {}, "b1": 0.8, "b2": 0.999,
        "eps": 1e-8, "decoupled": True,
    }  # fmt: skip
    assert ir.SGD(0.5, momentum=0.9).spec()["momentum"] == 0.9


@each_optimizer
def test_a_letter_has_a_learning_rate_of_its_own(optimizer):
    """u moves a tenth as far as with the same rate for all; everything else moves as it did."""
    moved = []
    for lr_of in (None, {"u": 0.1}):
        net, opt = make(), optimizer(lr_of=lr_of)
        before = net.state_dict()
        opt.update(net, gradients(net))
        moved.append({name: net.params[name] - before[name] for name in net.params})
    for name, whole in moved[0].items():
        factor = 0.1 if name.endswith(".u") else 1.0
        np.testing.assert_allclose(moved[1][name], factor * whole, atol=1e-7)
    assert opt.spec()["lr_of"] == {"u": 0.1}
    with pytest.raises(ValueError, match=r"lr_of\['u'\] is -1, expected a number of at least 0"):
        optimizer(lr_of={"u": -1})


@each_optimizer
def test_a_learning_rate_of_a_parameter_that_the_network_lacks_is_refused(optimizer):
    net, opt = make(), optimizer(lr_of={"u": 0.1, "nu": 0.1})
    grads, before = gradients(net), net.state_dict()
    with pytest.raises(
        ValueError, match=r"update: lr_of names 'nu', expected parameters of the network: W, .*u"
    ):
        opt.update(net, grads)
    assert net.iteration == opt.t == 0
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def compiled():
    """Signatures compiled so far, of the kernels that a training step of `make()` runs."""
    kernels = [adam_cpu._kernel, sgd_cpu._kernel, recurrence_cpu.forward_kernel("relu", True)]
    kernels += [recurrence_cpu.backward_kernel("relu", has_dh) for has_dh in (False, True)]
    return [len(getattr(kernel, "signatures", [])) for kernel in kernels]  # none without the compiler


@each_optimizer
def test_the_second_step_compiles_nothing(optimizer):
    net, opt = make(), optimizer()
    opt.update(net, gradients(net))
    first = compiled()
    assert not JIT or max(first) > 0
    opt.lr = 0.001
    opt.update(net, gradients(net, 1))
    assert compiled() == first


def test_clipping(backend):
    net = make(backend, "float64")
    grads = gradients(net)
    grads.flat[...] = 0
    grads["0.u"][:2] = [3, -4]
    assert ir.clip_norm(grads, 1.0, backend=backend) == pytest.approx(5)
    assert grads["0.u"][:2].tolist() == pytest.approx([0.6, -0.8])
    ir.clip_value(grads, 0.7, backend=backend)
    assert grads["0.u"][:2].tolist() == pytest.approx([0.6, -0.7])


@pytest.mark.parametrize(
    "build, words",
    [
        (lambda: ir.SGD(-0.1), "SGD: lr is -0.1, expected a number of at least 0"),
        (lambda: ir.SGD(float("nan")), "SGD: lr is nan"),
        (lambda: ir.SGD(0.1, momentum=1.0), "SGD: momentum is 1.0, expected a number from 0.0 to below 1.0"),
        (lambda: ir.Adam(0.1, weight_decay=-1), "Adam: weight_decay is -1"),
        (lambda: ir.Adam(0.1, b1=1.0), "Adam: b1 is 1.0, expected a number from 0.0 to below 1.0"),
        (lambda: ir.Adam(0.1, b2=-0.1), "Adam: b2 is -0.1"),
        (lambda: ir.Adam(0.1, eps=-1e-8), "Adam: eps is -1e-08"),
    ],
)
def test_errors_of_settings(build, words):
    with pytest.raises(ValueError, match=words):
        build()


def test_an_optimizer_belongs_to_one_network(backend):
    net, opt = make(backend), ir.Adam(0.1)
    opt.update(net, gradients(net))
    other = ir.Sequential([ir.IndRNN(3, 2)], steps=6, backend=backend)
    y, _, tape = other.forward(np.ones((6, 1, 3), np.float32))
    grads = other.backward(y, tape)[2]
    with pytest.raises(
        ValueError,
        match=r"Adam\.update: net is another network, expected the network of the first update",
    ):
        opt.update(other, grads)
    with pytest.raises(
        ValueError,
        match=r"Adam\.update: grads has the arrays \{.*'0.W': \(2, 3\).*\}, expected .* as the network has",
    ):
        opt.update(net, grads)
    new = ir.Adam(0.1)
    new.load_state_dict(opt.state_dict())
    with pytest.raises(
        ValueError, match=r"the moment m has shape .*, expected \(10,\) to match the parameters"
    ):
        new.update(other, grads)
    with pytest.raises(ValueError, match=r"SGD\.load_state_dict: .*\['m', 'v'\].*\['m'\]"):
        ir.SGD(0.1).load_state_dict(opt.state_dict())
