"""The GPU script compares the registers that the driver reports with the committed table."""

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from indrnn_np._cuda import launch, target

ROOT = Path(__file__).parents[2]
PAGE = """
| kernel | dtype | 7.5 | 9.0 | shared | stack | spilled |
| --- | --- | ---: | ---: | ---: | ---: | ---: |
| op.forward.wide[relu] | float32 | 130 | 128 | 0 | 0 | 0 |
| op.forward.wide[relu] | float64 | 124 | 126 | 0 | 0 | 0 |
| op.count | - | 20 | 22 | 0 | 0 | 0 |

| kernel | dtype | 7.5 | 9.0 |
| --- | --- | ---: | ---: |
| op.forward.wide[relu] | float32 | 0.98 0.85 | 0.97 0.86 |
"""


@pytest.fixture
def check(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("gpu_parts.register_check")


class ArrayType(NamedTuple):
    """The numba type of an array."""

    dtype: str


class Part:
    """A part of the GPU script that keeps its reports."""

    def __init__(self):
        self.rows, self.failures, self.notes = [], [], []
        self.fail, self.note = self.failures.append, self.notes.append

    def table(self, *header):
        return SimpleNamespace(row=lambda *cells, **values: self.rows.append(cells))


def kernel(signature, **registers):
    """A compiled kernel, with its registers by dtype."""
    kernel = launch.Kernel.__new__(launch.Kernel)
    overloads = {(ArrayType(name), "int64"): number for name, number in registers.items()}
    kernel.signature, kernel.compiled = signature, SimpleNamespace(get_regs_per_thread=lambda: overloads)
    return kernel


def report(check, monkeypatch, tmp_path, float32, capability=(9, 0)):
    wide, count = (
        kernel("real[:,::1], int64", float32=float32, float64=126),
        kernel("int64[::1], int64", int64=23),
    )
    idle = kernel("real[::1], int64", float32=500)
    names = [("op.forward.wide[relu]", wide), ("op.count", count), ("op.idle", idle)]
    device = SimpleNamespace(compute_capability=capability)
    (tmp_path / "ptx.md").write_text(PAGE)
    monkeypatch.setattr(check, "TABLE", tmp_path / "ptx.md")
    monkeypatch.setattr(check.registers, "kernels", lambda: names)
    monkeypatch.setattr(target, "SIMULATED", False)
    monkeypatch.setattr(target, "cuda", SimpleNamespace(get_current_device=lambda: device))
    part = Part()
    check.register_check(part, {wide, count})
    return part


def test_other_registers_are_listed(check, monkeypatch, tmp_path):
    part = report(check, monkeypatch, tmp_path, 128)
    assert part.rows == [("op.count", "-", 22, 23), ("3 kernels compared", "", "", "")]
    assert not part.failures and not part.notes


def test_a_wide_kernel_that_runs_fewer_blocks_is_a_failure(check, monkeypatch, tmp_path):
    part = report(check, monkeypatch, tmp_path, 129)
    assert part.rows[0] == ("op.forward.wide[relu]", "float32", 128, 129)
    assert part.failures == [
        "op.forward.wide[relu] float32 takes 129 registers, expected 128: fewer blocks run at once"
    ]


def test_a_capability_without_a_column_is_a_note(check, monkeypatch, tmp_path):
    part = report(check, monkeypatch, tmp_path, 128, (12, 0))
    assert len(part.notes) == 3 and "for compute capability 12.0" in part.notes[0]


def test_every_kernel_stands_in_the_committed_table(check):
    page = (ROOT / "benchmarks" / "results" / "ptx.md").read_text()
    expected = {
        (name, dtype or "-")
        for name, kernel in check.registers.kernels()
        for dtype in check.registers.dtypes(kernel)
    }
    for capability in ("7.5", "8.0", "9.0", "10.0"):
        assert set(check.committed(page, capability)) == expected
