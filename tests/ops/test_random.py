"""Philox4x32-10: the published known answers, twins bit for bit, and moments of the uniform numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import REFERENCE, each_backend, each_dtype, each_twin

# Random123's kat_vectors: counter, key, result.
ONES = 0xFFFFFFFF
KNOWN = [
    ([0, 0, 0, 0], [0, 0], [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([ONES] * 4, [ONES] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]
keys = st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1))


@pytest.mark.parametrize("counter, key, expected", KNOWN)
def test_known_answers(counter, key, expected):
    words = REFERENCE.random.philox([np.array([c], np.uint64) for c in counter], key)
    assert [int(word[0]) for word in words] == expected


@each_backend
def test_known_answer_of_the_first_block(ops):
    """Counter (0, 0, 0, 0) and key (0, 0) are block 0 of (seed, stream, iteration) = (0, 0, 0)."""
    assert ops.random.bits((0, 0, 0), 4).tolist() == KNOWN[0][2]


@each_backend
def test_how_a_key_becomes_counter_and_key(ops):
    """Block i has the counter (i, stream, low and high half of the iteration) and the halves of the seed as key."""
    seed, stream, iteration = 0x299F31D0_A4093822, 0x85A308D3, 0x03707344_13198A2E
    found = ops.random.bits((seed, stream, iteration), 12)
    for i in range(3):
        counter = [i, stream, iteration & ONES, iteration >> 32]
        words = REFERENCE.random.philox(
            [np.array([c], np.uint64) for c in counter], (seed & ONES, seed >> 32)
        )
        assert found[4 * i : 4 * i + 4].tolist() == [int(word[0]) for word in words]


@each_twin
@given(key=keys, count=st.integers(0, 41))
def test_twin_equals_reference(ops, key, count):
    found, expected = ops.random.bits(key, count), REFERENCE.random.bits(key, count)
    assert found.dtype == expected.dtype == np.uint32
    assert found.shape == (count,)
    assert np.array_equal(found, expected)


@each_twin
@each_dtype
@given(key=keys, shape=st.lists(st.integers(0, 5), max_size=3).map(tuple))
def test_uniform_twin_equals_reference(ops, dtype, key, shape):
    found, expected = ops.random.uniform(key, shape, dtype), REFERENCE.random.uniform(key, shape, dtype)
    assert found.dtype == expected.dtype == dtype and found.shape == shape
    assert np.array_equal(found, expected)


@each_backend
@given(key=keys, fewer=st.integers(0, 20), more=st.integers(0, 20))
def test_a_longer_stream_starts_with_the_shorter(ops, key, fewer, more):
    assert np.array_equal(ops.random.bits(key, fewer + more)[:fewer], ops.random.bits(key, fewer))


@each_backend
@each_dtype
def test_uniform_moments(ops, dtype):
    n = 20_000
    x = ops.random.uniform((1, 2, 3), (n,), dtype).astype(np.float64)
    assert x.min() >= 0 and x.max() < 1
    for k in (1, 2, 3):  # E[x^k] = 1/(k+1), var = 1/(2k+1) - 1/(k+1)²
        deviation = np.sqrt((1 / (2 * k + 1) - 1 / (k + 1) ** 2) / n)
        assert abs(np.mean(x**k) - 1 / (k + 1)) < 4 * deviation
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 4 / np.sqrt(n)
    counts = np.bincount((x * 16).astype(int), minlength=16)
    assert np.sum((counts - n / 16) ** 2 / (n / 16)) < 45  # χ² with 15 degrees of freedom: 1 in 10^4 is above


@each_backend
def test_uniform_by_hand(ops):
    """float32: the upper 24 bits of a word; float64: 27 and 26 bits of two."""
    words = [int(word) for word in ops.random.bits((5, 6, 7), 4)]
    assert ops.random.uniform((5, 6, 7), (2, 2)).tolist() == [
        [(words[0] >> 8) / 2**24, (words[1] >> 8) / 2**24],
        [(words[2] >> 8) / 2**24, (words[3] >> 8) / 2**24],
    ]
    expected = [((words[i] >> 5) * 2**26 + (words[i + 1] >> 6)) / 2**53 for i in (0, 2)]
    assert ops.random.uniform((5, 6, 7), (2,), "float64").tolist() == expected


@each_backend
@pytest.mark.parametrize(
    "key, word",
    [
        ((-1, 0, 0), "seed is -1"),
        ((0, 2**32, 0), "stream is 4294967296"),
        ((0, 0, 2**64), "iteration is 18446744073709551616"),
    ],
)
def test_keys_out_of_range(ops, key, word):
    with pytest.raises(ValueError, match=rf"random\.bits: {word}, expected a number from 0 to below"):
        ops.random.bits(key, 4)


@each_backend
def test_unknown_dtype_and_negative_shape(ops):
    with pytest.raises(
        ValueError, match=r"random\.uniform: dtype is 'float16', expected one of 'float32', 'float64'"
    ):
        ops.random.uniform((0, 0, 0), (2,), "float16")
    with pytest.raises(ValueError, match="a size in shape is -1, expected a number of at least 0"):
        ops.random.uniform((0, 0, 0), (2, -1))
