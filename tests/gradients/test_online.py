"""Online gradients are those of BPTT, computed on another road: an oracle for both."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import indrnn_np as ir
from indrnn_np.gradients.problem import Problem
from indrnn_np.ops.recurrence.activation import ACTIVATIONS

K = 3


@st.composite
def networks(draw, exact=True):
    """A network of 1 to 3 recurrent layers with a batch, at kinks too: exact zeros in x, u and b."""
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    T, B, D = (draw(st.integers(1, most)) for most in (9, 4, 3))
    layers, size, last = [], D, draw(st.booleans())
    for _ in range(draw(st.integers(1, 3))):
        H, phi = draw(st.integers(1, 5)), draw(st.sampled_from(tuple(ACTIVATIONS)))
        kind = draw(st.sampled_from(["cell", "cell", "learned", "linear", "alone", "dropout"]))
        form = draw(st.sampled_from(["projected", "exp"]))
        if kind in ("cell", "learned"):
            layers.append(ir.IndRNN(size, H, phi, input_init=0.5, learn_h0=kind == "learned", u_form=form))
        elif kind == "linear":
            layers += [ir.Linear(size, H), ir.Recurrence(H, phi, u_form=form)]
        else:
            H = size
            layers += [ir.Dropout(0.3)] * (kind == "dropout") + [ir.Recurrence(H, phi, u_form=form)]
        size = H
    layers += [ir.LastStep()] * last + [ir.Linear(size, K)]
    net = ir.Sequential(layers, steps=T, dtype="float64", seed=draw(st.integers(0, 9)))
    net.flat[...] += 0.3 * rng.standard_normal(net.size) * (rng.random(net.size) < 0.8)
    x = rng.standard_normal((T, B, D)) * (rng.random((T, B, D)) < 0.7)
    lengths = None
    if draw(st.booleans()):
        lengths = rng.integers(int(last), T + 1, B)
        lengths[0] = T
    shape = (B,) if last else (T, B)
    target = rng.integers(0, K, shape) if draw(st.booleans()) else rng.standard_normal((*shape, K))
    return net, x, target, lengths


@given(networks())
def test_online_gradient_is_that_of_bptt(case):
    net, x, target, lengths = case
    learner, problem = ir.online(net), Problem("test", net, x, target, None, lengths)
    assert learner.run(x, target, lengths) == pytest.approx(problem.value, rel=1e-12, abs=1e-15)
    _, _, bptt = problem.gradient()
    samples = ir.study.per_sample(net, x, target, lengths=lengths).gradients()
    size = max(float(np.abs(g).sum(axis=0).max()) for g in samples.values())
    found = learner.gradient()
    assert set(found) | set(learner.missing) == set(net.params)
    for name, gradient in found.items():
        assert np.abs(gradient - bptt[name]).max() <= 1e-13 * max(size, np.abs(bptt.flat).max()), name


def stack(D=2, layers=2, H=8, **options):
    cells = [ir.IndRNN(D if i == 0 else H, H, "tanh", input_init=0.5) for i in range(layers)]
    return ir.Sequential([*cells, ir.Linear(H, K)], steps=20, dtype="float64", **options)


def test_the_gradient_so_far_is_that_of_the_prefix():
    net, rng = stack(), np.random.default_rng(0)
    x, target = rng.standard_normal((12, 4, 2)), rng.integers(0, K, (12, 4))
    learner = ir.online(net)
    for t in range(12):
        y = learner.step(x[t], target[t])
        problem = Problem(
            "test", net, np.ascontiguousarray(x[: t + 1]), np.ascontiguousarray(target[: t + 1])
        )
        np.testing.assert_allclose(y, problem.y[t], rtol=1e-12)
        for name, gradient in learner.gradient().items():
            np.testing.assert_allclose(gradient, problem.gradient()[2][name], rtol=1e-10, atol=1e-14)


def test_gradient_of_the_top_initial_state():
    net, rng = (
        ir.Sequential([ir.IndRNN(2, 4, "tanh"), ir.Linear(4, 3)], steps=9, dtype="float64"),
        np.random.default_rng(0),
    )
    x, target = rng.standard_normal((9, 5, 2)), rng.integers(0, K, (9, 5))
    learner = ir.online(net)
    learner.run(x, target)
    np.testing.assert_allclose(learner.dh0 / 45, Problem("test", net, x, target).gradient()[1][0], rtol=1e-10)


def test_a_stream_continues_after_reset():
    """Traces stay, loss and gradient start anew."""
    net, rng = stack(layers=1), np.random.default_rng(0)
    x, target = rng.standard_normal((6, 2, 2)), rng.integers(0, K, (6, 2))
    whole, parts = ir.online(net), ir.online(net)
    for t in range(6):
        whole.step(x[t], target[t])
    total = {name: 12 * g for name, g in whole.gradient().items()}
    first = {}
    for t in range(6):
        if t == 3:
            first = {name: 6 * g for name, g in parts.gradient().items()}
            parts.reset()
            assert np.isnan(parts.loss())
        parts.step(x[t], target[t])
    for name, gradient in parts.gradient().items():
        np.testing.assert_allclose(first[name] + 6 * gradient, total[name], rtol=1e-12)


@pytest.mark.parametrize("rule", ["exact", "traces", "depth-only"])
def test_gradients_of_nu_are_those_of_u_times_the_slope_at_the_parameters_of_now(rule):
    rng, gradients, nets = np.random.default_rng(0), [], []
    x, target = rng.standard_normal((6, 2, 2)), rng.integers(0, K, (6, 2))
    for form in ("exp", "projected"):
        cells = [
            ir.IndRNN(2, 4, "tanh", input_init=0.5, u_form=form),
            ir.IndRNN(4, 4, u_form=form, input_init=0.5),
        ]
        net = ir.Sequential([*cells, ir.Linear(4, K)], steps=20, dtype="float64")
        learner, nets = ir.online(net, rule), [*nets, net]
        learner.start(2, 2)
        for i in "01":  # a change of the parameters after the start counts
            if form == "exp":
                net.params[f"{i}.nu"][...] += 0.3
            else:
                net.params[f"{i}.u"][...] = nets[0].recurrent_weights()[i]
        for t in range(6):
            learner.step(x[t], target[t])
        gradients.append(learner.gradient())
    exp, projected = gradients
    for i in "01":
        slope = -nets[1].params[f"{i}.u"] * np.exp(nets[0].params[f"{i}.nu"])
        np.testing.assert_allclose(exp[f"{i}.nu"], slope * projected[f"{i}.u"], rtol=1e-12)


@pytest.mark.parametrize("rule", ["traces", "depth-only"])
def test_approximate_rules_are_exact_at_the_top_and_without_memory(rule):
    """With u = 0 there is no path through time, so the paths through depth are all; "depth-only" then is BPTT too."""
    net, rng = stack(D=5, layers=3), np.random.default_rng(0)
    x, target = rng.standard_normal((12, 4, 5)), rng.integers(0, K, (12, 4))
    found = {}
    for memory in (1, 0):
        for i in range(3):
            net.params[f"{i}.u"][...] *= memory
        learner = ir.online(net, rule)
        assert learner.missing == ()
        learner.run(x, target)
        found[memory] = learner.gradient(), Problem("test", net, x, target).gradient()[2]
    for name, gradient in found[0][0].items():
        np.testing.assert_allclose(gradient, found[0][1][name], rtol=1e-9, atol=1e-13)
    exact = {
        name
        for name, gradient in found[1][0].items()
        if np.allclose(gradient, found[1][1][name], rtol=1e-9, atol=1e-13)
    }
    assert exact == ({"2.W", "2.u", "2.b", "3.W", "3.b"} if rule == "traces" else {"3.W", "3.b"})


def test_missing_names_what_has_no_exact_gradient():
    assert ir.online(stack(D=2)).missing == ()
    assert ir.online(stack(D=3)).missing == ("0.W",)
    assert ir.online(stack(layers=3)).missing == ("1.W",)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([ir.IndRNN(2, 4), ir.BatchNorm(4), ir.Linear(4, 3)], "layer 1 is a BatchNorm"),
        ([ir.IndRNN(2, 4, reverse=True), ir.Linear(4, 3)], "layer 0 is a IndRNN in reverse"),
        ([ir.Bidirectional(ir.IndRNN(2, 4)), ir.Linear(8, 3)], "layer 0 is a Bidirectional"),
        ([ir.LSTM(2, 4)], "layer 0 is a LSTM"),
        ([ir.Embedding(3, 4), ir.IndRNN(4, 4)], "layer 0 is a Embedding"),
        ([ir.Linear(2, 4), ir.IndRNN(4, 4)], "layer 1 is a IndRNN after a Linear layer"),
        ([ir.Linear(2, 4)], "the network has no recurrent layer"),
        ([ir.IndRNN(2, 65), ir.IndRNN(65, 3)], "a layer has 65 units, expected at most 64 in a stack"),
        ([ir.IndRNN(2, 2), *[ir.IndRNN(2, 2)] * 4], "the network has 5 recurrent layers, expected at most 4"),
    ],
)
def test_other_networks_are_refused_by_name(layers, words):
    with pytest.raises(ValueError, match=f"online: {words}"):
        ir.online(ir.Sequential(layers, steps=5))


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="online: rule is 'bptt', expected"):
        ir.online(stack(), "bptt")
    with pytest.raises(TypeError, match="online: net is 3, expected a network"):
        ir.online(3)
    net = ir.Sequential([ir.IndRNN(2, 4), ir.LastStep(), ir.Linear(4, 3)], steps=5)
    with pytest.raises(
        ValueError, match=r"online: lengths\[1\] is 0, expected at least 1 because the loss reads"
    ):
        ir.online(net).run(np.zeros((5, 2, 2)), np.zeros(2, np.int64), np.array([5, 0]))


def test_memory_does_not_depend_on_the_number_of_steps():
    learner = ir.online(stack(layers=1))
    x = np.zeros((3, 2))
    sizes = []
    for _ in range(30):
        learner.step(x, np.zeros(3, np.int64))
        sizes.append(sum(e.nbytes for traces in learner._traces for e in (*traces.e.values(), traces.h)))
    assert len(set(sizes)) == 1
