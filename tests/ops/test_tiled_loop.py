"""The compiled loop over chunks gives the bits of the same steps called one by one, for all chunks and threads."""

import threading

import numba
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import Workspace, recurrent_weight
from tile_kinds import each_kind, needs_tiles, only
from tolerances import assert_close

from indrnn_np._cpu import threads
from indrnn_np._cpu import turns as _turns
from indrnn_np._cpu.jit import njit
from indrnn_np.ops.indrnn import Norm, chunks, cpu, reference, tiled_products

NAMES = ("dx", "dW", "du", "db", "dh0")


def problem(rng, dtype, T, B, kind, padded):
    """Arrays of a cell whose W has whole, low and narrow tiles; kind: x as it is, or with a norm, or a mask too."""
    D, H = 24, 43
    real = lambda *shape: rng.standard_normal(shape).astype(dtype)  # noqa: E731
    mask = (rng.random((B, D)) < 0.5).astype(dtype) * 2 if kind == "masked" else None
    norm = None if kind == "plain" else Norm(real(D), real(D), real(D), mask)
    W, u = (real(H, D) / 8), recurrent_weight(rng, H).astype(dtype)
    lengths = rng.integers(0, T + 1, B) if padded else None
    return real(T, B, D), W, u, real(H), real(B, H), real(T, B, H), real(B, H), norm, lengths


def run(op, given, has_dh, activation, reverse, **more):
    """States, and gradients by name."""
    x, W, u, b, h0, dh, dhT, norm, lengths = given
    options = {"activation": activation, "lengths": lengths, "reverse": reverse, "norm": norm, **more}
    h = op.forward(x, W, u, b, h0, **options).copy()
    found = op.backward(dh if has_dh else None, x, h, W, u, dhT, **options)
    return h, {name: np.array(value) for name, value in zip(NAMES, found, strict=True)}


CASES = [  # kernels are compiled for each
    ("relu", "float32", "plain", True), ("tanh", "float64", "masked", True), ("relu", "float32", "norm", False),
    ("sigmoid", "float32", "masked", True), ("identity", "float64", "plain", False),
]  # fmt: skip


@each_kind
@needs_tiles
@pytest.mark.parametrize("activation, dtype, kind, has_dh", CASES)
@given(T=st.integers(1, 40), B=st.integers(4, 20), steps=st.integers(1, 30), n=st.integers(1, 3),
       seed=st.integers(0, 2**32), padded=st.booleans(), reverse=st.booleans())  # fmt: skip
def test_the_compiled_loop(vectors, activation, dtype, kind, has_dh, T, B, steps, n, seed, padded, reverse):
    with only(vectors), pytest.MonkeyPatch.context() as patch:
        arrays = problem(np.random.default_rng(seed), dtype, T, B, kind, padded)
        patch.setattr(threads, "SMALL", 1)
        patch.setattr(threads, "_chosen", [n])
        patch.setattr(chunks, "steps_for_tiles", lambda step_bytes: steps)
        assume(way(arrays[0], arrays[1], n) == cpu.TILES)
        h, found = run(cpu, arrays, has_dh, activation, reverse, work=Workspace())
        patch.setattr(cpu, "strategy", lambda *_: cpu.BLAS)
        patch.setattr(chunks, "steps_for_blas", lambda *_: steps)
        calls = run(cpu, arrays, has_dh, activation, reverse, work=Workspace())
        assert h.tobytes() == calls[0].tobytes()
        for name, value in calls[1].items():
            assert found[name].tobytes() == value.tobytes(), name
        x, W, u, b, h0, dh, dhT, norm, lengths = arrays
        options = {"activation": activation, "lengths": lengths, "reverse": reverse, "norm": norm}
        assert_close(h, reference.forward(x, W, u, b, h0, **options), "h", scale=10)
        wanted = reference.backward(dh if has_dh else None, x, h, W, u, dhT, **options)
        for name, value in zip(NAMES, wanted, strict=True):
            assert_close(found[name], value, name, scale=100)


@needs_tiles
@pytest.mark.parametrize("strategy", [cpu.TILES, cpu.BLAS])
@pytest.mark.parametrize("kind", ["plain", "norm", "masked"])
def test_without_the_input_gradient_the_others_keep_their_bits(monkeypatch, strategy, kind):
    arrays = problem(np.random.default_rng(0), "float32", 40, 16, kind, padded=kind != "plain")
    assert way(arrays[0], arrays[1]) == cpu.TILES
    monkeypatch.setattr(cpu, "strategy", lambda *_: strategy)
    monkeypatch.setattr(chunks, "steps_for_tiles", lambda *_: 7)
    monkeypatch.setattr(chunks, "steps_for_blas", lambda *_: 7)
    _, expected = run(cpu, arrays, True, "relu", False)
    x, W, u, b, h0, dh, dhT, norm, lengths = arrays
    h = cpu.forward(x, W, u, b, h0, lengths=lengths, norm=norm)
    found = cpu.backward(dh, x, h, W, u, dhT, lengths=lengths, norm=norm, input_gradient=False)
    assert found[0] is None
    for name, value in zip(NAMES[1:], found[1:], strict=True):
        assert value.tobytes() == expected[name].tobytes(), name


def way(x, W, n=1, norm=None, probe=None):
    """The strategy for these arrays on n threads."""
    return cpu.strategy(*x.shape, len(W), x.itemsize, n, norm, probe)


@needs_tiles
def test_the_strategy():
    W, x = np.ones((17, 16)), np.ones((40, 3, 16))
    rows = tiled_products.tile_for(W.shape, 8).rows
    assert way(x, W) == way(x, W, 2) == way(x, W, norm=Norm(*W[:3])) == cpu.TILES
    assert way(x, W[:15]) == cpu.BLAS
    assert way(x[: rows // 3], W) == cpu.BLAS  # fewer rows than a tile has
    assert way(x[:0], W) == cpu.BLAS
    assert way(x, W, probe=print) == cpu.BLAS


def test_few_inputs_need_no_product():
    x, W = np.ones((40, 3, 3)), np.ones((64, 3))
    assert way(x, W) == cpu.FEW_INPUTS
    assert way(x[:, :, :0], W[:, :0]) == way(x[:0], W) == way(x[:, :0], W) == cpu.BLAS  # no element
    assert way(x, W, norm=Norm(*W[:3])) == way(x, W, probe=print) == cpu.BLAS
    assert way(np.ones((40, 3, 4)), np.ones((64, 4))) == cpu.BLAS  # W has fewer than 16 columns


def test_a_large_w_is_left_to_blas():
    assert way(np.ones((1, 9, 3000)), np.ones((3000, 3000))) == cpu.BLAS


@njit
def take_turns(k, n, count, log, place, turns):
    """Each turn writes who has it; the place is common to all."""
    for i in range(k, count, n):
        _turns.wait(turns, i)
        log[place[0]] = k
        place[0] += 1
        _turns.end(turns, i)


compiled = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")


@compiled
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 5, 20_000])
def test_turns_come_in_order_and_see_what_was_written_before(n, count):
    log, place = np.full(count, -1), np.zeros(1, np.int64)
    threads.in_turns(n, 10**6, lambda k, turns: take_turns(k, n, count, log, place, turns))
    assert place[0] == count and log.tolist() == [i % n for i in range(count)]


@compiled
@pytest.mark.parametrize("bad", [0, 1, 2])
def test_an_error_before_a_turn_leaves_nobody_waiting(bad):
    log, place = np.full(100, -1), np.zeros(1, np.int64)
    take_turns(0, 1, 0, log, place, np.zeros(2, np.int64))  # compile it before a thread fails

    def run(k, turns):
        if k == bad:
            raise RuntimeError(f"thread {k}")
        take_turns(k, 3, 100, log, place, turns)

    with pytest.raises(RuntimeError, match=f"thread {bad}"):
        threads.in_turns(3, 10**6, run)
    who = []
    threads.in_turns(3, 10**6, lambda k, _: who.append((k, threading.get_ident())))
    assert sorted(k for k, _ in who) == [0, 1, 2] and len(dict(who)) == 3
