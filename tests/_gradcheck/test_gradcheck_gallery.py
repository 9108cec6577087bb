"""A gallery of wrong backward passes: the gradient check catches each and names what is wrong."""

import functools
import inspect

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np._gradcheck import GradientError, gradcheck
from indrnn_np.backend import get

SMALL = {"T": 6, "B": 3, "D": 4, "H": 5, "K": 4}


def changed(position, change):
    """Plants a backward whose result at `position` is change(all results, arguments)."""

    def plant(backward):
        @functools.wraps(backward)  # the catalogue reads the signature
        def wrong(*args, **kwargs):
            found = list(backward(*args, **kwargs))
            bound = inspect.signature(backward).bind(*args, **kwargs)
            found[position] = change(found, list(bound.arguments.values()))
            return tuple(found)

        return wrong

    return plant


def u_of_the_same_step(found, args):
    return np.sum(found[0] * args[1][1:], axis=(0, 1))


def u_without_h0(found, args):
    return found[1] - np.sum(found[0][0] * args[1][0], axis=0)


def slope_of_the_step_before(backward):
    """Takes φ' from h_{t-1}."""

    def wrong(dh, h, u, dhT=None, **options):
        da, _, dh0 = backward(dh, np.concatenate([h[:1], h[:-1]]), u, dhT, **options)
        return da, np.sum(da * h[:-1], axis=(0, 1)), dh0

    return wrong


def without_last(backward):
    return lambda dh, h, u, dhT=None, **options: backward(dh, h, u, None, **options)


def without_u(backward):
    return lambda dh, h, u, dhT=None, **options: backward(dh, h, np.ones_like(u), dhT, **options)


def without_means(backward):
    def wrong(dy, x, mean, var, scale, eps=1e-5, **options):
        found = backward(dy, x, mean, var, scale, eps, **options)
        return scale / np.sqrt(var + eps)[:, None] * dy, *found[1:]

    return wrong


def with_another_mask(backward):
    return lambda dy, rate, key, **options: backward(dy, rate, (*key[:2], key[2] + 1), **options)


def of_the_sum(loss):
    def wrong(y, target, mask=None, **options):
        value, dy = loss(y, target, mask=mask, **options)
        return value, dy * len(target)

    return wrong


def one_element(found, args):
    dW = found[1].copy()
    dW[2, 3] *= 1.01
    return dW


GALLERY = {  # the mistake: op, its function, how it is planted, options, which gradients must be named
    "h0 forgotten": ("recurrence", "backward", changed(2, lambda f, _: np.zeros_like(f[2])), {}, {"h0"}),
    "h0 forgotten in du": ("recurrence", "backward", changed(1, u_without_h0), {}, {"u"}),
    "du with the wrong time index": ("recurrence", "backward", changed(1, u_of_the_same_step), {}, {"u"}),
    "slope of the step before": ("recurrence", "backward", slope_of_the_step_before, {}, {"a", "u", "h0"}),
    "gradient of the last state forgotten": ("recurrence", "backward", without_last, {}, {"a", "u", "h0"}),
    "u forgotten on the way back": ("recurrence", "backward", without_u, {}, {"a", "u", "h0"}),
    "bias forgotten": ("indrnn", "backward", changed(3, lambda f, _: np.zeros_like(f[3])), {}, {"b"}),
    "wrong sign": ("indrnn", "backward", changed(1, lambda f, _: -f[1]), {}, {"W"}),
    "bias of one step": ("affine", "backward", changed(2, lambda f, a: a[0][0].sum(axis=0)), {}, {"b"}),
    "one element of W off by 1 %": ("affine", "backward", changed(1, one_element), {}, {"W"}),
    "batch norm without the means": ("batchnorm", "backward", without_means, {}, {"x"}),
    "batch norm per step without the means": (
        "batchnorm",
        "backward",
        without_means,
        {"per_step": True},
        {"x"},
    ),
    "padding in shift": (
        "batchnorm",
        "backward",
        changed(2, lambda f, a: a[0].sum(axis=(0, 1))),
        {"lengths": True},
        {"shift"},
    ),
    "another dropout mask": ("dropout", "backward", with_another_mask, {}, {"x"}),
    "sum for mean, labels": ("softmax_cross_entropy", "loss", of_the_sum, {}, {"y"}),
    "sum for mean, squares": ("mse", "loss", of_the_sum, {}, {"y"}),
    "sum for mean, probabilities": ("binary_cross_entropy", "loss", of_the_sum, {}, {"y"}),
}


@pytest.mark.parametrize("mistake", GALLERY)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_gallery_of_wrong_backwards_is_caught(mistake, activation, backend, monkeypatch):
    op, function, plant, options, named = GALLERY[mistake]
    if op in ("recurrence", "indrnn"):
        options = {**options, "activation": activation}
    module = getattr(get(backend), op)
    right = getattr(module, function)
    monkeypatch.setattr(module, function, functools.wraps(right)(plant(right)))
    with pytest.raises(GradientError, match="worst element") as caught:
        gradcheck(op, backend=backend, **SMALL, **options)
    first = str(caught.value).splitlines()[0]
    assert set(first.split("wrong gradient of ")[1].split(", ")) == named


@pytest.mark.parametrize("shift", [0.01, -3.0])
def test_the_worst_element_of_an_op_is_the_planted_one(shift, backend, monkeypatch):
    def plant(found, args):
        du = found[1].copy()
        du[3] += shift
        return du

    module = get(backend).recurrence
    monkeypatch.setattr(module, "backward", changed(1, plant)(module.backward))
    report = gradcheck("recurrence", backend=backend, raises=False, **SMALL)
    worst = report["u"].worst
    assert [row.name for row in report.failed] == ["u"] and worst.index == (3,)
    assert worst.analytic - worst.numeric == pytest.approx(shift, rel=1e-4)


def test_a_wrong_op_is_found_inside_a_network(backend, monkeypatch):
    module = get(backend).indrnn
    monkeypatch.setattr(module, "backward", changed(3, lambda f, _: np.zeros_like(f[3]))(module.backward))
    net = ir.Sequential([ir.IndRNN(3, 4), ir.BatchNorm(4), ir.IndRNN(4, 4)], steps=5, backend=backend, seed=1)
    net.flat[...] += 0.1
    x = np.random.default_rng(1).standard_normal((5, 3, 3))
    with pytest.raises(GradientError, match=r"wrong gradient of 0\.b, 2\.b\n") as caught:
        ir.gradcheck(net, x)
    assert "worst element of 4 compared 2.b[" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "layer", "wrong"),
    [
        ("0.h0", ir.IndRNN(3, 4, "tanh", learn_h0=True), lambda dx, dstate, grads: grads["h0"].fill(0)),
        (
            "0.forward.W",
            ir.Bidirectional(ir.IndRNN(3, 4, "tanh")),
            lambda dx, dstate, grads: grads["forward.W"].fill(0),
        ),
        ("state.0.1", ir.Bidirectional(ir.IndRNN(3, 4, "tanh")), lambda dx, dstate, grads: dstate[1].fill(0)),
        ("x", ir.Linear(3, 4), lambda dx, dstate, grads: np.negative(dx, out=dx)),
        (
            "0.shift",
            ir.BatchNorm(3),
            lambda dx, dstate, grads: np.multiply(grads["shift"], 2, out=grads["shift"]),
        ),
    ],
)
def test_a_wrong_layer_is_named(name, layer, wrong, monkeypatch):
    right = type(layer).backward

    def backward(self, dy, tape, dstate, ctx):
        found = right(self, dy, tape, dstate, ctx)
        wrong(*found)
        return found

    monkeypatch.setattr(type(layer), "backward", backward)
    report = ir.gradcheck(layer, np.random.default_rng(0).standard_normal((5, 3, 3)), raises=False)
    assert [row.name for row in report.failed] == [name]
    assert report[name].worst.name == name
