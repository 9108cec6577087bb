"""The forms of the recurrence on a GPU, narrow with several depths of prefetch and wide: equal bits, and the choice."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import each_activation, each_dtype, each_gpu, recurrences
from tolerances import nan_filled

from indrnn_np._cuda import arrays, launch, target, vector_access
from indrnn_np.ops.recurrence import cuda as recurrence
from indrnn_np.ops.recurrence import cuda_form

pytestmark = pytest.mark.skipif(not target.available(), reason="needs a GPU, or NUMBA_ENABLE_CUDASIM=1")


@pytest.fixture
def launched(monkeypatch):
    """The names of the kernels that were launched, and on how many threads."""
    found, call = [], launch.Kernel.__call__

    def note(kernel, threads, *given):
        found.append((kernel.name, threads))
        call(kernel, threads, *given)

    monkeypatch.setattr(launch.Kernel, "__call__", note)
    return found


def in_every_form(run):
    """Return the arrays of a function in the narrow form of 8 time steps, after comparing all forms with it."""
    results = {}
    with pytest.MonkeyPatch.context() as patch:
        for form in (8, 16, 32, 64, cuda_form.WIDE):
            patch.setattr(cuda_form, "force_form", form)
            results[form] = run()
    for form, arrays_of_form in results.items():
        for expected, array in zip(results[8], arrays_of_form, strict=True):
            assert array.dtype == expected.dtype and array.tobytes() == expected.tobytes(), form
    return results[8]


def rows(p, groups):
    """Arrays of a drawn problem with so many groups of four neurons in place of its own."""
    T, B, _ = p.a.shape
    shapes = {"a": (T, B, 4 * groups), "dh": (T, B, 4 * groups), "u": (4 * groups,)}
    shapes |= {"h0": (B, 4 * groups), "dhT": (B, 4 * groups)}
    return {name: p.rng.normal(0, 0.8, shape).astype(p.a.dtype) for name, shape in shapes.items()}


@each_gpu
@each_activation
@given(data=st.data())
def test_all_forms_give_the_same_bits(ops, activation, data):
    p = data.draw(recurrences(activations=st.just(activation)))
    p.arrays = rows(p, data.draw(st.sampled_from([1, 2, 3])))
    T, B, H = p.a.shape
    (h,) = in_every_form(lambda: [p.forward(ops, out=nan_filled((T + 1, B, H), p.a.dtype))])
    dh, dhT = data.draw(st.sampled_from([(p.dh, p.dhT), (p.dh, None), (None, p.dhT)]))
    in_every_form(lambda: p.backward(ops, h, dh=dh, dhT=dhT, out=nan_filled((T, B, H), p.a.dtype)))


@each_gpu
@each_dtype
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("T", [15, 16, 17, 32, 33, 64, 65, 130])
def test_all_forms_give_the_same_bits_at_every_length(ops, dtype, reverse, T):
    """Groups of 8 to 64 time steps that are full, begun, or not reached by a sample."""
    rng, B, H = np.random.default_rng(T), 4, 4
    a, dh = rng.normal(0, 0.8, (2, T, B, H)).astype(dtype)
    u, h0 = rng.uniform(-1, 1, H).astype(dtype), rng.normal(0, 1, (B, H)).astype(dtype)
    options = {"lengths": np.array([T, T - 7, T // 2, 0]), "reverse": reverse}
    for sample, n in enumerate(options["lengths"]):
        a[n:, sample] = np.nan  # never used
    (h,) = in_every_form(
        lambda: [ops.recurrence.forward(a, u, h0, out=nan_filled((T + 1, B, H), dtype), **options)]
    )
    in_every_form(lambda: ops.recurrence.backward(dh, h, u, out=nan_filled((T, B, H), dtype), **options))


@each_gpu
@given(p=recurrences())
def test_all_forms_of_the_cell_give_the_same_bits(ops, p):
    """In place, with a bias and its gradient."""
    p.arrays = rows(p, 2)
    cell = p.cell()
    given = {name: cell[name] for name in ("x", "W")} | {"u": p.u, **p.options}
    (h,) = in_every_form(lambda: [ops.indrnn.forward(b=cell["b"], h0=p.h0, **given)])
    in_every_form(lambda: ops.indrnn.backward(dh=p.dh, h=h, dhT=p.dhT, **given))


def scan(T, B, H, dtype="float32", first=0):
    """Both passes over arrays of the GPU that begin `first` numbers into their memory."""

    def array(*shape):
        size = int(np.prod(shape))
        return arrays.asarray(np.full(size + first, 0.5, dtype))[first:].reshape(shape)

    h = recurrence.forward(array(T, B, H), array(H), array(B, H), out=array(T + 1, B, H))
    recurrence.backward(array(T, B, H), h, array(H), out=array(T, B, H))


def forms(launched):
    """Which of the two walks were wide, and on how many threads they ran."""
    return [(".wide[" in name, threads) for name, threads in launched if "ward" in name]


@each_dtype
def test_the_wide_form_is_taken_where_its_threads_fill_the_gpu(dtype, launched):
    V = 16 // np.dtype(dtype).itemsize
    columns = V * cuda_form.WIDE_THREADS * target.multiprocessors()
    for H, form, threads in (
        (columns, True, columns // V), (columns - V, False, columns - V), (columns + 1, False, columns + 1)
    ):  # fmt: skip
        scan(1, 1, H, dtype)
        assert forms(launched) == [(form, threads)] * 2
        launched.clear()


@pytest.mark.parametrize(
    "H, first, wide", [(8, 0, True), (8, 4, True), (8, 2, False), (8, 1, False), (6, 0, False), (6, 2, False)]
)
def test_the_wide_form_is_taken_only_where_every_row_is_aligned(H, first, wide, monkeypatch, launched):
    """Asked for, too."""
    monkeypatch.setattr(cuda_form, "force_form", cuda_form.WIDE)
    scan(2, 3, H, "float32", first)
    assert forms(launched) == [(wide, 3 * H // (4 if wide else 1))] * 2


def test_one_array_that_is_not_aligned_is_enough(monkeypatch):
    monkeypatch.setattr(cuda_form, "force_form", cuda_form.WIDE)
    memory = arrays.empty(2 * 8 + 1, "float32")
    straight, crooked = memory[: 2 * 8].reshape(2, 1, 8), memory[1:].reshape(2, 1, 8)
    assert vector_access.aligned(straight) and not vector_access.aligned(crooked)
    for others, form in (((straight,), cuda_form.WIDE), ((crooked,), 8)):
        assert cuda_form.choose(cuda_form.FORWARD, 1, straight, *others) == form
        assert cuda_form.choose(cuda_form.FORWARD, 1, *others, straight) == form


@pytest.mark.parametrize(
    "shape, dtype, forward, backward",
    [
        ((1024, 32, 128), "float32", 64, 32),
        ((5000, 50, 128), "float32", 64, 32),
        ((1024, 32, 128), "float64", 32, 16),
        ((1024, 256, 512), "float32", 32, 8),
        ((1024, 100, 512), "float32", 32, 16),
        ((1024, 2500, 66), "float32", 32, 8),
        ((1024, 256, 1024), "float32", "wide", "wide"),
        ((1024, 2601, 65), "float32", 8, 8),  # rows of an odd number of columns are never wide
        ((33, 32, 128), "float32", 64, 32),
        ((32, 32, 128), "float32", 32, 32),
        ((16, 32, 128), "float32", 32, 16),
        ((8, 32, 128), "float32", 8, 8),
    ],
)
def test_few_columns_load_more_time_steps_ahead(shape, dtype, forward, backward, monkeypatch):
    """On 132 multiprocessors, as many bytes as keep memory busy, and not more time steps than there are."""
    monkeypatch.setattr(target, "multiprocessors", lambda: 132)
    T, B, H = shape
    h = Shaped((T + 1, B, H), np.dtype(dtype))
    assert cuda_form.choose(cuda_form.FORWARD, 1, h) == forward
    assert cuda_form.choose(cuda_form.BACKWARD, 2, h) == backward


class Shaped(NamedTuple):
    """Shape and dtype of an array at an aligned place, without its memory."""

    shape: tuple[int, ...]
    dtype: np.dtype
    pointer: int = 0

    @property
    def size(self):
        return int(np.prod(self.shape))

    @property
    def nbytes(self):
        return self.size * self.dtype.itemsize

    def __getitem__(self, row):
        return Shaped(self.shape[1:], self.dtype)
