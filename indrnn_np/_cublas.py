"""NVIDIA's cuBLAS through its C interface: where it is found, and C = A B with it.

Called by ctypes and found by cuda-pathfinder, which numba-cuda brings along. CuPy would be 69 MB more and a second
type of array beside ours; nvmath-python one package more, which without a driver cannot even be imported.

It orders sums as it likes, in the arrays' dtype; on one card, from one stream, it gives equal bits from run to run.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
from typing import Any

from . import _check, _recording
from ._cuda import SIMULATED
from ._device import DeviceArray

DEFAULT_MATH, TF32_MATH = 0, 3  # cublasMath_t; what float32 is multiplied in without TF32 is float32
_handle, _address, _int, _long = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64


def _gemm(number: Any) -> tuple[Any, ...]:
    scalar = ctypes.POINTER(number)
    return (_handle, _int, _int, _long, _long, _long, scalar, _address, _long, _address, _long, scalar, _address,
            _long)  # fmt: skip


SIGNATURES = {
    "cublasCreate_v2": (ctypes.POINTER(_handle),),
    "cublasSetStream_v2": (_handle, _address),
    "cublasSetMathMode": (_handle, _int),
    "cublasGetProperty": (_int, ctypes.POINTER(_int)),
    "cublasGetStatusName": (_int,),
    "cublasSgemm_v2_64": _gemm(ctypes.c_float),  # with sizes of 64 bits, since cuBLAS 12
    "cublasDgemm_v2_64": _gemm(ctypes.c_double),
}
GEMM = {"float32": ("cublasSgemm_v2_64", ctypes.c_float), "float64": ("cublasDgemm_v2_64", ctypes.c_double)}


class Cublas:
    """The library; `library` has its C functions as attributes. Its handle is made at the first product."""

    def __init__(self, library: Any) -> None:
        self.library, self.uses_tf32, self._stream = library, False, _recording.NULL_STREAM
        for name, types in SIGNATURES.items():
            getattr(library, name).argtypes = types
        library.cublasGetStatusName.restype = ctypes.c_char_p

    def __str__(self) -> str:
        parts = [ctypes.c_int() for _ in range(3)]
        for number, part in enumerate(parts):
            self._call("cublasGetProperty", number, ctypes.byref(part))
        version = ".".join(str(part.value) for part in parts)
        return f"cuBLAS {version}" + (" with TF32" if self.uses_tf32 else "")

    @functools.cached_property
    def handle(self) -> ctypes.c_void_p:
        """The library's state. Products run in stream 0, in order with numba's kernels, and in a graph's stream."""
        handle = ctypes.c_void_p()
        self._call("cublasCreate_v2", ctypes.byref(handle))
        self._call("cublasSetStream_v2", handle, None)
        return handle

    def _go_to(self, stream: int) -> None:
        """Products from now on run in that stream."""
        if stream != self._stream:
            self._call("cublasSetStream_v2", self.handle, stream or None)
            self._stream = stream

    def tf32(self, on: bool) -> None:
        """Multiply float32 in TF32, which keeps 10 of its 23 bits behind the point, or in float32."""
        self._call("cublasSetMathMode", self.handle, TF32_MATH if on else DEFAULT_MATH)
        self.uses_tf32 = on

    def matmul(
        self, a: DeviceArray, b: DeviceArray, out: DeviceArray, transpose_a: bool, transpose_b: bool
    ) -> None:
        """Fill `out` with A B, as _products.matmul does, for sizes above 0.

        cuBLAS goes down columns, so that it sees the transpose of each of our arrays: Cᵀ = Bᵀ Aᵀ.
        """
        (M, N), K = out.shape, a.shape[0 if transpose_a else 1]
        name, number = GEMM[out.dtype.name]
        sizes = f"for ({M}, {K}) times ({K}, {N}) of {out.dtype}"
        given = (
            int(transpose_b), int(transpose_a), N, M, K, ctypes.byref(number(1)), b.pointer, b.shape[1], a.pointer,
            a.shape[1], ctypes.byref(number(0)), out.pointer, N,
        )  # fmt: skip

        def start(stream: Any) -> None:
            self._go_to(int(stream))
            self._call(name, self.handle, *given, because=sizes)

        _recording.run(start, a, b, out)

    def _call(self, name: str, *args: Any, because: str = "") -> None:
        status = getattr(self.library, name)(*args)
        if status:
            answer = f"{name} answered {self.library.cublasGetStatusName(status).decode()} ({status})"
            _check.fail("cuBLAS", answer, "CUBLAS_STATUS_SUCCESS", because, error=RuntimeError)


@functools.cache
def find() -> tuple[Cublas | None, str]:
    """The library, or None and why it cannot be used."""
    if SIMULATED:
        return None, "kernels run in the simulator"
    try:
        loaded = importlib.import_module("cuda.pathfinder").load_nvidia_dynamic_lib("cublas")
    except (ImportError, RuntimeError) as error:  # cuda-pathfinder's own errors are RuntimeErrors
        return None, str(error).splitlines()[0]
    return Cublas(ctypes.CDLL(loaded.abs_path)), ""


def require() -> Cublas:
    """The library.

    Raises RuntimeError with why it cannot be used and what to install.
    """
    library, reason = find()
    if library is None:
        _check.fail("cuBLAS", f"it cannot be used ({reason})", "a GPU and the library libcublas",
                    "from pip install 'cuda-toolkit[cublas]==13.0.*'", error=RuntimeError)  # fmt: skip
    return library
