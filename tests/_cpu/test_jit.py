"""Compiled kernels on disk: an edit anywhere makes them anew, and no cache directory or process is in the way."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import indrnn_np
from indrnn_np._cpu import jit

PROGRAM = """
import numpy as np
from indrnn_np import backend
from indrnn_np._cpu import jit
from indrnn_np.ops.recurrence import cpu
h = backend.get("cpu").recurrence.forward(np.full((2, 1, 100), 3.0), np.ones(100), np.zeros((1, 100)))
stats = getattr(cpu.forward_kernel('relu', False), "stats", None)
print(h[1:].sum(), sum(stats.cache_hits.values()) if stats else "-", jit.cache_directory())
"""
SUM = 100 * (3 + 6)


@pytest.fixture
def package(tmp_path):
    """A copy of the package's sources that a test may edit."""
    shutil.copytree(
        Path(indrnn_np.__file__).parent,
        tmp_path / "copy" / "indrnn_np",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return tmp_path / "copy" / "indrnn_np"


def start(package, cache, **variables):
    environment = {
        **os.environ,
        "PYTHONPATH": str(package.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "INDRNN_CACHE_DIR": str(cache),
    }
    environment |= {"TMPDIR": str(package.parent), "PYTHONWARNINGS": "error"} | variables
    return subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=package.parent, env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def finish(process):
    """The sum of the states, how many kernels came from the disk, and the directory."""
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    total, hits, directory = out.split(maxsplit=2)
    return float(total), hits, Path(directory.strip())


@pytest.mark.parametrize("file", ["ops/recurrence/activation.py"])
def test_an_edit_of_what_a_kernel_calls_makes_it_anew(package, tmp_path, file):
    """Numba alone looks at the kernel's own file, and would go on with the old relu."""
    total, hits, first = finish(start(package, tmp_path / "cache"))
    assert total == SUM and hits in ("0", "-")
    total, hits, again = finish(start(package, tmp_path / "cache"))
    assert total == SUM and hits in ("1", "-") and again == first
    source = (package / file).read_text(encoding="utf-8")
    edited = source.replace("zero if a < zero else a)", "zero if a < zero else a + a)")
    assert edited != source
    (package / file).write_text(edited, encoding="utf-8")
    total, hits, second = finish(start(package, tmp_path / "cache"))
    assert total == 100 * (6 + 18) and hits in ("0", "-")  # twice 3, then twice (3 + 6)
    assert second != first and second.parent == first.parent == tmp_path / "cache" / "kernels"


KERNEL_OF_KERNELS = """
from indrnn_np._cpu.jit import njit

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


def test_a_cache_that_cannot_be_written_is_no_obstacle(package, tmp_path, monkeypatch):
    """One warning for all kernels, and nothing in the system's temporary folder."""
    (tmp_path / "file").write_text("no directory")
    process = start(package, tmp_path / "file" / "cache", PYTHONWARNINGS="default")
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert float(out.split()[0]) == SUM
    if not numba.config.DISABLE_JIT:
        assert err.count("RuntimeWarning: kernel cache in ") == 1 and "(Not a directory)" in err
    assert [path.name for path in package.parent.iterdir()] == ["indrnn_np"]


def test_two_processes_at_once(package, tmp_path):
    processes = [start(package, tmp_path / "cache") for _ in range(2)]
    found = [finish(process) for process in processes]
    assert [total for total, _, _ in found] == [SUM, SUM]
    assert found[0][2] == found[1][2]
    assert finish(start(package, tmp_path / "cache"))[:2] in ((SUM, "1"), (SUM, "-"))


def test_settings_of_the_compiler_are_part_of_the_key(monkeypatch):
    before = jit.compiler()
    assert before == jit.compiler()
    for name, value in (("BOUNDSCHECK", 17), ("OPT", 1), ("SLP_VECTORIZE", 5), ("USING_SVML", "other")):
        with monkeypatch.context() as patch:
            patch.setattr(numba.config, name, value)
            assert jit.compiler() != before
    monkeypatch.setattr(numba, "__version__", "0")
    assert jit.compiler() != before


def test_flags_let_nan_and_inf_be():
    assert not jit.FASTMATH & {"nnan", "ninf", "fast"}


def test_njit_with_and_without_options():
    def twice(a):
        return a + a

    assert jit.njit(twice)(3) == 6
    assert jit.njit(cache=False)(twice)(4) == 8


FACTORY = """
import sys
import numpy as np
from indrnn_np._cpu.jit import njit

def factory(k):
    @njit
    def total(x, n):
        return k * x[n] + total(x, n - 1) if n > 0 else k * x[0]

    @njit
    def kernel(x):
        return total(x, x.size - 1)
    return kernel

print([float(factory(float(k))(np.ones(5))) for k in sys.argv[1:]])
"""


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
def test_kernels_of_a_factory_that_two_processes_compiled_stay_apart(tmp_path):
    """numba numbers functions from 1 in each process: with equal symbols one kernel would run for the other.

    A symbol also holds the flags in the order of a set, which depends on the hash seed.
    """
    environment = os.environ | {"INDRNN_CACHE_DIR": str(tmp_path), "PYTHONHASHSEED": "0"}
    for k, expected in ((["1"], "[5.0]"), (["2"], "[10.0]"), (["1", "2"], "[5.0, 10.0]")):
        command = [sys.executable, "-c", FACTORY, *k]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert ended.stdout.strip() == expected
