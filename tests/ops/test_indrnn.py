"""h_t = φ(W x_t + u ⊙ h_{t-1} + b): the cell as a whole."""

import threading

import numpy as np
import pytest
from differences import assert_gradients
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    REFERENCE,
    TWINS,
    Workspace,
    assert_same_gates,
    assert_sums_close,
    curved,
    each_activation,
    each_backend,
    each_dtype,
    each_twin,
    recurrences,
    with_padding,
)
from tolerances import assert_close

from indrnn_np import backend
from indrnn_np._cpu import threads
from indrnn_np.ops.indrnn import Norm, chunks, cpu, reference


@each_backend
@each_dtype
def test_literal_values(ops, dtype):
    """Two steps, one sample, two inputs, two units; dyadic numbers, so exact."""
    x = np.array([[[1, 2]], [[-1, 0.5]]], dtype)
    W = np.array([[1, -0.5], [0.5, 2]], dtype)
    u, b, h0 = np.array([0.5, -1], dtype), np.array([0.25, -4], dtype), np.array([[2, 1]], dtype)
    h = ops.indrnn.forward(x, W, u, b, h0)
    # a_1 = [0, 4.5] + b, h_1 = relu([0.25 + 1, 0.5 - 1]);  a_2 = [-1.25, 0.5] + b, h_2 = relu([-1 + 0.625, -3.5])
    assert h[:, 0].tolist() == [[2, 1], [1.25, 0], [0, 0]]
    h = ops.indrnn.forward(x, W, u, b, h0, "identity")
    assert h[:, 0].tolist() == [[2, 1], [1.25, -0.5], [-0.375, -3]]
    dh = np.array([[[1, 0]], [[2, 1]]], dtype)
    dx, dW, du, db, dh0 = ops.indrnn.backward(dh, x, h, W, u, None, "identity")
    # da_2 = [2, 1], da_1 = [1 + 0.5·2, -1·1]
    assert dx[:, 0].tolist() == [[2 - 0.5, -1 - 2], [2 + 0.5, -1 + 2]]
    assert dW.tolist() == [[2 - 2, 4 + 1], [-1 - 1, -2 + 0.5]]
    assert du.tolist() == [2 * 2 + 2 * 1.25, -1 * 1 + 1 * -0.5]
    assert db.tolist() == [4, 0]
    assert dh0.tolist() == [[1, 1]]


@each_backend
@given(p=recurrences())
def test_it_is_the_recurrence_over_the_products(ops, p):
    """The reference recurrence judges; both go back from the same states."""
    cell = p.cell()
    x, W, b = cell["x"], cell["W"], cell["b"]
    a = x @ W.T + b
    work = Workspace()
    h = ops.indrnn.forward(x, W, p.u, b, p.h0, **p.options, work=work)
    expected = p.forward(REFERENCE, a=a)
    assert_close(h, expected, scale=4)  # W x in another order than a
    if p.options["activation"] == "relu":
        assert_same_gates(h, expected)
    dx, dW, du, db, dh0 = ops.indrnn.backward(p.dh, x, h, W, p.u, p.dhT, **p.options, work=work)
    da, du_, dh0_ = p.backward(REFERENCE, h)
    size = np.abs(da) + (0.05 * np.abs(p.dh).max() if curved(p.options["activation"]) else 0)
    assert_sums_close(dx, da @ W, size @ np.abs(W), "dx")
    assert_sums_close(dW, np.einsum("tbh,tbd->hd", da, x), np.einsum("tbh,tbd->hd", size, np.abs(x)), "dW")
    assert_sums_close(db, da.sum(axis=(0, 1), dtype=np.float64).astype(da.dtype), size.sum(axis=(0, 1)), "db")
    _, du_size, dh0_size = p.sizes(da, h)
    assert_sums_close(du, du_, du_size, "du")
    assert_sums_close(dh0, dh0_, dh0_size, "dh0")


@each_twin
@each_activation
@given(data=st.data())
def test_twin_equals_reference(ops, activation, data):
    p = data.draw(recurrences(activations=st.just(activation)))
    cell = p.cell()
    x, W, b = cell["x"], cell["W"], cell["b"]
    expected = REFERENCE.indrnn.forward(x, W, p.u, b, p.h0, **p.options)
    h = ops.indrnn.forward(x, W, p.u, b, p.h0, **p.options, work=Workspace())
    assert_close(h, expected, scale=4)  # W x in another order
    found = ops.indrnn.backward(p.dh, x, expected, W, p.u, p.dhT, **p.options, work=Workspace())
    wanted = REFERENCE.indrnn.backward(p.dh, x, expected, W, p.u, p.dhT, **p.options)
    da = p.backward(REFERENCE, expected)[0]
    arriving, of_u, of_h0 = p.sizes(da, expected)
    terms = np.abs(da) + (0.05 * arriving[0] if curved(activation) else 0)
    rows, inputs = terms.reshape(-1, len(W)), np.abs(x).reshape(-1, x.shape[2])
    sizes = (rows @ np.abs(W), rows.T @ inputs, of_u, rows.sum(axis=0), of_h0)
    for name, one, other, size in zip(("dx", "dW", "du", "db", "dh0"), found, wanted, sizes, strict=True):
        assert_sums_close(one, other, size, name)


@each_backend
@given(p=recurrences())
def test_padding_changes_nothing(ops, p):
    cell = p.cell()
    x, W, b = cell["x"], cell["W"], cell["b"]
    noisy, dh = with_padding(x, p.valid, np.nan), with_padding(p.dh, p.valid, -1e6)
    h = ops.indrnn.forward(x, W, p.u, b, p.h0, **p.options)
    assert np.array_equal(ops.indrnn.forward(noisy, W, p.u, b, p.h0, **p.options), h)
    found = ops.indrnn.backward(p.dh, x, h, W, p.u, p.dhT, **p.options)
    again = ops.indrnn.backward(dh, noisy, h, W, p.u, p.dhT, **p.options)
    for one, other in zip(again, found, strict=True):
        assert np.array_equal(one, other)
    assert not found[0][~p.valid[:, :, 0]].any()


@each_activation
@given(data=st.data())
def test_reference_against_differences(activation, data):
    p = data.draw(recurrences(dtypes=st.just("float64"), activations=st.just(activation), smooth=True))
    arrays = {**p.cell(), "u": p.u, "h0": p.h0}
    ends = {name: p.options[name] for name in ("lengths", "reverse")}

    def loss(**arrays):
        h = REFERENCE.indrnn.forward(**arrays, **p.options)
        return np.sum(h[1:] * p.dh) + np.sum(REFERENCE.recurrence.last(h, **ends) * p.dhT)

    h = REFERENCE.indrnn.forward(**arrays, **p.options)
    found = REFERENCE.indrnn.backward(p.dh, arrays["x"], h, arrays["W"], p.u, p.dhT, **p.options)
    assert_gradients(loss, arrays, dict(zip(("x", "W", "u", "b", "h0"), found, strict=True)), p.rng)


@each_backend
@given(p=recurrences(dtypes=st.just("float64")))
def test_only_the_last_state_is_read(ops, p):
    """dh=None is a gradient of zeros."""
    cell = p.cell()
    x, W = cell["x"], cell["W"]
    h = ops.indrnn.forward(x, W, p.u, cell["b"], p.h0, **p.options)
    probes = []
    found = ops.indrnn.backward(
        None, x, h, W, p.u, p.dhT, **p.options, probe=lambda *seen: probes.append(seen[2])
    )
    wanted = ops.indrnn.backward(np.zeros_like(p.dh), x, h, W, p.u, p.dhT, **p.options)
    assert probes and all(dh is None for dh in probes)
    for one, other in zip(found, wanted, strict=True):
        assert_sums_close(one, other, [1, np.abs(other).max()])


@each_twin
def test_states_and_input_gradient_live_in_the_workspace(ops):
    rng = np.random.default_rng(0)
    x, W, u, b, h0 = (rng.standard_normal(shape) for shape in ((5, 2, 6), (4, 6), (4,), (4,), (2, 4)))
    work = Workspace()
    h = ops.indrnn.forward(x, W, u, b, h0, work=work)
    assert work.names == ["h"]
    ops.indrnn.backward(h[1:].copy(), x, h, W, u, work=work)
    more = {"cpu": ["dW of a chunk", "dW of a thread"], "cuda": []}[ops.name]
    assert sorted(work.names) == [*more, "da", "dx", "h"]


@each_backend
@given(p=recurrences(), probed=st.booleans())
def test_without_the_input_gradient_the_others_keep_their_bits(ops, p, probed):
    """With few inputs, with BLAS and with a probe; test_tiled_loop.py has the tiles."""
    cell = p.cell()
    x, W = cell["x"], cell["W"]
    h = ops.indrnn.forward(x, W, p.u, cell["b"], p.h0, **p.options)
    options = {**p.options, "probe": (lambda *_: None) if probed else None}
    _, *expected = ops.indrnn.backward(p.dh, x, h, W, p.u, p.dhT, **options)
    dx, *rest = ops.indrnn.backward(p.dh, x, h, W, p.u, p.dhT, **options, input_gradient=False)
    assert dx is None
    assert [array.tobytes() for array in rest] == [array.tobytes() for array in expected]


@pytest.mark.parametrize("n_threads", [1, 2])
@given(p=recurrences(), seed=st.integers(0, 99), steps=st.integers(1, 20), masked=st.booleans())
def test_a_norm_in_the_cell_is_the_norm_written_out(p, seed, steps, masked, n_threads):
    """x̃ = mask ((x - mean) factor + shift), chunk by chunk, and mask ⊙ dx̃ are what all of it at once gives."""
    cell, rng = p.cell(), np.random.default_rng(seed)
    x, W = cell["x"], cell["W"]
    real = lambda *shape: rng.standard_normal(shape).astype(x.dtype)  # noqa: E731
    mask = (rng.random(x.shape[1:]) < 0.5).astype(x.dtype) * 2 if masked else None
    norm = Norm(real(x.shape[2]), real(x.shape[2]), real(x.shape[2]), mask)
    written = np.ascontiguousarray(norm.apply(x))
    wanted = reference.forward(written, W, p.u, cell["b"], p.h0, **p.options)
    back = reference.backward(p.dh, written, wanted, W, p.u, p.dhT, **p.options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "SMALL", 1)
        patch.setattr(threads, "_chosen", [n_threads])
        patch.setattr(chunks, "steps_for_blas", lambda *_: steps)
        for op in (cpu, reference):
            h = op.forward(x, W, p.u, cell["b"], p.h0, **p.options, norm=norm)
            assert_close(h, wanted, "h", scale=10)
            dx, *rest = op.backward(p.dh, x, wanted, W, p.u, p.dhT, **p.options, norm=norm)
            assert_close(dx, back[0] if mask is None else back[0] * mask, "dx", scale=10)
            for name, one, other in zip(("dW", "du", "db", "dh0"), rest, back[1:], strict=True):
                assert_close(one, other, name, scale=100)  # sums over all of T and B


@pytest.mark.parametrize("name", [name for name in TWINS if backend.get(name).normalises])
def test_a_norm_that_does_not_fit_is_refused(name):
    ops = backend.get(name)
    x, W, v = np.zeros((2, 3, 4)), np.zeros((5, 4)), np.zeros(5)
    good = Norm(np.zeros(4), np.ones(4), np.zeros(4), np.ones((3, 4)))
    ops.indrnn.forward(x, W, v, v, np.zeros((3, 5)), norm=good)
    for name, bad in (("factor", np.ones(5)), ("mask", np.ones(4)), ("mean", np.zeros(4, np.float32))):
        with pytest.raises((ValueError, TypeError), match=f"indrnn.forward: norm.{name} has"):
            ops.indrnn.forward(x, W, v, v, np.zeros((3, 5)), norm=good._replace(**{name: bad}))


@pytest.mark.parametrize("name", [name for name in TWINS if not backend.get(name).normalises])
def test_a_table_without_norm_refuses_one(name):
    given = dict.fromkeys(("x", "W", "u", "b", "h0"))
    norm = Norm(np.zeros(4), np.ones(4), np.zeros(4))
    with pytest.raises(ValueError, match=r"indrnn.forward: norm is given, expected None because"):
        backend.get(name).indrnn.forward(**given, norm=norm)


@pytest.mark.parametrize("T, steps", [(0, 3), (1, 1), (7, 1), (7, 2), (7, 3), (7, 7), (7, 100), (784, 32)])
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("from_the_end", [False, True])
def test_chunks_cover_time_once_in_walking_order(T, steps, n, from_the_end):
    pieces = chunks.cut(T, steps, n, from_the_end)
    walked = [t for s, e in pieces for t in (range(e - 1, s - 1, -1) if from_the_end else range(s, e))]
    assert walked == (list(range(T))[::-1] if from_the_end else list(range(T)))
    assert all(0 < e - s <= steps + 1 for s, e in pieces)  # one more where it starts at an even step
    assert steps <= 2 or all(s % 2 == 0 for s, _ in pieces)
    if 100 * n < T:
        assert len(pieces) % n == 0 and np.ptp([e - s for s, e in pieces]) <= 2  # equal shares


def test_the_chunk_comes_from_the_caches(monkeypatch):
    step, W = 2 * 64 * 4, 64 * 16 * 4  # bytes of the states of a step, and of W
    monkeypatch.setattr(chunks, "threads", lambda: 2)
    for caches, states in [
        ({"L2": 2**20, "L3": 2**25}, 2**19),  # half the L2
        ({"L2": 2**10, "L3": 2**25}, 2**13),  # twice W, which does not fit
        ({"L2": 2**10, "L3": 2**14}, 2**11),  # a quarter of the L3, for two threads
        ({}, 2**19),  # not told: as if the L2 had 1 MiB
    ]:
        monkeypatch.setattr(chunks, "_caches", lambda caches=caches: caches)
        assert chunks.steps_for_blas(step, W, 1) == states // step
    assert chunks.steps_for_blas(2**28, W, 1) == 1
    assert chunks.steps_for_blas(step, W, 2) == 2 * chunks.steps_for_blas(
        step, W, 1
    )  # each turn costs handing over
    for L2, states in ((2**20, 2**18), (2**14, 2**12), (2**5, step)):  # a quarter, and at least a step
        monkeypatch.setattr(chunks, "_caches", lambda L2=L2: {"L2": L2})
        assert chunks.steps_for_tiles(step) == states // step
    monkeypatch.undo()
    assert chunks._caches().get("L2", 2**20) >= 2**15


@each_backend
def test_an_empty_sequence(ops):
    x, W, u, b, h0 = np.empty((0, 2, 3)), np.ones((4, 3)), np.ones(4), np.ones(4), np.ones((2, 4))
    h = ops.indrnn.forward(x, W, u, b, h0)
    assert np.array_equal(h, h0[None])
    dx, dW, du, db, dh0 = ops.indrnn.backward(None, x, h, W, u, h0)
    assert dx.shape == x.shape and not dW.any() and not du.any() and not db.any()
    assert np.array_equal(dh0, h0)


class Recorder:
    """A probe that keeps the chunks it saw, and on which thread."""

    def __init__(self, any_thread):
        self.any_thread, self.spans, self.threads, self.da = any_thread, [], set(), []

    def __call__(self, t0, t1, dh, da):
        self.spans.append((t0, t1))
        self.threads.add(threading.get_ident())
        self.da.append(da.copy())


@pytest.mark.parametrize("reverse", [False, True])
def test_a_probe_is_called_on_other_threads_only_if_it_may_be(monkeypatch, reverse):
    """In walking order either way, with the same chunks' numbers as on one thread."""
    monkeypatch.setattr(threads, "SMALL", 1)
    monkeypatch.setattr(threads, "_chosen", [3])
    monkeypatch.setattr(chunks, "steps_for_blas", lambda *_: 4)  # no thread is done before another begins
    T, B, D, H = 40, 2, 5, 4
    rng = np.random.default_rng(0)
    x, dh = rng.normal(size=(T, B, D)), rng.normal(size=(T, B, H))
    W, u, b, h0 = rng.normal(size=(H, D)), rng.uniform(-1, 1, H), rng.normal(size=H), rng.normal(size=(B, H))
    op = backend.get("cpu").indrnn
    h = op.forward(x, W, u, b, h0, reverse=reverse)
    probes = [Recorder(False), Recorder(True)]
    for probe in probes:
        op.backward(dh, x, h, W, u, reverse=reverse, probe=probe)
        assert probe.spans == sorted(probe.spans, reverse=not reverse)
    alone, shared = probes
    assert alone.threads == {threading.get_ident()}
    assert len(shared.threads) == 3 and len(shared.spans) > 3
    whole = [np.concatenate(probe.da[:: 1 if reverse else -1]) for probe in probes]
    np.testing.assert_array_equal(*whole)
