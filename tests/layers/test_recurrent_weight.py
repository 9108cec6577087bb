"""u = bound exp(-exp ν): its derivatives, gradients of layers, the start, the bound in training, and refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_strategies import activations, batches, each_backend, ragged
from small_runs import QUIET, adding, curve, net_for
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np import init
from indrnn_np.backend import Backend
from indrnn_np.device import Device
from indrnn_np.layers import recurrent_weight
from indrnn_np.layers.context import Context

EXP = {"u_form": "exp"}


def cell(inputs, units, activation="relu", **options):
    return ir.IndRNN(inputs, units, activation, input_init=0.5, **EXP, **options)


@given(st.lists(st.floats(-30, 5), min_size=1, max_size=9), st.floats(0.5, 5.0))
def test_slope_and_curvature_are_the_derivatives_of_u(values, bound):
    nu, h = np.array(values), 1e-30
    u, slope = recurrent_weight.weight(nu, bound), recurrent_weight.slope(nu, bound)
    curvature = recurrent_weight.curvature(nu, bound)
    assert ((u > 0) & (u <= bound)).all()
    near = {"rtol": 1e-12, "atol": 1e-15 * bound}  # d²u/dν² is a difference, which is 0 at ν = 0
    np.testing.assert_allclose(recurrent_weight.weight(nu + 1j * h, bound).imag / h, slope, **near)
    np.testing.assert_allclose(recurrent_weight.slope(nu + 1j * h, bound).imag / h, curvature, **near)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_nu_gives_a_weight_within_the_bound_and_finite_derivatives(dtype):
    nu = np.array([-np.finfo(dtype).max, -1e4, -100, 0, 100, 1e4, np.finfo(dtype).max / 4], dtype)
    u = recurrent_weight.weight(nu, 1.25)
    assert u.dtype == dtype and np.array_equal(u[[0, 1, 2]], [1.25] * 3) and not u[4:].any()
    for derivative in (recurrent_weight.slope(nu, 1.25), recurrent_weight.curvature(nu, 1.25)):
        assert derivative.dtype == dtype and np.isfinite(derivative).all() and not derivative[4:].any()


@each_backend
@given(data=st.data(), batch=batches(), H=st.integers(1, 4), phi=activations, reverse=st.booleans())
def test_gradients(backend, data, batch, H, phi, reverse):
    (x, seed), method = batch, data.draw(st.sampled_from(["auto", "jvp"]))
    kind = data.draw(st.sampled_from(["uniform", "long", "ones", 0.5]))
    learned, time = data.draw(st.booleans()), data.draw(st.sampled_from(["serial", "parallel"]))
    layer = cell(x.shape[2], H, phi, recurrent_init=kind, reverse=reverse, learn_h0=learned, time=time)
    net = ir.Sequential([layer], steps=len(x), backend=backend, dtype="float64", seed=seed)
    net.flat[...] += 0.3 * np.random.default_rng(seed).standard_normal(net.size)
    report = ir.gradcheck(net, x, lengths=data.draw(ragged(x)), seed=seed, method=method)
    assert all(row.kinks for row in report.undecided), report
    assert {row.name for row in report} == {"x", "0.W", "0.nu", "0.b", "0.h0" if learned else "state.0"}


@given(data=st.data(), batch=batches((6, 4, 3)), method=st.sampled_from(["auto", "jvp"]))
def test_gradients_of_stacks(data, batch, method):
    x, seed = batch
    D = x.shape[2]
    layers = [
        ir.BatchNorm(D), ir.Bidirectional(cell(D, 2, "tanh")), ir.Dropout(0.3),
        ir.Residual([ir.Recurrence(4, "sigmoid", **EXP)]), cell(4, 3), ir.LastStep(), ir.Linear(3, 2),
    ]  # fmt: skip
    net = ir.Sequential(layers, steps=len(x), dtype="float64", seed=seed)
    report = ir.gradcheck(net, x, lengths=data.draw(ragged(x)), seed=seed, method=method)
    assert all(row.kinks for row in report.undecided), report
    assert {"1.forward.nu", "1.reverse.nu", "3.0.nu", "4.nu"} <= {row.name for row in report}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["uniform", "long", "ones", 0.25])
def test_the_initial_numbers_are_those_of_the_projected_form(kind, dtype):
    nets = [
        ir.Sequential(
            [ir.IndRNN(2, 50, recurrent_init=kind, u_form=form), ir.Recurrence(50, "tanh", kind, u_form=form)],
            steps=1000, dtype=dtype, seed=4,
        )
        for form in recurrent_weight.FORMS
    ]  # fmt: skip
    (one, two), x = nets, np.random.default_rng(0).standard_normal((1000, 2, 2)).astype(dtype)
    for name in ("0.W", "0.b"):
        assert np.array_equal(one.params[name], two.params[name])
    assert_close(two.recurrent_weights()["0"], one.params["0.u"])
    assert_close(two.recurrent_weights()["1"], one.params["1.u"])
    assert_close(two(x), one(x), scale=1000)  # a difference of u counts T times
    assert one.weight_bounds == two.weight_bounds == one.bounds and not two.bounds


def test_the_initial_weight_is_kept_from_the_ends_of_its_range():
    bound = 2 ** (1 / 10)
    for value, ratio in ((bound, 1 - 1e-6), (1e-9, 1e-6), (1e-5, 1e-5 / bound)):
        net = ir.Sequential([cell(1, 3, recurrent_init=value)], steps=10, dtype="float64")
        np.testing.assert_allclose(net.recurrent_weights()["0"], ratio * bound, rtol=1e-9)
    ones = ir.Sequential(
        [cell(1, 3, recurrent_init="ones", gamma=1.0)], dtype="float64"
    )  # gamma = 1 needs no T
    np.testing.assert_allclose(ones.recurrent_weights()["0"], 1 - 1e-6, rtol=1e-9)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rate", [1.0, 300.0])
def test_u_stays_within_its_bound_at_a_large_rate(rate):
    task = adding(steps=12)
    net = ir.plain(2, 6, 1, 2, 12, input_init=0.3, backend="reference", **EXP)
    seen = []

    def watch(iteration):
        seen.append(np.concatenate(list(net.recurrent_weights().values())))

    ir.fit(
        net,
        task,
        ir.Adam(1e-3, lr_of={"nu": 1000 * rate}),
        iterations=30,
        batch=5,
        callbacks=[watch],
        **QUIET,
    )
    u, bound = np.array(seen), np.float32(init.recurrent_bound("relu", 2.0, 12))
    assert len(u) >= 30 and u.min() >= 0 and u.max() <= bound and np.isfinite(net.flat).all()
    assert np.abs(u[-1] - u[0]).max() > 0.5  # the rate moves the weights across their range


def trained(folder, iterations, **options):
    """A run of the adding problem into a folder."""
    task = adding()
    rule, run = ir.Adam(1e-2, lr_of={"nu": 5.0}), {"batch": 5, "validate_every": 4, "checkpoint_every": 5}
    net = net_for(task, batchnorm=True, **EXP)
    return ir.fit(net, task, rule, iterations=iterations, out=folder, **run, **options, **QUIET)


def test_a_resumed_run_continues_bit_for_bit(tmp_path):
    whole = trained(tmp_path / "whole", 12)
    trained(tmp_path / "part", 7)
    resumed = trained(tmp_path / "part", 12, resume=tmp_path / "part")
    assert curve(resumed)[-3:] == curve(whole)[-3:]
    assert resumed.net.flat.tobytes() == whole.net.flat.tobytes() and "0.nu" in whole.net.params
    loaded = ir.load(tmp_path / "whole" / "checkpoints" / "iteration-00000012.npz").net
    assert loaded.flat.tobytes() == whole.net.flat.tobytes() and loaded.layers == whole.net.layers


@pytest.mark.parametrize(("call", "words"), [
    (lambda: cell(2, 3, recurrent_init="symmetric"), "IndRNN: recurrent_init is 'symmetric' with u_form='exp', "
     r"expected 'uniform', 'long', 'ones' or a number above 0, or u_form='projected' because u = .* above 0"),
    (lambda: ir.Recurrence(3, recurrent_init=0, **EXP), "Recurrence: recurrent_init is 0 with u_form='exp'"),
    (lambda: cell(2, 3, recurrent_init=-0.5), "IndRNN: recurrent_init is -0.5 with u_form='exp'"),
    (lambda: cell(2, 3, constrain=False), "IndRNN: constrain is False with u_form='exp', expected True, or "),
    (lambda: ir.IndRNN(2, 3, u_form="sigmoid"), "IndRNN: u_form is 'sigmoid', expected one of 'projected', 'exp'"),
    (lambda: ir.Sequential([cell(2, 3)]), "IndRNN: steps is None with u_form='exp' and gamma = 2.0, expected the "
     r"sequence length T \(Sequential\(..., steps=T\)\) because u = .* gamma=1 needs no T"),
    (lambda: ir.Sequential([cell(2, 3, recurrent_init=1.5)], steps=10),
     r"IndRNN: recurrent_init is 1.5 with u_form='exp', expected at most 1\.07177 because u = "),
    (lambda: ir.Sequential([cell(2, 3)], steps=5).forward(np.zeros((6, 1, 2), np.float32)),
     r"x has 6 steps, expected at most 5 in training \(steps of the network\), because the bounds on \|u\| hold"),
])  # fmt: skip
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("layer", [cell(2, 3), ir.Recurrence(2, **EXP)])
def test_a_gpu_refuses_the_form(layer):
    """It fails before a parameter is read, as NumPy cannot read those of a GPU."""
    table = Backend("cuda", Device())
    table.device.arrays = list
    ctx = Context(table, {}, {}, np.dtype("f4"), steps=9)
    words = r"(IndRNN|Recurrence): the backend is 'cuda' with u_form='exp', expected 'cpu' or 'reference', or u_form="
    with pytest.raises(ValueError, match=words):
        layer.weight(ctx)
