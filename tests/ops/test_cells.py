"""What rnn, lstm and gru have in common: the twin is the reference, padding counts nowhere, threads change little."""

import numpy as np
import pytest
from cell_strategies import CPU, REFERENCE, STATES, each_cell, make, problems
from differences import assert_gradients
from hypothesis import given
from hypothesis import strategies as st
from strategies import Workspace, each_dtype, each_host, with_padding
from tolerances import assert_close, nan_filled

from indrnn_np._cpu import threads
from indrnn_np.ops.indrnn import chunks
from indrnn_np.workspace import Workspace as RealWorkspace

SUMS = 20  # gradients are sums over steps, samples and units that may cancel


def assert_all_close(found, expected, scale):
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert_close(found[name], value, name, scale)


@each_cell
@given(data=st.data())
def test_twin_equals_reference(cell, data):
    p = data.draw(problems(cell))
    expected = p.forward(REFERENCE)
    assert_all_close(p.forward(CPU, Workspace()), expected, scale=4)
    assert_all_close(p.backward(CPU, expected, Workspace()), p.backward(REFERENCE, expected), SUMS)


@each_cell
@pytest.mark.parametrize("n_threads", [1, 3])
@given(data=st.data(), chunk=st.integers(1, 20))
def test_threads_and_chunks_change_only_the_products(cell, n_threads, data, chunk):
    p = data.draw(problems(cell, dtypes=st.just("float64")))
    expected = p.forward(REFERENCE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "SMALL", 1)
        patch.setattr(threads, "_chosen", [n_threads])
        patch.setattr(chunks, "steps_for_blas", lambda *_: chunk)
        assert_all_close(p.forward(CPU, Workspace()), expected, scale=4)
        assert_all_close(p.backward(CPU, expected, Workspace()), p.backward(REFERENCE, expected), SUMS)


@each_cell
@given(data=st.data())
def test_reference_against_differences(cell, data):
    p = data.draw(problems(cell, dtypes=st.just("float64"), smooth=True))
    gradients = p.backward(REFERENCE, p.forward(REFERENCE))
    arrays = {name: p.arrays[name] for name in gradients}
    assert_gradients(p.loss, arrays, gradients, p.rng)


@each_host
@each_cell
@given(data=st.data())
def test_padding_changes_nothing(ops, cell, data):
    p = data.draw(problems(cell))
    kept = p.forward(ops)
    noisy, dh = (
        with_padding(p.arrays["x"], p.valid, np.nan),
        with_padding(p.arrays["dh"], p.valid, np.nan),
    )
    again = p.forward(ops, x=noisy)
    for name, value in kept.items():
        assert np.array_equal(again[name], value), name
        rows = value if name == "gates" else value[1:]
        assert not rows[~p.valid[:, :, 0]].any(), name
    found, seen = p.backward(ops, kept), []
    again = p.backward(ops, kept, x=noisy, dh=dh, probe=lambda *chunk: seen.append([*map(np.copy, chunk)]))
    for name, value in found.items():
        assert np.array_equal(again[name], value), name
    assert not found["x"][~p.valid[:, :, 0]].any()
    for t0, t1, whole, da in seen:
        ended = ~p.valid[t0:t1, :, 0]
        assert not whole[ended].any() and not da[ended].any()


@each_host
@each_cell
@given(data=st.data())
def test_a_sample_is_as_if_it_were_alone(ops, cell, data):
    """Its steps without the padding, in a batch of one, give its states and its part of the gradients."""
    p = data.draw(problems(cell, dtypes=st.just("float64")))
    kept = p.forward(ops)
    found, last = p.backward(ops, kept), p.last(kept)
    b = data.draw(st.integers(0, p.arrays["x"].shape[1] - 1))
    n = int(p.valid[:, b].sum())
    sliced = {name: np.ascontiguousarray(p.arrays[name][:n, b : b + 1]) for name in ("x", "dh")}
    for name in STATES[cell]:
        sliced |= {key: np.ascontiguousarray(p.arrays[key][b : b + 1]) for key in (f"{name}0", f"d{name}T")}
    p.options["lengths"] = None
    alone = p.forward(ops, **sliced)
    gradients = p.backward(ops, alone, **sliced)
    assert_close(alone["h"][1:, 0], kept["h"][1 : n + 1, b], "h")
    assert_close(gradients["x"][:, 0], found["x"][:n, b], "dx", SUMS)
    for name, value in p.last(alone).items():
        assert_close(value[0], last[name][b], f"last {name}")
        assert_close(gradients[f"{name}0"][0], found[f"{name}0"][b], f"d{name}0", SUMS)


@each_host
@each_cell
@given(data=st.data(), cut=st.integers(1, 34))
def test_two_windows_are_one_run(ops, cell, data, cut):
    """With the last states as the first of the next one, and their gradients carried back."""
    p = data.draw(problems(cell, dtypes=st.just("float64")))
    p.options |= {"lengths": None, "reverse": False}
    cut = min(cut, len(p.arrays["x"]))
    kept = p.forward(ops)
    found = p.backward(ops, kept)
    early, late = ({"x": p.arrays["x"][part], "dh": p.arrays["dh"][part]} for part in
                   (slice(None, cut), slice(cut, None)))  # fmt: skip
    first = p.forward(ops, **early)
    late |= {f"{name}0": value for name, value in p.last(first).items()}
    second = p.forward(ops, **late)
    assert_close(np.concatenate([first["h"], second["h"][1:]]), kept["h"], "h")
    after = p.backward(ops, second, **late)
    before = p.backward(ops, first, **early, **{f"d{name}T": after[f"{name}0"] for name in STATES[cell]})
    assert_close(np.concatenate([before["x"], after["x"]]), found["x"], "dx", SUMS)
    for name in set(found) - {"x", "h0", "c0"}:
        assert_close(before[name] + after[name], found[name], name, 10 * SUMS)  # other sums
    for name in STATES[cell]:
        assert_close(before[f"{name}0"], found[f"{name}0"], name, SUMS)


@each_host
@each_cell
@given(data=st.data())
def test_nothing_that_arrives_is_zero(ops, cell, data):
    """dh=None, dhT=None and dcT=None are gradients of zeros."""
    p = data.draw(problems(cell))
    kept = p.forward(ops)
    for names in ([f"d{name}T" for name in STATES[cell]], ["dh"]):
        nothing = dict.fromkeys(names)
        zeros = {name: np.zeros_like(p.arrays[name]) for name in names}
        found, expected = p.backward(ops, kept, **nothing), p.backward(ops, kept, **zeros)
        assert all(np.array_equal(found[name], expected[name]) for name in expected)


@each_host
@each_cell
@given(data=st.data())
def test_the_probe_sees_the_whole_gradient_on_the_states(ops, cell, data):
    """It is the gradient of what is read from step t on, with h_t as the initial state of a run of its own."""
    p = data.draw(problems(cell, dtypes=st.just("float64")))
    p.options |= {"lengths": None, "reverse": False}
    kept = p.forward(ops)
    T, B, H = p.arrays["dh"].shape
    whole, da = nan_filled((T, B, H), "float64"), nan_filled((T, B, len(p.arrays["U"])), "float64")

    def probe(t0, t1, on_states, on_pre_activations):
        whole[t0:t1], da[t0:t1] = on_states, on_pre_activations

    found = p.backward(ops, kept, probe=probe)
    t = data.draw(st.integers(0, T - 1))
    rest = {"x": p.arrays["x"][t + 1 :], "dh": p.arrays["dh"][t + 1 :], "h0": kept["h"][t + 1]}
    rest |= {"c0": kept["c"][t + 1]} if cell == "lstm" else {}
    later = p.backward(ops, p.forward(ops, **rest), **rest)
    assert_close(whole[t], p.arrays["dh"][t] + later["h0"], "whole gradient", SUMS)
    assert_close(da @ p.arrays["W"], found["x"], "dx", SUMS)
    if cell != "gru" and t + 1 < T:
        assert_close(p.arrays["dh"][t] + da[t + 1] @ p.arrays["U"], whole[t], "from da", SUMS)


@each_cell
@each_dtype
def test_runs_are_equal_bit_for_bit(cell, dtype):
    p = make(cell, np.random.default_rng(0), 40, 6, 3, 24, dtype, lengths=np.array([40, 0, 3, 17, 40, 39]))
    runs = []
    for _ in range(2):
        kept = p.forward(CPU)
        runs.append([*kept.values(), *p.backward(CPU, kept).values()])
    assert all(one.tobytes() == other.tobytes() for one, other in zip(*runs, strict=True))


@each_cell
def test_nan_stays_where_it_comes_from(cell):
    """In the sample and the steps after it, in the states and in the sample's own gradients."""
    p = make(cell, np.random.default_rng(1), 9, 3, 2, 8)
    x = p.arrays["x"].copy()
    x[4, 1] = np.nan
    for ops in (REFERENCE, CPU):
        h = p.forward(ops, x=x)["h"]
        expected = np.zeros(h.shape, bool)
        expected[5:, 1] = True
        assert np.array_equal(np.isnan(h), expected)


@each_cell
def test_large_arrays_live_in_the_workspace(cell):
    p = make(cell, np.random.default_rng(2), 64, 4, 3, 32, "float32")
    forward, backward = RealWorkspace(), RealWorkspace()
    for _ in range(2):
        kept = p.forward(CPU, forward)
        p.backward(CPU, kept, backward)
    sizes = [work.nbytes for work in (forward, backward)]
    before = p.backward(CPU, p.forward(CPU, forward), backward)
    assert sizes == [work.nbytes for work in (forward, backward)]
    assert all(np.shares_memory(forward.array(n, v.shape, v.dtype), v) for n, v in kept.items())
    assert np.shares_memory(backward.array("dx", before["x"].shape, "float32"), before["x"])


@each_host
@each_cell
def test_an_empty_sequence(ops, cell):
    p = make(cell, np.random.default_rng(3), 0, 2, 3, 4)
    kept = p.forward(ops)
    found = p.backward(ops, kept, dh=None)
    for name in STATES[cell]:
        assert np.array_equal(kept[name], p.arrays[f"{name}0"][None])
        assert np.array_equal(found[f"{name}0"], p.arrays[f"d{name}T"])
    assert found["x"].shape == (0, 2, 3) and not found["W"].any() and not found["U"].any()


@each_cell
def test_weights_that_do_not_fit_are_told_apart(cell):
    p = make(cell, np.random.default_rng(4), 2, 2, 3, 4)
    U = np.zeros((5, 4))
    with pytest.raises(
        ValueError, match=rf"{cell}\.forward: U has shape \(5, 4\), expected \({len(p.arrays['U'])}, 4\)"
    ):
        p.forward(CPU, U=U)
    with pytest.raises(
        ValueError, match=rf"{cell}\.backward: h has shape \(2, 2, 4\), expected \(3, 2, 4\) to match x"
    ):
        p.backward(CPU, p.forward(CPU) | {"h": np.zeros((2, 2, 4))})
