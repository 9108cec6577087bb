"""C = A B and the sums of columns on the GPU, by each twin that is there; and how cuBLAS is called."""

import ctypes
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from cublas_stub import Stub, host, loaded
from tolerances import assert_close, nan_filled

from indrnn_np._cuda import arrays, products, target
from indrnn_np._cuda import cublas as _cublas

NAMES = ["tiled", *(["cublas"] if _cublas.find()[0] else [])]
needs_kernels = pytest.mark.skipif(not target.available(), reason="needs a GPU, or NUMBA_ENABLE_CUDASIM=1")
each_transposition = pytest.mark.parametrize("transpose_b", [False, True])
each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


@pytest.fixture(params=NAMES)
def library(request, monkeypatch):
    monkeypatch.setattr(products, "_chosen", [])
    products.use(request.param)
    return request.param


def matrices(M, K, N, dtype, transpose_a=False, transpose_b=False):
    """a, b as they are stored, and A B from float64."""
    rng = np.random.default_rng(M * K + N)
    A, B = (rng.standard_normal(shape).astype(dtype) for shape in ((M, K), (K, N)))
    product = (A.astype(np.float64) @ B.astype(np.float64)).astype(dtype)
    a, b = (np.ascontiguousarray(x.T if t else x) for x, t in ((A, transpose_a), (B, transpose_b)))
    return a, b, product


def matmul(a, b, shape, *transposed):
    out = arrays.asarray(nan_filled(shape, a.dtype))
    products.matmul(arrays.asarray(a), arrays.asarray(b), out, *transposed)
    return out.to_host()


@needs_kernels
@pytest.mark.parametrize("transpose_a", [False, True])
@each_transposition
@each_dtype
@pytest.mark.parametrize("sizes", [(1, 1, 1), (5, 3, 7), (17, 2, 3), (3, 19, 18), (16, 8, 16), (65, 5, 1)])
def test_products(library, sizes, dtype, transpose_b, transpose_a):
    M, K, N = sizes
    a, b, product = matrices(M, K, N, dtype, transpose_a, transpose_b)
    assert_close(matmul(a, b, (M, N), transpose_a, transpose_b), product)


@needs_kernels
@pytest.mark.parametrize("sizes", [(0, 3, 2), (2, 3, 0), (2, 0, 3), (0, 0, 0)])
def test_nothing_to_multiply(library, sizes):
    M, K, N = sizes
    assert np.array_equal(matmul(np.ones((M, K)), np.ones((K, N)), (M, N)), np.zeros((M, N)))


@needs_kernels
@each_transposition
@each_dtype
def test_many_terms_are_added_in_segments(dtype, transpose_b, monkeypatch):
    monkeypatch.setattr(products, "_chosen", [None])
    monkeypatch.setattr(products, "SEGMENT", 10)
    assert products.segments_of(2, 45) == (16, 3)
    a, b, product = matrices(3, 45, 17, dtype, True, transpose_b)
    found = matmul(a, b, (3, 17), True, transpose_b)
    assert_close(found, product)
    assert matmul(a, b, (3, 17), True, transpose_b).tobytes() == found.tobytes()


@pytest.mark.parametrize("tiles", [1, 3, 100, 5000])
@pytest.mark.parametrize("K", [0, 1, 7, 512, 1024, 25_000, 1_280_000])
def test_segments_hold_every_term_once(tiles, K):
    length, segments = products.segments_of(tiles, K)
    assert length % products.DEPTH == 0 and length >= 1
    assert (segments - 1) * length < max(K, 1) <= segments * length
    assert segments == 1 or (segments * tiles <= products.BLOCKS and length >= products.SEGMENT)
    assert segments > 1 or tiles > products.BLOCKS // 2 or K < 2 * products.SEGMENT


@needs_kernels
def test_a_long_sum_of_float32_loses_nothing_from_run_to_run(monkeypatch):
    """2^24 + 1 is 2^24 in float32."""
    monkeypatch.setattr(products, "_chosen", [None])
    a = np.ones((1, products.RUN + 64), np.float32)
    a[0, : products.RUN] = 0
    a[0, 0] = 2**24
    assert matmul(a, np.ones((a.size, 1), np.float32), (1, 1)) == 2**24 + 64


@needs_kernels
@each_dtype
@pytest.mark.parametrize("rows, columns", [(0, 3), (1, 1), (2, 5), (37, 3), (100, 1)])
def test_sums_of_columns(rows, columns, dtype):
    a = np.random.default_rng(0).standard_normal((rows, columns)).astype(dtype)
    out = arrays.asarray(nan_filled(columns, dtype))
    products.column_sums(arrays.asarray(a), out)
    assert_close(out.to_host(), a.sum(axis=0, dtype=np.float64).astype(dtype))


@needs_kernels
def test_columns_are_summed_in_float64():
    a, out = np.ones((65, 2), np.float32), arrays.empty(2, np.float32)
    a[0] = 2**24
    products.column_sums(arrays.asarray(a), out)
    assert out.to_host().tolist() == [2**24 + 64] * 2


@needs_kernels
def test_sizes_that_do_not_fit_are_refused(library):
    with pytest.raises(ValueError, match=r"matmul: b has shape \(4, 2\), expected \(3, 2\) to match a"):
        matmul(np.ones((5, 3)), np.ones((4, 2)), (5, 2))
    with pytest.raises(ValueError, match=r"matmul: out has shape \(2, 5\), expected \(5, 2\) to match a"):
        matmul(np.ones((5, 3)), np.ones((3, 2)), (2, 5))


@pytest.mark.parametrize("transpose_a", [False, True])
@each_transposition
@each_dtype
@pytest.mark.parametrize("sizes", [(1, 1, 1), (5, 3, 7), (1, 4, 9), (8, 1, 2)])
def test_what_cublas_is_told(sizes, dtype, transpose_b, transpose_a):
    M, K, N = sizes
    a, b, product = matrices(M, K, N, dtype, transpose_a, transpose_b)
    out, stub = nan_filled((M, N), dtype), Stub()
    cublas = loaded(stub)
    for _ in range(2):
        cublas.matmul(host(a), host(b), host(out), transpose_a, transpose_b)
        assert_close(out, product)
    workspace = ("workspace", 77, cublas.workspace.pointer, 2**25)
    assert stub.calls == [("create",), ("stream", 77, None), workspace]  # once


def test_tf32_is_off_unless_asked_for():
    stub = Stub()
    cublas = loaded(stub)
    assert str(cublas) == "cuBLAS 13.1.0"
    cublas.tf32(True)
    assert str(cublas) == "cuBLAS 13.1.0 with TF32"
    cublas.tf32(False)
    assert str(cublas) == "cuBLAS 13.1.0"
    assert [call for call in stub.calls if call[0] == "math"] == [("math", 77, 3), ("math", 77, 0)]


def test_an_answer_of_cublas_that_is_no_success_is_an_error():
    stub, x = Stub(), np.ones((2, 3))
    cublas = loaded(stub)
    cublas.matmul(host(x), host(x), host(np.empty((2, 2))), False, True)
    stub.status = 13
    words = (
        r"cuBLAS: cublasDgemm_v2_64 returned CUBLAS_STATUS_EXECUTION_FAILED \(13\), expected CUBLAS_STATUS_SUCCESS "
        r"for \(2, 3\) times \(3, 2\) of float64"
    )
    with pytest.raises(RuntimeError, match=words):
        cublas.matmul(host(x), host(x), host(np.empty((2, 2))), False, True)
    with pytest.raises(
        RuntimeError, match=r"cublasSetMathMode returned CUBLAS_STATUS_EXECUTION_FAILED \(13\)"
    ):
        cublas.tf32(True)


def test_cublas_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(products, "_chosen", [])
    monkeypatch.setattr(_cublas, "find", lambda: (None, "no libcublas.so"))
    words = r"cuBLAS: it cannot be used \(no libcublas.so\), expected .* pip install 'cuda-toolkit\[cublas\]"
    with pytest.raises(RuntimeError, match=words):
        products.use("cublas")
    with pytest.raises(RuntimeError, match=words):
        products.tf32(True)
    with pytest.raises(ValueError, match="name is 'mkl', expected one of 'cublas', 'tiled'"):
        products.use("mkl")
    assert products.product_library() == "tiled kernel"


def test_cublas_that_is_there_is_used(monkeypatch):
    stub = Stub()
    monkeypatch.setattr(products, "_chosen", [])
    monkeypatch.setattr(_cublas, "find", lambda: (_cublas.Cublas(stub), ""))
    assert products.product_library() == "cuBLAS 13.1.0"
    products.use("tiled")
    assert products.product_library() == "tiled kernel"
    products.use("cublas")
    products.tf32(True)
    assert ("math", 77, 3) in stub.calls


def test_where_cublas_is_looked_for(monkeypatch):
    monkeypatch.setattr(_cublas, "SIMULATED", True)
    assert _cublas.find.__wrapped__() == (None, "kernels run in the simulator")
    monkeypatch.setattr(_cublas, "SIMULATED", False)
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", None)
    found, reason = _cublas.find.__wrapped__()
    assert found is None and "cuda" in reason

    def absent(name):
        raise RuntimeError(f"no lib{name}.so\nin /any/folder")

    monkeypatch.setitem(sys.modules, "cuda.pathfinder", SimpleNamespace(load_nvidia_dynamic_lib=absent))
    assert _cublas.find.__wrapped__() == (None, "no libcublas.so")

    opened = []
    monkeypatch.setattr(ctypes, "CDLL", lambda path: opened.append(path) or Stub())
    load = lambda name: SimpleNamespace(abs_path=f"lib{name}.so")  # noqa: E731
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", SimpleNamespace(load_nvidia_dynamic_lib=load))
    found, reason = _cublas.find.__wrapped__()
    assert (str(found), reason, opened) == ("cuBLAS 13.1.0", "", ["libcublas.so"])
