"""A network of the form "exp" and its projected twin with the same u: passes, instruments and exports agree."""

import copy
import re

import numpy as np
import pytest
from layer_strategies import each_backend
from strategies import JIT

import indrnn_np as ir
from indrnn_np import study
from indrnn_np.export.parts import describe, walk
from indrnn_np.networks import recompute
from indrnn_np.training.time_maps import GradientMap, StateMap

T, B, D, H, K = 40, 3, 2, 4, 2
RNG = np.random.default_rng(0)
X, DY = RNG.standard_normal((T, B, D)), RNG.standard_normal((T, B, K))
LENGTHS = np.array([40, 7, 21])


def layers(form, **options):
    cell = {"input_init": 0.5, "u_form": form, **options}
    return [
        ir.IndRNN(D, H, **cell, learn_h0=True), ir.BatchNorm(H, per_step=True), ir.Recurrence(H, "tanh", u_form=form),
        ir.Linear(H, K),
    ]  # fmt: skip


def inner(form):
    cell = {"input_init": 0.5, "u_form": form}
    return [
        ir.Bidirectional(ir.IndRNN(D, H, **cell)),
        ir.Concat([ir.Residual([ir.Recurrence(2 * H, u_form=form)])]),
        ir.Linear(4 * H, K),
    ]


def twins(make=layers, dtype="float64", backend="reference", **options):
    """A network of the form "exp", and the projected network with the same arrays and the same u."""
    net, twin = (
        ir.Sequential(make(form, **options), T, backend, dtype, seed=3) for form in ("exp", "projected")
    )
    net.flat[...] += 0.2 * np.random.default_rng(1).standard_normal(net.size).astype(dtype)
    u = {f"{name}.u": value for name, value in net.recurrent_weights().items()}
    for name, value in twin.params.items():
        value[...] = u[name] if name in u else net.params[name]
    return net, twin


@each_backend
@pytest.mark.parametrize("make", [layers, inner])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "lengths"])
def test_passes_have_the_same_bits_and_the_gradient_of_nu_is_that_of_u_times_the_slope(
    backend, make, lengths
):
    results, gradients, (net, twin) = [], [], twins(make, backend=backend)
    for one in (net, twin):
        y, state, tape = one.forward(X, lengths=lengths)
        dx, _, grads = one.backward(DY, tape, state)
        results.append((y, dx, one.infer(X, lengths=lengths)[0]))
        gradients.append({name: np.array(value) for name, value in grads.items()})
    for found, expected in zip(*results, strict=True):
        assert found.tobytes() == expected.tobytes()
    for name, gradient in gradients[0].items():
        if not name.endswith(".nu"):
            assert gradient.tobytes() == gradients[1][name].tobytes()
            continue
        of_u = name.removesuffix("nu") + "u"
        slope = -np.exp(net.params[name]) * twin.params[of_u]  # du/dν = -u exp ν
        np.testing.assert_allclose(gradient, slope * gradients[1][of_u], rtol=1e-12)
        assert gradient.any()


def test_single_steps_windows_and_scans():
    net, twin = twins()
    state, rows = None, []
    for x_t in X:
        y_t, state = net.step(x_t, state)
        rows.append(y_t)
    assert np.array_equal(np.stack(rows), twin.infer(X)[0])
    results = []
    for one in (net, twin):
        y, _, tape = recompute.forward(one, X, (None,) * 4, None, True, window=7)
        results.append((np.array(y), np.array(one.backward(DY, tape)[2]["0.W"])))
    scans = [one.forward(X)[0] for one in twins(time="parallel")]
    for found, expected in (*zip(*results, strict=True), scans):
        assert found.tobytes() == expected.tobytes()


def test_a_sequence_split_over_ranks():
    net, twin = (ir.Sequential([*one.layers[:1]], T, "reference", "float64") for one in twins())
    twin.params["0.u"][...] = net.recurrent_weights()["0"]
    maps = []
    for one in (net, twin):
        layer, ctx = one.layers[0], one.contexts()[0]
        h = np.concatenate([np.zeros((1, B, H)), layer.forward(X, None, ctx)[0]])
        dh = np.ones((T, B, H))
        maps.append([*StateMap(layer, X, ctx).compose(), *GradientMap(layer, dh, h, ctx).compose()])
    for found, expected in zip(*maps, strict=True):
        assert np.array_equal(found, expected)
    with pytest.raises(
        ValueError, match=r"TimeSplit\.forward: the pieces have 41 steps, expected at most 40"
    ):
        ir.TimeSplit(net, None)._check_pieces(np.zeros((T + 1, B, D)))


@pytest.mark.parametrize("make", [layers, inner])
def test_instruments_measure_the_same(make):
    findings = []
    for net in twins(make, "float32", "cpu" if JIT else "reference"):
        x, target = X.astype(np.float32), DY.astype(np.float32)
        findings.append([
            study.memory(net, x), study.closed_form(net, x), study.gradient_flow(net, x, target, "mse"),
            study.parallel(net, x, chunk=8),
        ])  # fmt: skip
    for found, expected in zip(*findings, strict=True):
        arrays, others = found.arrays(), expected.arrays()
        assert found.words() == expected.words() and set(arrays) == set(others)
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, others[name], err_msg=f"{found.kind}.{name}")


@pytest.mark.parametrize("make", [lambda form: [*layers(form)[:1], *layers(form)[2:]], inner])
def test_exported_parts_have_u(make):
    net, twin = twins(make, "float32")
    for part, other in zip(walk(describe("test", net)), walk(describe("test", twin)), strict=True):
        assert part.name == other.name and set(part.arrays) == set(other.arrays)
        for letter, array in part.arrays.items():
            assert array.tobytes() == other.arrays[letter].tobytes(), (part.name, letter)


def test_copies_precisions_and_descriptions_keep_the_form():
    net, _ = twins(inner)
    for other in (
        copy.deepcopy(net),
        net.astype("float64"),
        ir.Sequential.from_spec(net.spec(), dtype="float64"),
    ):
        assert other.layers == net.layers and set(other.params) == set(net.params)
    single = net.astype("float32").recurrent_weights()
    for name, u in net.recurrent_weights().items():
        np.testing.assert_allclose(single[name], u, rtol=1e-5)
    assert "u_form='exp'" in str(net) and set(net.recurrent_weights()) == {"0.forward", "0.reverse", "1.0.0"}


def test_clipping_and_weights_of_another_form_are_refused():
    net, twin = twins(lambda form: [ir.IndRNN(D, H, u_form=form), ir.Linear(H, K)])
    task = ir.tasks.get("adding", steps=T, backend="reference")
    with pytest.raises(
        ValueError, match=r"the network has no bounds, .* \(constrain=True, u_form='projected'\)"
    ):
        study.clipping(net, task, ir.Adam(), 1)
    with pytest.raises(ValueError, match=re.escape("0.nu")):
        net.load_state_dict(twin.state_dict())
