"""A stand-in for cuBLAS, on NumPy."""

import ctypes
from types import SimpleNamespace

import numpy as np

from indrnn_np._cuda import cublas


def loaded(stub):
    """Return cuBLAS with the functions of a stub, and a workspace in CPU memory."""
    found = cublas.Cublas(stub)
    found.workspace = host(np.empty(cublas.WORKSPACE, np.uint8))
    return found


class Stub:
    """cuBLAS's C interface as its header has it, on NumPy: columns of memory at the addresses that it is given."""

    def __init__(self):
        self.calls, self.status = [], 0
        address, number, size = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
        returns = lambda *types: ctypes.CFUNCTYPE(ctypes.c_int, *types)  # noqa: E731
        gemm = returns(address, number, number, size, size, size, address, address, size, address, size, address,
                       address, size)  # fmt: skip
        self.cublasCreate_v2 = returns(ctypes.POINTER(address))(self.create)
        self.cublasSetStream_v2 = returns(address, address)(lambda *args: self.note("stream", *args))
        self.cublasSetWorkspace_v2 = returns(address, address, ctypes.c_size_t)(
            lambda *args: self.note("workspace", *args)
        )
        self.cublasSetMathMode = returns(address, number)(lambda *args: self.note("math", *args))
        self.cublasGetProperty = returns(number, ctypes.POINTER(number))(self.version)
        self.cublasGetStatusName = lambda status: b"CUBLAS_STATUS_EXECUTION_FAILED"
        self.cublasSgemm_v2_64 = gemm(lambda *args: self.gemm(ctypes.c_float, *args))
        self.cublasDgemm_v2_64 = gemm(lambda *args: self.gemm(ctypes.c_double, *args))

    def note(self, *call):
        self.calls.append(call)
        return self.status

    def create(self, handle):
        handle[0] = 77
        return self.note("create")

    def version(self, which, value):
        value[0] = (13, 1, 0)[which]
        return 0

    def gemm(self, number, handle, op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
        if self.status:
            return self.status
        scalar = lambda address: number.from_address(address).value  # noqa: E731
        assert handle == 77 and (scalar(alpha), scalar(beta)) == (1, 0)

        def matrix(address, rows, columns, stride):
            assert stride >= rows
            flat = np.ctypeslib.as_array((number * (stride * columns)).from_address(address))
            return flat.reshape(columns, stride)[:, :rows].T

        A = matrix(a, *((k, m) if op_a else (m, k)), lda)
        B = matrix(b, *((n, k) if op_b else (k, n)), ldb)
        matrix(c, m, n, ldc)[...] = (A.T if op_a else A) @ (B.T if op_b else B)
        return 0


def host(array):
    """Return the shape, dtype and address of an array, which cuBLAS receives."""
    return SimpleNamespace(shape=array.shape, dtype=array.dtype, pointer=array.ctypes.data)
