"""Find NVIDIA's cuBLAS and compute C = A B with it, through its C interface.

ctypes calls the library; cuda-pathfinder, a dependency of numba-cuda, finds it. CuPy would add 69 MB and a second array
type. nvmath-python would add a package that cannot be imported without a driver.

cuBLAS sums in its own order, in the arrays' dtype. On one GPU and in one stream, its results have the same bits from
run to run. It works in memory of this package, so that a product allocates nothing, also while a graph is captured.
All streams share that memory: a graph is launched into stream 0, so that no two products run at once.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
from typing import Any

import numpy as np

from .. import _check
from .arrays import DeviceArray
from .launch import run
from .pool import Pool
from .target import SIMULATED

WORKSPACE = 2**25  # bytes: 32 MiB, which cuBLAS recommends from compute capability 9.0 on
DEFAULT_MATH, TF32_MATH = 0, 3  # cublasMath_t; the default multiplies float32 in float32
_handle, _address, _int, _long = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64


def _gemm(scalar_type: Any) -> tuple[Any, ...]:
    scalar = ctypes.POINTER(scalar_type)
    return (_handle, _int, _int, _long, _long, _long, scalar, _address, _long, _address, _long, scalar, _address,
            _long)  # fmt: skip


SIGNATURES = {
    "cublasCreate_v2": (ctypes.POINTER(_handle),),
    "cublasSetStream_v2": (_handle, _address),
    "cublasSetWorkspace_v2": (_handle, _address, ctypes.c_size_t),
    "cublasSetMathMode": (_handle, _int),
    "cublasGetProperty": (_int, ctypes.POINTER(_int)),
    "cublasGetStatusName": (_int,),
    "cublasSgemm_v2_64": _gemm(ctypes.c_float),  # 64-bit sizes, since cuBLAS 12
    "cublasDgemm_v2_64": _gemm(ctypes.c_double),
}
GEMM = {"float32": ("cublasSgemm_v2_64", ctypes.c_float), "float64": ("cublasDgemm_v2_64", ctypes.c_double)}


class Cublas:
    """The loaded library; `library` has its C functions as attributes. The first product creates the handle."""

    def __init__(self, library: Any) -> None:
        self.library, self.uses_tf32, self._stream = library, False, -1  # no stream yet
        for name, types in SIGNATURES.items():
            getattr(library, name).argtypes = types
        library.cublasGetStatusName.restype = ctypes.c_char_p

    def __str__(self) -> str:
        parts = [ctypes.c_int() for _ in range(3)]
        for kind, part in enumerate(parts):
            self._call("cublasGetProperty", kind, ctypes.byref(part))
        version = ".".join(str(part.value) for part in parts)
        return f"cuBLAS {version}" + (" with TF32" if self.uses_tf32 else "")

    @functools.cached_property
    def handle(self) -> ctypes.c_void_p:
        """The handle of the library."""
        handle = ctypes.c_void_p()
        self._call("cublasCreate_v2", ctypes.byref(handle))
        return handle

    @functools.cached_property
    def workspace(self) -> DeviceArray:
        """Memory of the products. Its pool is its own: it is no array of a network, nor of a graph."""
        return DeviceArray(Pool().take(WORKSPACE), 0, (WORKSPACE,), np.dtype(np.uint8))

    def _use_stream(self, stream: int) -> None:
        """Run the following products in a stream, in which numba's kernels run, with the workspace."""
        if stream != self._stream:
            self._call("cublasSetStream_v2", self.handle, stream or None)
            self._call(
                "cublasSetWorkspace_v2", self.handle, self.workspace.pointer, WORKSPACE
            )  # reset by SetStream
            self._stream = stream

    def tf32(self, on: bool) -> None:
        """Multiply float32 in TF32, which keeps 10 of the 23 bits of the mantissa, or in float32."""
        self._call("cublasSetMathMode", self.handle, TF32_MATH if on else DEFAULT_MATH)
        self.uses_tf32 = on

    def matmul(
        self, a: DeviceArray, b: DeviceArray, out: DeviceArray, transpose_a: bool, transpose_b: bool
    ) -> None:
        """Fill `out` with A B, as products.matmul does, for sizes above 0.

        cuBLAS stores matrices by columns, so it sees the transpose of each array and computes Cᵀ = Bᵀ Aᵀ.
        """
        (M, N), K = out.shape, a.shape[0 if transpose_a else 1]
        name, scalar = GEMM[out.dtype.name]
        sizes = f"for ({M}, {K}) times ({K}, {N}) of {out.dtype}"
        arguments = (
            int(transpose_b), int(transpose_a), N, M, K, ctypes.byref(scalar(1)), b.pointer, b.shape[1], a.pointer,
            a.shape[1], ctypes.byref(scalar(0)), out.pointer, N,
        )  # fmt: skip
        handle = self.handle  # created here, because a capture must not create it

        def start(stream: Any) -> None:
            self._use_stream(int(stream))
            self._call(name, handle, *arguments, because=sizes)

        run(start, a, b, out, self.workspace, name="a product of cuBLAS")

    def _call(self, name: str, *args: Any, because: str = "") -> None:
        status = getattr(self.library, name)(*args)
        if status:
            problem = f"{name} returned {self.library.cublasGetStatusName(status).decode()} ({status})"
            _check.fail("cuBLAS", problem, "CUBLAS_STATUS_SUCCESS", because, error=RuntimeError)


@functools.cache
def find() -> tuple[Cublas | None, str]:
    """Return the library and "", or None and the reason why it cannot be used."""
    if SIMULATED:
        return None, "kernels run in the simulator"
    try:
        library = importlib.import_module("cuda.pathfinder").load_nvidia_dynamic_lib("cublas")
    except (ImportError, RuntimeError) as error:  # cuda-pathfinder's own errors are RuntimeErrors
        return None, str(error).splitlines()[0]
    return Cublas(ctypes.CDLL(library.abs_path)), ""


def require() -> Cublas:
    """Return the library.

    Raises
    ------
    RuntimeError
        If cuBLAS cannot be used; the message says what to install.
    """
    library, reason = find()
    if library is None:
        _check.fail("cuBLAS", f"it cannot be used ({reason})", "a GPU and the library libcublas",
                    "from pip install 'cuda-toolkit[cublas]==13.0.*'", error=RuntimeError)  # fmt: skip
    return library
