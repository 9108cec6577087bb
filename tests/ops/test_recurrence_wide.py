"""The recurrence's two forms on a GPU: a column to a thread, and as many neighbours as 16 bytes hold. Equal bits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import each_activation, each_dtype, each_gpu, recurrences
from tolerances import nan_filled

from indrnn_np._cuda import arrays, launch, target, vector_access
from indrnn_np.ops.recurrence import cuda as recurrence

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


def in_both_forms(run):
    """What a function gives in the narrow form, and in the wide one."""
    with pytest.MonkeyPatch.context() as patch:
        for form in (False, True):
            patch.setattr(recurrence, "force_wide", form)
            yield run()


def assert_same_bits(narrow, wide):
    for one, other in zip(narrow, wide, strict=True):
        assert one.dtype == other.dtype and one.tobytes() == other.tobytes()


def rows(p, groups):
    """Arrays of a drawn problem with so many groups of four neurons in place of its own."""
    T, B, _ = p.a.shape
    shapes = {"a": (T, B, 4 * groups), "dh": (T, B, 4 * groups), "u": (4 * groups,)}
    shapes |= {"h0": (B, 4 * groups), "dhT": (B, 4 * groups)}
    return {name: p.rng.normal(0, 0.8, shape).astype(p.a.dtype) for name, shape in shapes.items()}


@each_gpu
@each_activation
@given(data=st.data())
def test_both_forms_give_the_same_bits(ops, activation, data):
    p = data.draw(recurrences(activations=st.just(activation)))
    p.arrays = rows(p, data.draw(st.sampled_from([1, 2, 3])))
    T, B, H = p.a.shape
    h, wide = in_both_forms(lambda: p.forward(ops, out=nan_filled((T + 1, B, H), p.a.dtype)))
    assert_same_bits([h], [wide])
    dh, dhT = data.draw(st.sampled_from([(p.dh, p.dhT), (p.dh, None), (None, p.dhT)]))
    both = in_both_forms(lambda: p.backward(ops, h, dh=dh, dhT=dhT, out=nan_filled((T, B, H), p.a.dtype)))
    assert_same_bits(*both)


@each_gpu
@given(p=recurrences())
def test_both_forms_of_the_cell_give_the_same_bits(ops, p):
    """In place, with a bias and its gradient."""
    p.arrays = rows(p, 2)
    cell = p.cell()
    given = {name: cell[name] for name in ("x", "W")} | {"u": p.u, **p.options}
    h, wide = in_both_forms(lambda: ops.indrnn.forward(b=cell["b"], h0=p.h0, **given))
    assert_same_bits([h], [wide])
    assert_same_bits(*in_both_forms(lambda: ops.indrnn.backward(dh=p.dh, h=h, dhT=p.dhT, **given)))


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
    columns = V * recurrence.WIDE_THREADS * target.multiprocessors()
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
    monkeypatch.setattr(recurrence, "force_wide", True)
    scan(2, 3, H, "float32", first)
    assert forms(launched) == [(wide, 3 * H // (4 if wide else 1))] * 2


def test_one_array_that_is_not_aligned_is_enough(monkeypatch):
    monkeypatch.setattr(recurrence, "force_wide", True)
    memory = arrays.empty(2 * 8 + 1, "float32")
    straight, crooked = memory[: 2 * 8].reshape(2, 1, 8), memory[1:].reshape(2, 1, 8)
    assert vector_access.aligned(straight) and not vector_access.aligned(crooked)
    assert recurrence.use_wide(straight, straight)
    assert not recurrence.use_wide(straight, crooked) and not recurrence.use_wide(crooked, straight)
