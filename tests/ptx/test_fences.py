"""The emulator on blocks that wait for each other: it finds a missing fence, barrier or ticket, and nothing else."""

import numpy as np
import pytest

from ptx import settings
from ptx.faulty_kernels import chain, meet, reuse
from ptx.launching import output, run, to_host

SIGNATURE = "float32[::1], float32[::1], int32[::1]"
BLOCKS = 12

pytestmark = [
    pytest.mark.parametrize("order", settings.ORDERS),
    pytest.mark.parametrize("resident", [1, 2, 5]),
    pytest.mark.parametrize("seed", [0, 3]),
]


@pytest.fixture(autouse=True)
def set_order(order, resident, seed, monkeypatch):
    monkeypatch.setattr(settings, "order", order)
    monkeypatch.setattr(settings, "resident", resident)
    monkeypatch.setattr(settings, "seed", seed)
    monkeypatch.setattr(settings, "fuel", 100_000)


def run_chain(**parts):
    x = np.arange(2 * BLOCKS, dtype=np.float32)
    flags = np.zeros(BLOCKS + 1, np.int32)
    return run(chain(**parts), x, output(x.size), flags, signature=SIGNATURE, grid=BLOCKS, block=2)


def test_a_chain_of_blocks_ends_without_a_finding():
    kinds, (x, y, _) = run_chain()
    sums = to_host(x).reshape(BLOCKS, 2)
    for k in range(1, BLOCKS):
        sums[k] += sums[k - 1, ::-1]
    assert not kinds
    assert np.array_equal(to_host(y), sums.reshape(-1))


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ("ticket", "hang"),
        ("acquire", "race"),
        ("first_barrier", "race"),
        ("second_barrier", "race"),
        ("release", "race"),
        ("atomic", "race"),
    ],
)
def test_a_missing_part_is_found(part, kind):
    kinds, _ = run_chain(**{part: False})
    assert kind in kinds


@pytest.mark.parametrize(("wait", "expected"), [(True, set()), (False, {"race"})])
def test_a_write_after_reads_of_several_blocks_has_to_wait_for_them(wait, expected):
    one, flags = np.ones(1, np.float32), np.zeros(2, np.int32)
    kinds, _ = run(reuse(wait), one, output(2), flags, signature=SIGNATURE, grid=2, block=1)
    assert kinds == expected


def test_blocks_that_wait_for_each_other_have_to_run_at_once(resident):
    two, flags = np.ones(2, np.float32), np.zeros(2, np.int32)
    kinds, _ = run(meet, two, output(2), flags, signature=SIGNATURE, grid=2, block=1)
    assert kinds == (set() if resident > 1 else {"hang"})
