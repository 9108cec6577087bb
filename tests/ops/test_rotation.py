"""Rotating pairs of neurons: independent oracles, the twin, padding, and bits for any number of threads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter
from strategies import each_dtype, serving
from tolerances import assert_close

from indrnn_np import backend
from indrnn_np._cpu import threads
from indrnn_np.ops.catalogue import Draw
from indrnn_np.ops.rotation import contract, cpu, reference

each_table = serving("rotation")
seeds = st.integers(0, 2**20)


def problem(seed, T=40, B=3, H=6, dtype="float64", **ends):
    rng = np.random.default_rng(seed)
    p = contract.draw(Draw(rng, dtype, T=T, B=B, H=H), **ends)
    return p, rng.standard_normal((T, B, H)).astype(dtype), rng.standard_normal((B, H)).astype(dtype)


def as_complex(z):
    x, y = np.split(z, 2, axis=-1)
    return x + 1j * y


@each_table
@given(seed=seeds, T=st.integers(1, 50), n=st.integers(1, 9))
def test_states_are_a_complex_filter(ops, seed, T, n):
    """scipy's filter 1 / (1 - λ z⁻¹) with complex coefficients gives the same states."""
    p, _, _ = problem(seed, T, 2, 2 * n)
    h = as_complex(ops.rotation.forward(**p))
    a, u, h0 = (as_complex(p[name]) for name in ("a", "u", "h0"))
    for j in range(n):
        expected = lfilter([1.0], [1.0, -u[j]], a[:, :, j], axis=0, zi=(u[j] * h0[:, j])[None])[0]
        assert_close(h[1:, :, j].real, expected.real, scale=40)
        assert_close(h[1:, :, j].imag, expected.imag, scale=40)


@each_table
def test_a_quarter_turn_has_period_four(ops):
    """λ = i: (x, y) becomes (-y, x), and a unit input returns after four steps."""
    a = np.zeros((9, 1, 2))
    a[0, 0, 0] = 1
    h = ops.rotation.forward(a, np.array([0.0, 1.0]), np.zeros((1, 2)))
    assert [tuple(row) for row in h[1:6, 0]] == [(1, 0), (0, 1), (-1, 0), (0, -1), (1, 0)]


@each_dtype
@given(
    seed=seeds, T=st.integers(0, 40), B=st.integers(0, 5), n=st.integers(0, 20), lengths=st.booleans(),
    reverse=st.booleans(), has_dh=st.booleans(), has_dhT=st.booleans(), count=st.sampled_from((1, 3)),
)  # fmt: skip
def test_twin_equals_reference_on_any_threads(dtype, seed, T, B, n, lengths, reverse, has_dh, has_dhT, count):
    lengths = lengths and B > 0
    p, dh, dhT = problem(seed, T, B, 2 * n, dtype, lengths=lengths, reverse=reverse)
    h, ends = reference.forward(**p), (p["lengths"], reverse)
    dh, dhT = dh if has_dh else None, dhT if has_dhT else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "SMALL", 1)
        patch.setattr(threads, "_chosen", [count])
        assert_close(cpu.forward(**p), h, scale=4)
        found = cpu.backward(dh, h, p["u"], dhT, *ends)
        patch.setattr(threads, "_chosen", [1])
        alone = cpu.backward(dh, h, p["u"], dhT, *ends)
    for one, other in zip(found, alone, strict=True):
        assert np.array_equal(one, other)
    for value, expected in zip(found, reference.backward(dh, h, p["u"], dhT, *ends), strict=True):
        assert_close(value, expected, scale=40)


@each_table
@given(seed=seeds, reverse=st.booleans())
def test_padding_and_place_change_nothing(ops, seed, reverse):
    """NaN beyond a sample's length is not read; h may take the place of a."""
    p, dh, dhT = problem(seed, lengths=True, reverse=reverse)
    h = ops.rotation.forward(**p)
    padding = np.arange(40)[:, None] >= p["lengths"]
    assert not h[1:][padding].any()
    place = np.full_like(h, np.nan)
    place[1:] = np.where(padding[..., None], np.nan, p["a"])
    again = ops.rotation.forward(**p | {"a": place[1:], "out": place})
    assert np.array_equal(again, h)
    found = ops.rotation.backward(dh, h, p["u"], dhT, p["lengths"], reverse)
    dh[padding] = np.nan
    out = np.full_like(dh, np.nan)
    for one, other in zip(
        ops.rotation.backward(dh, h, p["u"], dhT, p["lengths"], reverse, out), found, strict=True
    ):
        assert np.array_equal(one, other)


@each_table
def test_an_odd_number_of_units_is_refused(ops):
    with pytest.raises(ValueError, match=r"rotation.forward: u has shape \(3,\), expected an even number"):
        ops.rotation.forward(np.zeros((2, 1, 3)), np.zeros(3), np.zeros((1, 3)))


@given(seed=seeds, reverse=st.booleans())
def test_tangent_is_the_adjoint_of_backward(seed, reverse):
    """⟨dh, ḣ⟩ = ⟨da, ȧ⟩ + ⟨du, u̇⟩ + ⟨dh0, ḣ0⟩."""
    p, dh, _ = problem(seed, lengths=True, reverse=reverse)
    rng, h, ends = np.random.default_rng(seed), reference.forward(**p), (p["lengths"], reverse)
    dots = [rng.standard_normal(p[name].shape) for name in ("a", "u", "h0")]
    h_dot = backend.get("cpu").tangent("rotation")(dots[0], h, p["u"], *dots[1:], *ends)
    total = sum(np.vdot(g, d) for g, d in zip(cpu.backward(dh, h, p["u"], None, *ends), dots, strict=True))
    sizes = np.abs(dh * h_dot[1:]).sum()
    assert abs(np.vdot(dh, h_dot[1:]) - total) < 1e-10 * sizes
