"""The tiled matrix product and the sums of columns, as PTX on the CPU."""

import itertools

import numpy as np
from strategies import DTYPES
from tolerances import assert_close

from indrnn_np._cuda import arrays, products
from ptx.address_width import assert_wide
from ptx.comparison import in_orders
from ptx.coverage import assert_covered

SIZES = ((1, 1, 1), (5, 3, 40), (65, 64, 64), (70, 129, 33), (64, 130, 17))


def multiply(M, N, K, transposes, dtype):
    """Compare the product with NumPy's; its bits are the same in all orders."""
    rng, bits = np.random.default_rng(K), set()
    a, b = rng.standard_normal((M, K)), rng.standard_normal((K, N))
    a, b = (matrix.astype(dtype) for matrix in (a, b))
    stored = [
        np.ascontiguousarray(m.T if turned else m) for m, turned in zip((a, b), transposes, strict=True)
    ]
    for _ in in_orders(f"product {M, N, K} {transposes} {dtype}"):
        out = arrays.empty((M, N), dtype)
        products.matmul(*map(arrays.asarray, stored), out, *transposes)
        assert_close(out.to_host(), a @ b, scale=10)  # terms are added in another order
        bits.add(out.to_host().tobytes())
    assert len(bits) == 1


def test_products(monkeypatch, programs):
    """One segment of terms, several, and one with several runs."""
    products.use("tiled")
    for transposes, dtype in itertools.product(itertools.product((False, True), repeat=2), DTYPES):
        for size in SIZES:
            multiply(*size, transposes, dtype)
        multiply(70, 66, 3 * products.SEGMENT + 5, transposes, dtype)
        with monkeypatch.context() as patch:
            patch.setattr(products, "BLOCKS", 1)
            multiply(3, 5, 2 * products.RUN + 5, transposes, dtype)
    for dtype, (rows, columns) in itertools.product(DTYPES, ((1, 1), (50, 3), (1, 70), (300, 7))):
        a = np.random.default_rng(rows).standard_normal((rows, columns)).astype(dtype)
        for _ in in_orders(f"sums of {rows, columns} {dtype}"):
            out = arrays.empty(columns, dtype)
            products.column_sums(arrays.asarray(a), out)
            assert_close(out.to_host(), a.sum(axis=0, dtype=np.float64).astype(dtype), scale=10)
    assert_covered(products.kernels(), programs())
    assert_wide(programs())
