"""What holds for the recurrence and the cell whatever the numbers: chunks, direction, samples, linearity, NaN."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    Recurrence,
    Workspace,
    assert_sums_close,
    each_activation,
    each_backend,
    each_dtype,
    each_twin,
    recurrences,
)
from tolerances import assert_close, nan_filled

from indrnn_np import backend
from indrnn_np._cpu import threads
from indrnn_np.ops.indrnn import chunks
from indrnn_np.ops.indrnn import cpu as indrnn_cpu


def equal(actual, expected):
    """Equal bit for bit, but for the sign of zero."""
    assert actual.dtype == expected.dtype
    assert np.array_equal(actual, expected, equal_nan=True)


def cut(data, T):
    """Some way to cut T steps into pieces [s, e)."""
    cuts = sorted(data.draw(st.sets(st.integers(1, T), max_size=4)) | {T})
    return list(zip([0, *cuts], cuts, strict=False))


@each_backend
@given(data=st.data())
def test_chunks_give_the_bits_of_one_run(ops, data):
    p = data.draw(recurrences(lengths=False))
    p.options["reverse"] = False
    T, activation = len(p.a), p.options["activation"]
    pieces = cut(data, T)
    h = p.forward(ops)
    pieced = nan_filled(h.shape, h.dtype)
    pieced[0] = p.h0
    for s, e in pieces:
        ops.recurrence.forward(p.a[s:e], p.u, pieced[s], activation, out=pieced[s : e + 1])
    equal(pieced, h)
    da, du, dh0 = p.backward(ops, h)
    pieced, carry, sums = nan_filled(da.shape, da.dtype), p.dhT, np.zeros_like(du)
    for s, e in pieces[::-1]:
        dh, states = p.dh[s:e], h[s : e + 1]
        _, part, carry = ops.recurrence.backward(dh, states, p.u, carry, activation, out=pieced[s:e])
        sums += part
    equal(pieced, da)
    equal(carry, dh0)
    assert_sums_close(sums, du, (np.abs(da) * np.abs(h[:-1])).sum(axis=(0, 1)))


@each_backend
@given(data=st.data())
def test_chunks_from_the_end_give_the_bits_of_one_reverse_run(ops, data):
    p = data.draw(recurrences(lengths=False))
    p.options["reverse"] = True
    pieces = cut(data, len(p.a))
    h = p.forward(ops)
    state = p.h0
    for s, e in pieces[::-1]:
        part = ops.recurrence.forward(p.a[s:e], p.u, state, **p.options)
        equal(part[1:], h[s + 1 : e + 1])
        state = ops.recurrence.last(part, reverse=True)
    da, _, dh0 = p.backward(ops, h)
    carry = p.dhT
    for s, e in pieces:
        first = h[e + 1] if e < len(p.a) else p.h0
        states = np.concatenate([first[None], h[s + 1 : e + 1]])
        part, _, carry = ops.recurrence.backward(p.dh[s:e], states, p.u, carry, **p.options)
        equal(part, da[s:e])
    equal(carry, dh0)


@given(p=recurrences(), rows=st.integers(1, 40))
def test_any_chunk_size_of_the_cell_gives_the_bits_of_the_bare_recurrence(p, rows):
    """W = 1 makes the product exact in any BLAS kernel: what is left is the recurrence."""
    T, _, H = p.a.shape
    zero, one = np.zeros(H, p.a.dtype), np.eye(H, dtype=p.a.dtype)
    results = []
    for size in (rows, T):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(chunks, "steps_for_blas", lambda *_, size=size: size)
            h = indrnn_cpu.forward(p.a, one, p.u, zero, p.h0, **p.options)
            seen = nan_filled(p.a.shape, p.a.dtype)

            def probe(t0, t1, dh, da, seen=seen):
                seen[t0:t1] = da

            dx, dW, du, db, dh0 = indrnn_cpu.backward(p.dh, p.a, h, one, p.u, p.dhT, **p.options, probe=probe)
            results.append((h, seen, du, db, dh0, dx, dW))
    for one_size, all_at_once in zip(results[0][:5], results[1][:5], strict=True):
        equal(one_size, all_at_once)
    bare = backend.get("cpu").recurrence
    h = bare.forward(p.a, p.u, p.h0, **p.options)
    for ours, theirs in zip(
        (results[0][i] for i in (0, 1, 2, 4)),
        (h, *bare.backward(p.dh, h, p.u, p.dhT, **p.options)),
        strict=True,
    ):
        equal(ours, theirs)
    equal(results[0][5], results[0][1])  # dx = da W
    size = np.einsum("tbh,tbd->hd", np.abs(results[0][1]), np.abs(p.a))
    assert_sums_close(results[0][6], results[1][6], size, "dW")


@each_dtype
@each_activation
@pytest.mark.parametrize("lengths", [None, np.array([9, 0, 4])], ids=["full", "lengths"])
def test_any_number_of_threads_gives_the_same_bits(monkeypatch, dtype, activation, lengths):
    rng, T, B, H = np.random.default_rng(0), 9, 3, 133
    shapes = {"a": (T, B, H), "h0": (B, H), "dh": (T, B, H), "dhT": (B, H)}
    arrays = {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
    arrays["u"] = rng.uniform(-1, 1, H).astype(dtype)
    p = Recurrence(
        rng, arrays, {"activation": activation, "lengths": lengths, "reverse": lengths is not None}
    )
    monkeypatch.setattr(threads, "SMALL", 1)
    results, ops = [], backend.get("cpu")
    for n in (1, 2, 3):
        monkeypatch.setattr(threads, "_chosen", [n])
        h = p.forward(ops)
        y, mean, var = ops.batchnorm.forward(p.a, p.u, p.u, lengths=lengths)
        back = ops.batchnorm.backward(p.dh, p.a, mean, var, p.u, lengths=lengths)
        dropped = ops.dropout.forward(p.a, 0.5, (1, 2, 3))
        results.append((h, *p.backward(ops, h), y, mean, var, *back, dropped))
    for result in results[1:]:
        for one, other in zip(result, results[0], strict=True):
            equal(one, other)


@given(p=recurrences(), rows=st.integers(1, 40))
def test_threads_that_share_the_cell_change_no_bit(p, rows):
    """W = 1 again; threads take turns with chunks, or share the samples where there are few inputs."""
    H = p.a.shape[2]
    zero, one, results = np.zeros(H, p.a.dtype), np.eye(H, dtype=p.a.dtype), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "SMALL", 1)
        patch.setattr(chunks, "steps_for_blas", lambda *_: rows)
        for n in (1, 2, 3):
            patch.setattr(threads, "_chosen", [n])
            work = Workspace()
            h = indrnn_cpu.forward(p.a, one, p.u, zero, p.h0, **p.options, work=work)
            dx, dW, du, db, dh0 = indrnn_cpu.backward(p.dh, p.a, h, one, p.u, p.dhT, **p.options, work=work)
            results.append((h, du, db, dh0, dx.copy(), dW))
    for result in results[1:]:
        for threaded, single in zip(result[:5], results[0][:5], strict=True):
            equal(threaded, single)
        size = np.einsum("tbh,tbd->hd", np.abs(results[0][4]), np.abs(p.a))
        assert_sums_close(result[5], results[0][5], size, "dW")


@each_twin
@given(p=recurrences(), rows=st.integers(1, 40))
def test_the_probe_sees_every_chunk_once(ops, p, rows):
    cell = p.cell()
    W, x = cell["W"], cell["x"]
    h = ops.indrnn.forward(x, W, p.u, cell["b"], p.h0, **p.options)
    seen, count = nan_filled(p.a.shape, p.a.dtype), np.zeros(len(p.a), int)

    def probe(t0, t1, dh, da):
        assert da.shape == p.a[t0:t1].shape and np.shares_memory(dh, p.dh)
        seen[t0:t1], count[t0:t1] = da, count[t0:t1] + 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "steps_for_blas", lambda *_: rows)
        ops.indrnn.backward(p.dh, x, h, W, p.u, p.dhT, **p.options, probe=probe)
    assert (count == 1).all()
    equal(seen, p.backward(ops, h)[0])


@each_backend
@given(p=recurrences(lengths=False))
def test_reverse_is_forward_on_flipped_time(ops, p):
    p.options["reverse"] = False
    h = p.forward(ops)
    da, du, dh0 = p.backward(ops, h)
    p.options["reverse"] = True
    flipped = p.forward(ops, a=p.a[::-1].copy())
    equal(flipped[0], h[0])
    equal(flipped[:0:-1], h[1:])
    da_flipped, du_flipped, dh0_flipped = p.backward(ops, flipped, dh=p.dh[::-1].copy())
    equal(da_flipped[::-1], da)
    equal(dh0_flipped, dh0)
    assert_sums_close(
        du_flipped, du, (np.abs(da) * np.abs(h[:-1])).sum(axis=(0, 1)), "du"
    )  # summed from the other end


@each_backend
@given(p=recurrences())
def test_with_lengths_every_sample_is_as_if_it_were_alone(ops, p):
    T, B, _ = p.a.shape
    ends = p.options["lengths"] = p.rng.integers(0, T + 1, B)
    h = p.forward(ops)
    da, du, dh0 = p.backward(ops, h)
    alone = {"activation": p.options["activation"], "reverse": p.options["reverse"]}
    total, size = np.zeros(p.u.shape), np.zeros(p.u.shape)
    for b, n in enumerate(ends):
        one = slice(b, b + 1)
        h_b = ops.recurrence.forward(p.a[:n, one].copy(), p.u, p.h0[one].copy(), **alone)
        assert_close(h[: n + 1, one], h_b)
        if not n:
            assert np.array_equal(dh0[b], p.dhT[b])
            continue
        states = h[: n + 1, one].copy()
        found = ops.recurrence.backward(p.dh[:n, one].copy(), states, p.u, p.dhT[one].copy(), **alone)
        assert_close(da[:n, one], found[0])
        assert_sums_close(dh0[one], found[2], [np.abs(found[0]).max(), np.abs(found[2]).max()])
        total += found[1]
        before = np.maximum(np.abs(states).max(axis=0), np.abs(states))[:n, 0]
        size += (np.abs(found[0][:, 0]) * before).sum(axis=0)
    assert_sums_close(du, total.astype(du.dtype), size + 1e-30, "du")


@each_backend
@given(p=recurrences())
def test_samples_do_not_see_each_other(ops, p):
    h = p.forward(ops)
    found = p.backward(ops, h)
    a, h0, dh = p.a.copy(), p.h0.copy(), p.dh.copy()
    a[:, 1:], h0[1:], dh[:, 1:] = 7.0, -3.0, 2.0
    other = p.forward(ops, a=a, h0=h0)
    equal(other[:, 0], h[:, 0])
    again = p.backward(ops, other, dh=dh)
    equal(again[0][:, 0], found[0][:, 0])
    equal(again[2][0], found[2][0])


@each_backend
@given(p=recurrences())
def test_neurons_do_not_see_each_other(ops, p):
    h = p.forward(ops)
    a, u = p.a.copy(), p.u.copy()
    a[:, :, 1:], u[1:] = -5.0, 0.25
    equal(p.forward(ops, a=a, u=u)[:, :, 0], h[:, :, 0])


@each_backend
@given(p=recurrences())
def test_without_recurrence_every_step_is_alone(ops, p):
    u = np.zeros_like(p.u)
    h = p.forward(ops, u=u)
    p.options["reverse"] = not p.options["reverse"]
    equal(p.forward(ops, u=u)[1:], h[1:])
    p.options["lengths"] = None
    order = p.rng.permutation(len(p.a))
    equal(p.forward(ops, u=u, a=p.a[order])[1:], p.forward(ops, u=u)[1:][order])
    da, _, dh0 = p.backward(ops, p.forward(ops, u=u), u=u, dhT=None)
    assert not dh0.any()
    shuffled = p.forward(ops, u=u, a=p.a[order])
    equal(p.backward(ops, shuffled, u=u, dhT=None, dh=p.dh[order])[0], da[order])


@each_backend
@given(p=recurrences())
def test_no_gradient_is_a_gradient_of_zeros(ops, p):
    h = p.forward(ops)
    for name in ("dh", "dhT"):
        without = p.backward(ops, h, **{name: None})
        zeros = p.backward(ops, h, **{name: np.zeros_like(p.arrays[name])})
        for one, other, size in zip(without, zeros, p.sizes(zeros[0], h), strict=True):
            assert_sums_close(one, other, size)  # two kernels for dh: rounding may differ
    assert not any(found.any() for found in p.backward(ops, h, dh=None, dhT=None))


@each_backend
@given(p=recurrences(dtypes=st.just("float64")))
def test_backward_is_linear_in_the_gradients(ops, p):
    h = p.forward(ops)
    other_dh, other_dhT = p.rng.standard_normal(p.dh.shape), p.rng.standard_normal(p.dhT.shape)
    first, second = p.backward(ops, h), p.backward(ops, h, dh=other_dh, dhT=other_dhT)
    both = p.backward(ops, h, dh=2 * p.dh - 3 * other_dh, dhT=2 * p.dhT - 3 * other_dhT)
    sizes = (1, (1 + np.abs(h)).max() * h.size, 1)
    for found, one, other, size in zip(both, first, second, sizes, strict=True):
        scale = size * (1 + np.abs(one).max() + np.abs(other).max() + np.abs(first[0]).max())
        assert_sums_close(found, 2 * one - 3 * other, scale)
