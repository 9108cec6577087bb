"""Compiled kernels on disk: an edit anywhere makes them anew, and no cache directory or process is in the way."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import indrnn_np
from indrnn_np import _numba

PROGRAM = """
import numpy as np
from indrnn_np import _numba, backend
from indrnn_np.ops.recurrence import cpu
h = backend.get("cpu").recurrence.forward(np.full((2, 1, 2), 3.0), np.ones(2), np.zeros((1, 2)))
stats = getattr(cpu.forward_kernel(0, False), "stats", None)
print(h[1:].sum(), sum(stats.cache_hits.values()) if stats else "-", _numba.cache_directory())
"""
SUM = 2 * (3 + 6)


@pytest.fixture
def package(tmp_path):
    """A copy of the package's sources that a test may edit."""
    shutil.copytree(
        Path(indrnn_np.__file__).parent,
        tmp_path / "copy" / "indrnn_np",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return tmp_path / "copy" / "indrnn_np"


def start(package, cache):
    environment = {
        **os.environ,
        "PYTHONPATH": str(package.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "INDRNN_CACHE_DIR": str(cache),
    }
    environment |= {"TMPDIR": str(package.parent), "PYTHONWARNINGS": "error"}
    return subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=package.parent, env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def finish(process):
    """The sum of the states, how many kernels came from the disk, and the directory."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    total, hits, directory = out.split(maxsplit=2)
    return float(total), hits, Path(directory.strip())


@pytest.mark.parametrize("file", ["ops/recurrence/step.py"])
def test_an_edit_of_what_a_kernel_calls_makes_it_anew(package, tmp_path, file):
    """Numba alone looks at the kernel's own file, and would go on with the old relu."""
    total, hits, first = finish(start(package, tmp_path / "cache"))
    assert total == SUM and hits in ("0", "-")
    total, hits, again = finish(start(package, tmp_path / "cache"))
    assert total == SUM and hits in ("1", "-") and again == first
    source = (package / file).read_text(encoding="utf-8")
    edited = source.replace("return zero if a < zero else a", "return zero if a < zero else a + a")
    assert edited != source
    (package / file).write_text(edited, encoding="utf-8")
    total, hits, second = finish(start(package, tmp_path / "cache"))
    assert total == 2 * (6 + 18) and hits in ("0", "-")  # twice 3, then twice (3 + 6)
    assert second != first and second.parent == first.parent == tmp_path / "cache" / "kernels"


KERNEL_OF_KERNELS = """
from indrnn_np._numba import njit

def times(n):
    @njit
    def kernel(x):
        return n * x
    return kernel

def plus(first, second):
    one, other = times(first), times(second)
    @njit
    def kernel(x):
        return one(x) + other(x + 1)
    return kernel

kernels = [plus(*pair) for pair in ((2, 3), (3, 2), (2, True), (2, 1))]
found = [kernel(10) for kernel in kernels]
print(found, [sum(kernel.stats.cache_hits.values()) for kernel in kernels])
"""


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
def test_a_kernel_that_closes_over_kernels_is_found_by_the_next_process(tmp_path):
    """And by what these are made of: numba's own name for it would be another in each process."""
    (tmp_path / "program.py").write_text(KERNEL_OF_KERNELS)
    environment = {**os.environ, "INDRNN_CACHE_DIR": str(tmp_path / "cache")}
    environment["PYTHONPATH"] = str(Path(indrnn_np.__file__).parents[1])
    told = [
        subprocess.run([sys.executable, "program.py"], cwd=tmp_path, env=environment, text=True, check=True,
                       capture_output=True).stdout for _ in range(2)
    ]  # fmt: skip
    assert told == [f"[53, 52, 31, 31] {hits}\n" for hits in ([0, 0, 0, 0], [1, 1, 1, 1])]


def test_a_cache_that_cannot_be_written_is_no_obstacle(package, tmp_path):
    (tmp_path / "file").write_text("no directory")
    total, _, directory = finish(start(package, tmp_path / "file" / "cache"))
    assert total == SUM
    assert directory.name.startswith("indrnn_np-kernels-") and directory.parent == package.parent


def test_two_processes_at_once(package, tmp_path):
    processes = [start(package, tmp_path / "cache") for _ in range(2)]
    found = [finish(process) for process in processes]
    assert [total for total, _, _ in found] == [SUM, SUM]
    assert found[0][2] == found[1][2]
    assert finish(start(package, tmp_path / "cache"))[:2] in ((SUM, "1"), (SUM, "-"))


def test_the_hash_sees_every_source_file(monkeypatch, tmp_path, package):
    monkeypatch.setattr(_numba, "__file__", str(package / "_numba.py"))
    digest = _numba.sources_hash.__wrapped__
    seen = {digest()}
    assert digest() in seen
    for name in ("losses.py", "ops/adam/cpu.py", "ops/recurrence/__init__.py"):
        with (package / name).open("a", encoding="utf-8") as file:
            file.write("\n")
        seen.add(digest())
    (package / "ops" / "extra.py").write_text("")
    seen.add(digest())
    shutil.move(package / "ops" / "extra.py", package / "extra.py")
    seen.add(digest())
    monkeypatch.setattr(_numba.numba.config, "BOUNDSCHECK", 17)
    seen.add(digest())
    assert len(seen) == 7


def test_flags_let_nan_and_inf_be():
    assert not _numba.FASTMATH & {"nnan", "ninf", "fast"}


def test_njit_with_and_without_options():
    def twice(a):
        return a + a

    assert _numba.njit(twice)(3) == 6
    assert _numba.njit(cache=False)(twice)(4) == 8
