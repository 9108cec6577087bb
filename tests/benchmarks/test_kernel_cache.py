"""The disk cache of CUDA kernels of benchmarks/gpu.py. Compiling needs numba-cuda and NVVM (the extra `ptx`)."""

import importlib
import re
from pathlib import Path

import pytest

from indrnn_np._cuda import launch, target

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
needs_compiler = pytest.mark.skipif(target.target() != "numba-cuda", reason="needs pip install '.[ptx]'")


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """The module, with an empty folder."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    module = importlib.import_module("gpu_parts.kernel_cache")
    monkeypatch.setattr(module, "cache_directory", lambda: str(tmp_path / "kernels" / "digest"))
    monkeypatch.setattr(module.KernelCache, "binds", False)
    monkeypatch.setattr(module, "machine_code", lambda kernel: None)  # a linker needs a driver
    return module


def scale(factor):
    @launch.kernel("real[::1], real[::1]")
    def scale_kernel(x, out):
        i = target.cuda.grid(1)
        if i < out.size:
            out[i] = x[i] * x.dtype.type(factor)

    return scale_kernel


def types_of(kernel, dtype="float32"):
    return re.sub(r"\breal\b", dtype, kernel.signature)


def loaded(cache, kernel, dtype="float32"):
    """Return the PTX that the cache holds for a kernel, "" if none."""
    arguments = importlib.import_module("numba.core.sigutils").normalize_signature(
        f"void({types_of(kernel, dtype)})"
    )
    entry = cache.KernelCache(kernel.compiled).load_overload(arguments[0], kernel.compiled.targetctx)
    return "" if entry is None else "".join(text for (text,) in entry._codelibrary._ptx_cache.values())


@needs_compiler
def test_a_kernel_comes_back_from_the_disk(cache):
    with cache.pretending((9, 0)):
        for kernel in (scale(3.0), scale(5.0)):
            kernel.compiled._cache = cache.KernelCache(kernel.compiled)
            assert loaded(cache, kernel) == ""
            cache.store(kernel, types_of(kernel))
        assert "0f40400000" in loaded(cache, scale(3.0)) and "0f40A00000" in loaded(cache, scale(5.0))
        assert loaded(cache, scale(4.0)) == "" == loaded(cache, scale(3.0), "float64")
    with cache.pretending((8, 0)):
        assert loaded(cache, scale(3.0)) == ""


@needs_compiler
def test_a_damaged_or_missing_file_means_that_the_kernel_is_compiled(cache, tmp_path):
    with cache.pretending((9, 0)):
        kernel = scale(2.0)
        kernel.compiled._cache = cache.KernelCache(kernel.compiled)
        cache.store(kernel, types_of(kernel))
        (file,) = (tmp_path / "kernels" / "cuda-kernels").iterdir()
        file.write_bytes(file.read_bytes()[:-1])
        with pytest.warns(RuntimeWarning, match="is damaged"):
            assert loaded(cache, kernel) == ""


@needs_compiler
def test_a_kernel_that_the_gpu_refuses_is_compiled(cache, monkeypatch):
    with cache.pretending((9, 0)):
        kernel = scale(3.0)
        kernel.compiled._cache = cache.KernelCache(kernel.compiled)
        cache.store(kernel, types_of(kernel))
        assert loaded(cache, kernel)
        monkeypatch.setattr(cache.KernelCache, "binds", True)
        assert loaded(cache, kernel) == ""  # here is no driver


@needs_compiler
def test_processes_share_the_kernels(cache, monkeypatch):
    registers = importlib.import_module("registers")
    kernels = [("a", scale(2.0)), ("b", scale(3.0)), ("c", scale(4.0))]
    for _, kernel in kernels:
        kernel.compiled._cache = cache.KernelCache(kernel.compiled)
    monkeypatch.setattr(registers, "kernels", lambda: iter(kernels))
    monkeypatch.setattr(cache, "enable", lambda: None)
    monkeypatch.setattr(cache.os, "nice", lambda increment: None)
    for number in (0, 1):
        assert cache.compile_share(2, 9, 0, number) == 0
    with cache.pretending((9, 0)):
        assert all(loaded(cache, kernel, dtype) for _, kernel in kernels for dtype in ("float32", "float64"))


def test_without_numba_cuda_nothing_is_cached(cache, monkeypatch):
    before = launch.Kernel.__init__
    monkeypatch.setattr(cache.target, "target", lambda: "built-in")
    cache.enable()
    assert launch.Kernel.__init__ is before
