"""Batch norm that its reader applies chunk by chunk gives what batch norm written out gives."""

import numpy as np
import pytest
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np.layers import fusion
from indrnn_np.layers.fusion import Normalised

T, B, D, H = 12, 3, 4, 6

STACKS = {
    "last step": [ir.IndRNN(D, H), ir.BatchNorm(H), ir.Dropout(0.3), ir.LastStep(), ir.Linear(H, 2)],
    "deep": [ir.BatchNorm(D), ir.IndRNN(D, H), ir.BatchNorm(H), ir.Dropout(0.3), ir.IndRNN(H, H), ir.BatchNorm(H),
             ir.IndRNN(H, 5), ir.BatchNorm(5), ir.LastStep()],
    "two masks": [ir.IndRNN(D, H), ir.BatchNorm(H), ir.Dropout(0.3), ir.Dropout(0.2), ir.IndRNN(H, H)],
    "a norm of a norm": [ir.IndRNN(D, H), ir.BatchNorm(H), ir.BatchNorm(H), ir.IndRNN(H, H)],
    "few inputs": [ir.IndRNN(D, 2), ir.BatchNorm(2), ir.IndRNN(2, H)],
    "read by others": [ir.IndRNN(D, H), ir.BatchNorm(H), ir.Dropout(0.3), ir.Bidirectional(ir.IndRNN(H, 4)),
                       ir.BatchNorm(8), ir.Linear(8, 3)],
    "at the end": [ir.IndRNN(D, H), ir.BatchNorm(H), ir.Dropout(0.3)],
    "per step": [ir.IndRNN(D, H), ir.BatchNorm(H, per_step=True), ir.IndRNN(H, H)],
}  # fmt: skip


def everything(name, backend, lengths, training):
    net = ir.Sequential(STACKS[name], steps=T, backend=backend, dtype="float64")
    rng = np.random.default_rng(0)
    net.flat[...] = rng.standard_normal(net.size) * 0.5
    x = rng.standard_normal((T, B, D))
    y, _, tape = net.forward(x, lengths=lengths, training=training)
    found = {
        "y": y.copy(),
        "inference": net(x, lengths=lengths),
        "step": net.step(x[0])[0] if net.causal else y,
    }
    if training:
        dx, _, grads = net.backward(rng.standard_normal(y.shape), tape)
        found |= {"dx": dx.copy(), "grads": grads.flat.copy(), **net.buffers}
    return found


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("backend", ["cpu", "reference"])
@pytest.mark.parametrize("lengths", [None, np.array([T, 3, 5])], ids=["full", "lengths"])
@pytest.mark.parametrize("training", [True, False])
def test_written_out_or_not(monkeypatch, name, backend, lengths, training):
    unwritten = everything(name, backend, lengths, training)
    monkeypatch.setattr(fusion, "fuses", lambda *_: False)
    written = everything(name, backend, lengths, training)
    assert set(unwritten) == set(written)
    for key, value in written.items():
        assert_close(unwritten[key], value, key, scale=100)


def test_only_a_batch_norm_that_a_later_layer_can_apply_is_planned():
    for name, wanted in {"last step": [1], "deep": [0, 2, 5, 7], "two masks": [1], "at the end": [],
                         "a norm of a norm": [2], "read by others": [], "per step": []}.items():  # fmt: skip
        assert [i for i, planned in enumerate(fusion.plan(STACKS[name])) if planned] == wanted, name


def test_a_pass_fuses_what_is_planned_unless_a_sample_ends_early_or_the_backend_cannot():
    net = ir.Sequential(STACKS["deep"], steps=T)
    fused = lambda **options: [i for i, ctx in enumerate(net.contexts(**options)) if ctx.fused]  # noqa: E731
    assert fused(training=True) == [0, 2, 5, 7]
    assert fused(lengths=np.array([T, 3, 5])) == fused(fuse=False) == []
    net.ops.normalises, before = False, net.ops.normalises
    try:
        assert fused() == []
    finally:
        net.ops.normalises = before


def test_nothing_is_written_between_the_layers():
    """Not one array of T·B·H elements besides the states: neither batch norm's output nor dropout's."""
    net, work = ir.Sequential(STACKS["last step"], steps=T), ir.Workspace()
    net.forward(np.zeros((T, B, D), np.float32), work=work)
    large = [name for (name, _), buffer in work._buffers.items() if buffer.size >= T * B * H]
    assert large == ["0.h"]


def test_an_unwritten_activation_has_a_shape():
    assert Normalised(np.zeros((2, 3, 4)), None).shape == (2, 3, 4)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_no_step_at_all_is_refused_in_a_sentence(backend):
    """Batch norm in inference takes no statistics that could refuse it first."""
    net = ir.Sequential(STACKS["last step"], steps=T, backend=backend)
    with pytest.raises(ValueError, match=r"LastStep.forward: x has shape .*, expected at least one step"):
        net(np.zeros((0, B, D), np.float32))
