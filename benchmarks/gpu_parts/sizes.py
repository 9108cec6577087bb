"""The sizes of all parts: on a GPU, and in the simulator, where only the script itself is tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from indrnn_np.bench.cases import ITERATION, Case

Shape = tuple[int, int, int, int]


@dataclass(frozen=True)
class Sizes:
    """The sizes of all parts.

    smoke: (T, B, H) of the first contact. scans: (T, B, H) of the recurrence; long_scans: of the scan over time.
    layers: (T, B, D, H).
    copied_bytes: of the copy in the GPU's memory; transferred_bytes: between CPU and GPU. timed_products: (M, N, K).

    small_checked, checked: shapes (T, B, D, H) of the comparison with the reference. parameters: of an optimizer.
    classes: of the loss, few and many. matrices: (M, N, K) of products. network: of whole iterations.
    two_runs: iterations that are repeated. large: (T, B, H) of the recurrence over more than 2^31 numbers;
    columns: how many of its neighbouring columns are compared.

    small: a network whose iterations are mostly launches. grid: (T, columns) of the crossover; None: the command's.
    seconds, rounds: of each timing.

    The fake device of a dry run charges timing_seconds for a timing, ready_seconds for a rival to be ready,
    point_seconds for a point of the crossover, and reference_seconds for a call of the reference.
    """

    dry: bool
    smoke: tuple[int, int, int]
    scans: tuple[tuple[int, int, int], ...]
    long_scans: tuple[tuple[int, int, int], ...]
    layers: tuple[Shape, ...]
    copied_bytes: int
    transferred_bytes: int
    timed_products: tuple[tuple[int, int, int], ...]
    small_checked: tuple[Shape, ...]
    checked: tuple[Shape, ...]
    parameters: int
    classes: tuple[int, int]
    matrices: tuple[tuple[int, int, int], ...]
    network: Case
    two_runs: int
    large: tuple[int, int, int]
    columns: int
    small: Case
    grid: Any
    seconds: float
    rounds: int
    timing_seconds: float = 0.4
    ready_seconds: float = 4.0
    point_seconds: float = 4.0
    reference_seconds: float = 0.05


def network(T: int, B: int, D: int, H: int, layers: int, **options: Any) -> Case:
    return Case(f"{layers} x {H}", ITERATION, T, B, D, H, "for the GPU", layers=layers, **options)


REAL = Sizes(
    dry=False,
    smoke=(100, 8, 256),
    scans=((1024, 256, 1024), (1024, 32, 128), (5000, 50, 128)),
    long_scans=((65_536, 1, 256), (1_000_000, 1, 1024)),
    layers=((256, 32, 128, 128), (512, 32, 128, 128), (1024, 32, 128, 128)),
    copied_bytes=2**31,
    transferred_bytes=2**26,
    timed_products=((32_768, 128, 128), (4096, 4096, 4096)),
    small_checked=((100, 16, 64, 128),),
    checked=((1000, 32, 64, 128), (331, 7, 5, 129)),
    parameters=1_000_003,
    classes=(10, 1000),
    matrices=((1000, 128, 257), (33, 65, 8193), (129, 128, 32_000), (1, 1, 5), (25_088, 128, 1)),
    network=network(784, 32, 1, 128, 6, batchnorm=True, dropout=0.1),
    two_runs=3,
    large=(1100, 2048, 1024),
    columns=64,
    small=network(32, 4, 8, 16, 1),
    grid=None,
    seconds=0.2,
    rounds=5,
)
DRY = Sizes(
    dry=True,
    smoke=(3, 2, 4),
    scans=((3, 2, 4), (2, 1, 4), (5, 1, 4)),
    long_scans=((70, 1, 3), (65, 1, 2)),
    layers=((3, 2, 2, 4), (4, 2, 2, 4), (5, 2, 2, 4)),
    copied_bytes=256,
    transferred_bytes=64,
    timed_products=((5, 4, 3),),
    small_checked=((2, 4, 2, 4),),
    checked=((2, 4, 2, 4),),
    parameters=11,
    classes=(3, 33),
    matrices=((3, 5, 17), (2, 3, 5)),
    network=network(2, 2, 1, 2, 1, batchnorm=True, dropout=0.1),
    two_runs=1,
    large=(3, 2, 4),
    columns=2,
    small=network(2, 2, 1, 2, 1),
    grid=((1, 2), (2, 2)),
    seconds=1e-3,
    rounds=1,
)
