"""Expected time of the serial recurrence and of the scan over time on a GPU, by a model of bytes and latencies.

    python benchmarks/scan_model.py          tables in Markdown: times as fast as the serial kernel

A time step takes as long as the slowest of three: the chain of dependent operations; the wait for a load, divided by
the time steps that are loaded ahead; the bytes of all threads at the memory's rate. In a single pass, states pass from
chunk to chunk while others load, compose and replay: it takes as long as the slowest of these. The constants are
estimates for an H100. Nothing here has been measured on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from indrnn_np.ops.recurrence import cuda_form
from indrnn_np.ops.recurrence.cuda_steps import GROUP
from indrnn_np.ops.recurrence.parallel_cuda_steps import AHEAD
from indrnn_np.ops.recurrence.scan import chunk_length
from indrnn_np.ops.recurrence.single_pass import LOADS, LOOK_BACK, chosen_length

LAUNCH = 4e-6  # seconds from one kernel to the next
LOAD = 0.7e-6  # seconds of a load from idle memory
CHAIN = 10e-9  # seconds of the operations of a time step that wait for each other, about 16 cycles
RATE = 2.8e12  # bytes a second
WORD = 4  # bytes of float32
MULTIPROCESSORS, TILE_BLOCKS = 132, 6  # and the blocks of a single pass that run on one: 33 of 228 KiB each
STEPS, COLUMNS = (1024, 4096, 16_384, 65_536, 1_000_000), (64, 256, 1024, 4096)


@dataclass(frozen=True)
class Pass:
    """What the kernels of one direction move and load ahead: words an element, time steps."""

    arrays: int  # that are read, in a tile
    serial_words: int
    serial_ahead: int
    compose_words: int
    compose_ahead: int
    replay_ahead: int


FORWARD = Pass(1, 2, cuda_form.FORWARD[WORD][-1], 1, AHEAD, AHEAD)
BACKWARD = Pass(2, 3, cuda_form.BACKWARD[WORD][-1], 2, AHEAD // 2, GROUP)


def step(threads: int, words: int, ahead: int) -> float:
    """Return the seconds of a time step of a kernel."""
    return max(CHAIN, LOAD / ahead, threads * words * WORD / RATE)


def serial(T: int, N: int, of: Pass = FORWARD) -> float:
    """Return the seconds of the serial kernel in its deepest form, for N columns."""
    return LAUNCH + T * step(N, of.serial_words, of.serial_ahead)


def scan(T: int, N: int, of: Pass = FORWARD) -> float:
    """Return the seconds of compose, carry and replay; carry reads the maps of GROUP chunks at once."""
    L = chunk_length(T, N)
    C = -(-T // L)
    compose = L * step(N * (C - 1), of.compose_words, of.compose_ahead)
    carry = (C - 1) * (LOAD / GROUP + 2 * CHAIN)
    replay = L * step(N * C, of.serial_words, of.replay_ahead)
    return 3 * LAUNCH + compose + carry + replay


def single(T: int, N: int, of: Pass = FORWARD) -> float:
    """Return the seconds of a single pass, and of the kernel that clears its flags.

    The state of a chunk reaches the LOOK_BACK-th chunk after it by a store, a flag, its loads, and their maps.
    """
    L = chosen_length(T, N, of.arrays)
    C, warps = -(-T // L), -(-N // 32)
    memory = T * N * of.serial_words * WORD / RATE
    states = C * ((4 * LOAD) / LOOK_BACK + 4 * CHAIN)
    block = of.arrays * L / LOADS * LOAD + 2 * L * CHAIN + 4 * LOAD  # load, compose and replay, wait
    blocks = C * warps / (MULTIPROCESSORS * TILE_BLOCKS) * block
    return 2 * LAUNCH + block + max(memory, states, blocks)


def table(form: Callable[[int, int, Pass], float] = scan) -> list[str]:
    """Return the lines of the table: serial time over the time of a scan, forward / backward."""
    lines = [f"| T \\ B·H | {' | '.join(f'{N:,}' for N in COLUMNS)} |", "|" + " ---: |" * (len(COLUMNS) + 1)]
    for T in STEPS:
        cells = (
            " / ".join(f"{serial(T, N, of) / form(T, N, of):.2g}" for of in (FORWARD, BACKWARD))
            for N in COLUMNS
        )
        lines.append(f"| {T:,} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    print("Three launches:\n", *table(scan), "\nA single pass:\n", *table(single), sep="\n", end="\n\n")
    for T, N in ((65_536, 256), (1_000_000, 1024)):
        print(
            f"({T:,}, {N}), forward of relu: serial {1e3 * serial(T, N):.3g} ms, three launches "
            f"{1e3 * scan(T, N):.3g} ms, a single pass {1e3 * single(T, N):.3g} ms"
        )
