"""Positions beyond 2^31 elements: 64-bit arithmetic on the way to an address, as PTX on the CPU."""

import numpy as np
import pytest
from tolerances import assert_close

from indrnn_np._cuda import arrays, products
from indrnn_np.ops.adam import cuda as adam
from indrnn_np.ops.dropout import cuda as dropout
from indrnn_np.ops.dropout import reference as dropout_reference
from indrnn_np.ops.gradient import cuda as gradient
from indrnn_np.ops.recurrence import cuda as recurrence
from indrnn_np.ops.recurrence import cuda_form
from indrnn_np.ops.rows import cuda as rows
from indrnn_np.ops.sgd import cuda as sgd
from ptx import findings
from ptx.address_width import narrowed
from ptx.large_arrays import contents, numbers, small

E31 = 2**31


def recurrent(large, wide, reverse):
    T, B, H = 5, 2**15, 2**15
    columns, u = B * H, small(H)
    cuda_form.force_form = cuda_form.WIDE if wide else 8
    h = recurrence.forward(large.array(T, B, H), u, large.array(B, H), "relu", None, reverse)
    name = next(name for name in large.arguments if "forward" in name)
    j = large.threads(name, columns // (4 if wide else 1))
    j = (4 * j[:, None] + np.arange(4)).ravel() if wide else j
    state, u_j, states = numbers(j), contents(u)[j % H], contents(h)
    for t in range(T)[:: -1 if reverse else 1]:
        state = np.maximum(numbers(t * columns + j) + u_j * state, 0)
        assert_close(
            states[(t + 1) * columns + j], state, scale=10
        )  # the kernel fuses the product and the sum
    del h, states
    da, _, dh0 = recurrence.backward(
        large.array(T, B, H), large.array(T + 1, B, H), u, large.array(B, H), "relu", None, reverse
    )
    carry = numbers(j)
    for t in range(T)[:: 1 if reverse else -1]:
        da_t = (numbers((t + 1) * columns + j) > 0) * (numbers(t * columns + j) + carry)
        assert_close(contents(da)[t * columns + j], da_t, scale=10)
        carry = u_j * da_t
    assert_close(contents(dh0)[j], carry, scale=10)


def narrow_recurrence(large):
    recurrent(large, wide=False, reverse=False)


def wide_recurrence(large):
    recurrent(large, wide=True, reverse=True)


def last_state(large):
    T, B, H = 3, 2**15, 2**15
    out = recurrence.last(large.array(T + 1, B, H))
    j = large.threads("last_kernel", B * H)
    assert_close(contents(out)[j], numbers(T * B * H + j))


def rows_of_two_arrays(large):
    R, H, K = 2**20 + 3, 2**11, 70
    first = large.array(R, H)
    joined = rows.join(first, large.array(R, K))
    i = large.threads("join_kernel", joined.size)
    row, column = i // (H + K), i % (H + K)
    expected = np.where(column < H, numbers(row * H + column), numbers(row * K + column - H))
    assert_close(contents(joined)[i], expected)
    part = rows.part(large.array(R, H + 5), 2, H)
    i = large.threads("part_kernel", part.size)
    assert_close(contents(part)[i], numbers(i // H * (H + 5) + 2 + i % H))
    total = rows.add(first, first)
    assert_close(contents(total)[i], 2 * numbers(i))


def dropped(large):
    T, B, H, key = 2**11 + 3, 2**10, 2**10, (5, 6, 7)
    y = dropout.forward(large.array(T, B, H), 0.3, key)
    mask = dropout_reference.mask((B, H), 0.3, key, np.float32).ravel()
    n = large.threads("dropout.apply", B * H * -(-T // dropout.ROWS))
    t, j = n // (B * H) * dropout.ROWS, n % (B * H)
    assert_close(contents(y)[t * B * H + j], numbers(t * B * H + j) * mask[j])


def parameters(large):
    P = E31 + 1000
    p, g, m = (large.array(P) for _ in range(3))
    sgd.update(p, g, m, 0.5, momentum=0.5)
    (name,) = large.arguments
    i = large.threads(name, P)
    assert_close(contents(p)[i], numbers(i) - 0.5 * (0.5 * numbers(i) + numbers(i)))
    p, m, v = large.array(P), large.array(P), arrays.empty(P, np.float32)
    adam.update(p, g, m, v, 1, 0.5)
    step = numbers(i) / 0.1 / (np.abs(numbers(i)) + np.float32(1e-8))
    assert_close(contents(p)[i], numbers(i) - 0.5 * step, scale=10)  # b1 = 0.9 is rounded
    gradient.clip_value(g, 0.25)
    assert_close(contents(g)[i], np.clip(numbers(i), -0.25, 0.25))


def product(large):
    M, N, K = 2**20 + 3, 2**11 + 5, 20
    a, b, out = small(M, K), small(N, K), arrays.empty((M, N), np.float32)
    products.use("tiled")
    products.matmul(a, b, out, transpose_b=True)
    expected = contents(a).reshape(M, K)[-3:] @ contents(b).reshape(N, K).T
    columns = (N - 1) % products.SIDE + 1  # of the last tile, whose block runs
    assert_close(contents(out).reshape(M, N)[-3:, -columns:], expected[:, -columns:], scale=10)
    total = arrays.empty(H := 2**11 + 5, np.float32)
    products.column_sums(large.array(2**20 + 3, H), total)
    _, count, columns, length, sums = large.arguments["columns_kernel"]
    for n in large.threads("columns_kernel", sums.size)[-3:]:
        r = np.arange(n // columns * length, min(count, (n // columns + 1) * length))
        assert_close(contents(sums)[n], numbers(r * columns + n % columns).astype(np.float64).sum())


CASES = (narrow_recurrence, wide_recurrence, last_state, rows_of_two_arrays, dropped, parameters, product)


ACCESS = """
	shl.b64 	%rd4, %rd3, 2;
	add.s64 	%rd5, %rd6, %rd4;
	ld.global.f32 	%f1, [%rd5+4];
"""


@pytest.mark.parametrize(
    ("instructions", "line"),
    [
        ("cvt.u32.u64 %r1, %rd1; cvt.u64.u32 %rd3, %r1;", "cvt.u32.u64 %r1, %rd1;"),
        ("mad.lo.s32 %r1, %r2, %r3, %r4; cvt.s64.s32 %rd3, %r1;", "cvt.s64.s32 %rd3, %r1;"),
        ("mov.u32 %r1, %tid.x; cvt.s64.s32 %rd3, %r1;", ""),
        ("cvt.u32.u64 %r1, %rd1; div.u32 %r2, %r1, %r3; cvt.u64.u32 %rd3, %r2;", ""),
    ],
)
def test_arithmetic_of_32_bits_is_found(instructions, line):
    lines = [*instructions.replace("; ", ";\n").splitlines(), *ACCESS.splitlines()]
    assert list(narrowed(lines)) == [line][: bool(line)]


@pytest.mark.parametrize("case", CASES)
def test_positions_beyond_2_to_the_31(case, large):
    case(large)
    kinds = findings.kinds()
    findings.clear()
    assert kinds <= {"uninitialised"}  # what the other blocks would have written


@pytest.mark.parametrize("case", CASES)
def test_offsets_of_32_bits_are_found(case, large, offsets_of_32_bits):
    with pytest.raises(AssertionError):
        case(large)
    findings.clear()
