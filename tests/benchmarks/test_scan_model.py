"""The model of the scan's time on a GPU: its two limits, and the table."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "scan_model.py"
if not SCRIPT.exists():
    pytest.skip("the benchmarks are not part of an installed copy", allow_module_level=True)

spec = importlib.util.spec_from_file_location("scan_model", SCRIPT)
model = sys.modules["scan_model"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(model)


@pytest.mark.parametrize(("of", "share"), [(model.FORWARD, 2 / 3), (model.BACKWARD, 3 / 5)])
def test_many_columns_are_limited_by_the_words_that_move(of, share):
    T, N = 1_000_000, 16_384
    assert model.serial(T, N, of) / model.scan(T, N, of) == pytest.approx(share, rel=0.2)


def test_few_columns_wait_for_loads():
    T = 65_536
    assert model.serial(T, 1) == pytest.approx(T * model.LOAD / model.FORWARD.serial_ahead, rel=0.01)
    assert model.serial(T, 1) > 5 * model.scan(T, 1)


def test_the_table_has_a_cell_for_each_size():
    lines = model.table()
    assert [line.count("|") for line in lines] == [len(model.COLUMNS) + 2] * (len(model.STEPS) + 2)
