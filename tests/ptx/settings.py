"""Options of the emulator: variables of this module, which tests set."""

from collections.abc import Callable, Iterable
from typing import Any

seed = 0  # of the order of blocks and threads, and of the contents of uninitialised memory
order: str | None = None  # of a block's threads, one of ORDERS; None: seed % 4 selects it
resident: int | None = (
    None  # blocks of a kernel with fences that run at once; None: seed % 4 selects from RESIDENT
)
multiprocessors = 4  # launchers choose the size of blocks by it
capability = (9, 0)  # compute capability that kernels are compiled for
ulps = 0  # the largest error of approximate functions, in units in the last place
fuel = 2_000_000_000  # jumps of a launch before it counts as hanging

# Change the PTX of a kernel before it is translated: mutate(name, text) -> text.
mutate: Callable[[str, str], str] | None = None

# Choose the blocks that run: only_blocks(name, number of blocks, block, arguments) -> numbers; empty: all.
only_blocks: Callable[[str, int, tuple[int, int, int], tuple[Any, ...]], Iterable[int]] | None = None

# "ascending", "descending": each thread runs up to the barrier, in the order of the threads. "random": threads
# alternate after a random number of accesses. "warps": the threads of a warp alternate after each access.
ORDERS = ("ascending", "descending", "random", "warps")

RESIDENT = (3, 2, 5, 1)
