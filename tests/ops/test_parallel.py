"""The scan over time against float64, against the serial recurrence, and bit for bit where it promises equal bits."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    BACKENDS,
    DTYPES,
    HOSTS,
    REFERENCE,
    assert_same_gates,
    assert_sums_close,
    each_activation,
    each_dtype,
    recurrences,
    with_padding,
)
from tolerances import assert_close, nan_filled

from indrnn_np._cpu import threads, tiles
from indrnn_np._gradcheck.hosted import hosted
from indrnn_np.ops.recurrence import parallel_lanes, scan, single_pass

NAMES = BACKENDS
SCANS = [hosted(name).parallel("recurrence") for name in NAMES]
each_scan = pytest.mark.parametrize("ops", SCANS, ids=NAMES)


class SinglePass:
    """The CUDA scan with chunks that pass their states on in one launch, however few the columns."""

    def __getattr__(self, name):
        def call(*arguments, **options):
            single_pass.force = True
            try:
                return getattr(hosted("cuda").parallel("recurrence"), name)(*arguments, **options)
            finally:
                single_pass.force = None

        return call


FORMS = [*SCANS, SinglePass()] if "cuda" in NAMES else SCANS
each_form = pytest.mark.parametrize("ops", FORMS, ids=[*NAMES, "single pass"][: len(FORMS)])
chunks = st.sampled_from([1, 2, 5, 16, 64])


def columns(kind, rng, T, N):
    """Recurrent weights of the accuracy table in docs/time-parallel.md."""
    bound = 2 ** (1 / T)
    weights = {
        "uniform": rng.uniform(-bound, bound, N),
        "long": rng.uniform(0.95, 1, N),
        "bound": np.full(N, bound),
        "one": np.ones(N),
        "minus one": -np.ones(N),
    }
    return weights[kind].astype("float32")


def error_of(h, exact):
    """Largest error of all columns, in units of the column's largest state."""
    size = np.abs(exact).max(axis=0, initial=1e-30)
    return (np.abs(h - exact).max(axis=0) / size).max()


def assert_as_accurate(found, serial, exact):
    """The error against float64 is at most 1.5 times the serial one plus 2 ulp."""
    assert error_of(found, exact) <= 1.5 * error_of(serial, exact) + 2 * np.finfo(found.dtype).eps


@each_scan
@pytest.mark.parametrize("name", ["forward", "backward"])
def test_the_signature_is_that_of_the_serial_form_and_two_options(ops, name):
    serial = list(inspect.signature(getattr(REFERENCE.recurrence, name)).parameters)
    assert list(inspect.signature(getattr(ops, name)).parameters) == [*serial, "report", "chunk"]


@each_form
@given(problem=recurrences(), L=chunks)
def test_agrees_with_the_serial_form(ops, problem, L):
    report = {}
    h = problem.forward(REFERENCE)
    a = with_padding(problem.a, problem.valid, np.nan)
    found = ops.forward(a, problem.u, problem.h0, **problem.options, report=report, chunk=L)
    assert_close(found, h)
    assert_same_gates(found, h)
    assert report["chunk"] == L and report["chunks"] == -(-len(a) // L)
    dh = with_padding(problem.dh, problem.valid, np.nan)
    result = ops.backward(dh, h, problem.u, problem.dhT, **problem.options, chunk=L)
    expected = problem.backward(REFERENCE, h)
    sizes = problem.sizes(expected[0], h)
    for name, one, other, size in zip(("da", "du", "dh0"), result, expected, sizes, strict=True):
        assert_sums_close(one, other, np.asarray(size), name)


@pytest.mark.parametrize("name", NAMES)
@each_activation
@given(problem=recurrences(dtypes=st.just("float32")), L=chunks)
def test_is_as_accurate_as_the_serial_form(name, activation, problem, L):
    problem.options["activation"] = activation
    doubles = [problem.arrays[name].astype("float64") for name in ("a", "u", "h0")]
    exact, serial = REFERENCE.recurrence.forward(*doubles, **problem.options), problem.forward(hosted(name))
    ops = hosted(name).parallel("recurrence")
    found = ops.forward(problem.a, problem.u, problem.h0, **problem.options, chunk=L)
    assert_as_accurate(found, serial, exact)


@pytest.mark.parametrize("kind", ["uniform", "long", "bound", "one", "minus one"])
@pytest.mark.parametrize("mean", [0.0, 0.1])
def test_long_sequences_are_as_accurate_with_the_same_gates(kind, mean):
    """benchmarks/scan_accuracy.py measures all cases, up to T = 100,000."""
    rng, T, N, L = np.random.default_rng(3), 5000, 16, 256
    a = rng.normal(mean, 0.5, (T, 1, N)).astype("float32")
    u, h0 = columns(kind, rng, T, N), np.zeros((1, N), "float32")
    exact = REFERENCE.recurrence.forward(a.astype("float64"), u.astype("float64"), h0.astype("float64"))
    for name in HOSTS:
        found = hosted(name).parallel("recurrence").forward(a, u, h0, chunk=L)
        assert_as_accurate(found, hosted(name).recurrence.forward(a, u, h0), exact)
        assert ((found > 0) == (exact > 0)).all()


def test_tanh_takes_two_passes_and_keeps_the_serial_bits():
    rng, T, N = np.random.default_rng(0), 10_000, 16
    a, h0 = rng.standard_normal((T, 1, N)).astype("float32"), np.zeros((1, N), "float32")
    u, report = rng.uniform(0, 2 ** (1 / T), N).astype("float32"), {}
    h = hosted("reference").parallel("recurrence").forward(a, u, h0, "tanh", report=report)
    assert report == {"chunk": 256, "chunks": 40, "passes": 2, "serial columns": 0, "exact columns": N}
    assert (h == REFERENCE.recurrence.forward(a, u, h0, "tanh")).all()


@pytest.mark.parametrize("name", NAMES)
@each_activation
@each_dtype
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_exact_columns_have_the_bits_of_the_serial_form(name, activation, dtype, reverse):
    """The report counts them; one chunk, and a column that is computed serially, are always exact."""
    rng, ops = np.random.default_rng(1), hosted(name)
    a, u = rng.standard_normal((50, 2, 6)).astype(dtype), np.linspace(-1.01, 1.01, 6).astype(dtype)
    h0 = rng.standard_normal((2, 6)).astype(dtype)
    for L in (8, 64):
        report = {}
        h = ops.parallel("recurrence").forward(a, u, h0, activation, None, reverse, None, report, L)
        same = (h == ops.recurrence.forward(a, u, h0, activation, None, reverse)).all(axis=0)
        assert np.count_nonzero(same) >= report["exact columns"]
        assert L == 8 or report["exact columns"] == 12


@each_form
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_chunks_beyond_a_sample_keep_its_state(ops, reverse):
    """With u = 0, each time step forgets the state, and a chunk without time steps does not."""
    a, h0, report = np.ones((32, 2, 1)), np.full((2, 1), -2.0), {}
    h = ops.forward(a, np.zeros(1), h0, lengths=np.array([3, 0]), reverse=reverse, report=report, chunk=8)
    assert (h[1:4, 0] == 1).all() and not h[4:].any() and not h[1:, 1].any()
    assert report["exact columns"] == 2 and report["serial columns"] == 0


@each_form
@each_activation
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_in_place(ops, activation, reverse):
    rng = np.random.default_rng(0)
    a, h0 = rng.standard_normal((21, 3, 5)), rng.standard_normal((3, 5))
    u = np.array([1, -1, 0, 0.5, 1e4])  # of the last column, u^L is beyond LIMIT
    for lengths in (None, np.array([5, 0, 21])):
        expected = ops.forward(a, u, h0, activation, lengths, reverse, chunk=8)
        out = nan_filled(expected.shape, "float64")
        out[1:] = a
        assert ops.forward(out[1:], u, h0, activation, lengths, reverse, out, chunk=8) is out
        np.testing.assert_array_equal(out, expected)
        da = nan_filled(a.shape, "float64")
        assert ops.backward(a, expected, u, None, activation, lengths, reverse, da, chunk=8)[0] is da
        assert np.isfinite(da).all()


@each_form
@each_activation
@each_dtype
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_nan_and_inf_pass_as_in_the_serial_form(ops, activation, dtype, reverse):
    a = np.zeros((6, 2, 4), dtype)
    a[1] = a[4] = [[np.nan, np.inf, -np.inf, 1], [np.nan, np.inf, -np.inf, 1]]
    u, h0 = np.array([1, 0.5, 0.5, 1], dtype), np.array([[1, 1, 1, np.nan], [0, 0, 0, np.inf]], dtype)
    kw = {"activation": activation, "reverse": reverse}
    with np.errstate(all="ignore"):
        expected = REFERENCE.recurrence.forward(a, u, h0, **kw)
        dh = np.ones_like(a)
        dh[2, :, 1] = np.nan
        wanted = REFERENCE.recurrence.backward(dh, expected, u, None, **kw)
        h = ops.forward(a, u, h0, **kw, chunk=2)
        found = ops.backward(dh, expected, u, None, **kw, chunk=2)
    assert_close(h, expected)
    for one, other in zip(found, wanted, strict=True):
        assert_close(one, other)


@each_form
def test_columns_without_a_safe_map_are_computed_serially(ops):
    """u^L beyond LIMIT; NaN; and states that Newton's method does not find in PASSES passes."""
    rng, report = np.random.default_rng(0), {}
    a, h0 = rng.standard_normal((96, 1, 3)), np.zeros((1, 3))
    a[40, 0, 2] = np.nan
    h = ops.forward(a, np.array([50.0, 0.5, 0.5]), h0, report=report, chunk=32)
    assert report["serial columns"] == 2
    assert_close(h, REFERENCE.recurrence.forward(a, np.array([50.0, 0.5, 0.5]), h0))
    u = np.array([1.0, 2.0, 0.1])
    h = ops.forward(0.01 * np.nan_to_num(a), u, h0, "tanh", report=report, chunk=2)
    assert report["serial columns"] > 0 and report["passes"] == scan.PASSES
    assert_close(h, REFERENCE.recurrence.forward(0.01 * np.nan_to_num(a), u, h0, "tanh"))


@each_form
@each_activation
def test_a_column_depends_on_no_other_column(ops, activation):
    rng = np.random.default_rng(2)
    a, u, h0 = rng.standard_normal((40, 2, 3)), np.array([1.0, -0.9, 0.3]), rng.standard_normal((2, 3))
    h = ops.forward(a, u, h0, activation, chunk=8)
    da, _, dh0 = ops.backward(a, h, u, h0, activation, chunk=8)
    part = [np.ascontiguousarray(array[..., 1:, 2:]) for array in (a, h0)]
    h_part = ops.forward(part[0], u[2:], part[1], activation, chunk=8)
    da_part, _, dh0_part = ops.backward(part[0], h_part, u[2:], part[1], activation, chunk=8)
    for one, other in ((h, h_part), (da, da_part), (dh0, dh0_part)):
        np.testing.assert_array_equal(one[..., 1:, 2:], other)


@each_scan
@pytest.mark.parametrize("T", [0, 1])
def test_sequences_without_a_second_chunk(ops, T):
    a, u, h0 = np.ones((T, 2, 3)), np.full(3, 0.5), np.full((2, 3), -2.0)
    h = ops.forward(a, u, h0, lengths=np.array([0, T]))
    assert_close(h, REFERENCE.recurrence.forward(a, u, h0, lengths=np.array([0, T])))
    da, du, dh0 = ops.backward(None, h, u, h0, lengths=np.array([0, T]))
    expected = REFERENCE.recurrence.backward(None, h, u, h0, lengths=np.array([0, T]))
    for one, other in zip((da, du, dh0), expected, strict=True):
        assert_close(one, other)


def test_the_number_of_threads_changes_no_bit():
    rng, ops = np.random.default_rng(0), hosted("cpu").parallel("recurrence")
    a, u = rng.standard_normal((9000, 4, 16)).astype("float32"), np.linspace(-1, 1, 16, dtype="float32")
    h0, results, before = np.zeros((4, 16), "float32"), [], threads.threads()
    try:
        for n in (1, 2, 2):
            threads.set_threads(n)
            h = ops.forward(a, u, h0)
            results.append((h, *ops.backward(a, h, u)))
    finally:
        threads.set_threads(before)
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


@each_scan
@pytest.mark.parametrize("dtype", DTYPES)
def test_wrong_options_are_refused(ops, dtype):
    a, u, h0 = np.ones((3, 2, 1), dtype), np.ones(1, dtype), np.ones((2, 1), dtype)
    with pytest.raises(ValueError, match=r"recurrence\.forward: chunk is 0, expected a number of at least 1"):
        ops.forward(a, u, h0, chunk=0)
    with pytest.raises(ValueError, match=r"recurrence\.forward: report is 1, expected a dict or None"):
        ops.forward(a, u, h0, report=1)
    with pytest.raises(
        ValueError, match=r"recurrence\.backward: chunk is -1, expected a number of at least 1"
    ):
        ops.backward(a, np.ones((4, 2, 1), dtype), u, chunk=-1)


def test_the_length_of_a_chunk():
    """It depends on T and the number of columns only, and the chunks of one column fill vectors."""
    assert [scan.chunk_length(T, 2) for T in (0, 1, 256, 257, 10_000, 10**6)] == [32, 32, 32, 32, 256, 2048]
    assert scan.chunk_length(1_000_000, 1024) == 8192
    for T in (10_000, 100_000, 10**6, 10**7):
        L = scan.chunk_length(T, 1)
        vectors = T // (L * scan.LANES)
        assert L % scan.LANES == 0 and 0 <= T - vectors * L * scan.LANES < T // 16


@pytest.mark.skipif(tiles.size(4) is None, reason="kernels are not compiled, or the CPU has no known vectors")
@each_activation
@each_dtype
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_lanes_change_no_bit(monkeypatch, activation, dtype, reverse):
    """A single column runs in lanes, in place too; the last chunks do not fill a vector."""
    rng, ops = np.random.default_rng(0), hosted("cpu").parallel("recurrence")
    a, u, h0 = (
        rng.standard_normal((1100, 1, 1)).astype(dtype),
        np.array([0.97], dtype),
        np.full((1, 1), -1, dtype),
    )
    out = nan_filled((1101, 1, 1), dtype)
    out[1:] = a
    in_lanes = ops.forward(a, u, h0, activation, None, reverse, chunk=32)
    ops.forward(out[1:], u, h0, activation, None, reverse, out, chunk=32)
    monkeypatch.setattr(parallel_lanes, "width_for", lambda walk, L: 0)
    expected = ops.forward(a, u, h0, activation, None, reverse, chunk=32)
    np.testing.assert_array_equal(in_lanes, expected)
    np.testing.assert_array_equal(out, expected)
