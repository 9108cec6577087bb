"""The ranks of a run: processes of MPI that share a batch, or the one process of a usual run.

Each rank holds the whole network, computes its shards of each batch, and makes the same update.
Recursive doubling adds the gradients of the ranks: with N = 4

    rank 0   g0 ──┬── g0 + g1 ──┬── (g0 + g1) + (g2 + g3)
    rank 1   g1 ──┘             │   the same on all ranks
    rank 2   g2 ──┬── g2 + g3 ──┘
    rank 3   g3 ──┘

In round d = 1, 2, 4, ... a rank exchanges its sum with rank XOR d, and both compute lower + higher.
The sum of an MPI library (Allreduce) has an order that depends on the number of ranks.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO, TypeVar

import numpy as np

from .. import _check
from .._types import Array, Json, Value

T = TypeVar("T")
FIRST_SPEAKS = 1.0  # seconds that other ranks wait before they report an error, which rank 0 may have too
# Errors whose message is enough.
EXPLAINED = (
    ValueError, TypeError, OSError, MemoryError, RuntimeError, ArithmeticError, ModuleNotFoundError,
    KeyboardInterrupt,
)  # fmt: skip
# Exit code of each kind of error, as in commands/cli.py.
CODES: dict[type[BaseException], int] = {KeyboardInterrupt: 130, ArithmeticError: 1, BaseException: 2}


class OneRank:
    """The ranks of a run in one process: rank 0 of 1, which communicates with no other."""

    rank, size = 0, 1

    def add(self, loss: float, gradient: Array) -> float:
        """Replace the gradient (P,) in place by its sum over the ranks, and return the sum of the losses."""
        return loss

    def relay(self, change: Callable[[Array], Array], array: Array, step: int = 1) -> Array:
        """Return the array after this rank changed it, from its value after the rank before.

        The order is from rank 0 to the last rank with step 1, and back with step -1. The first rank
        changes its own `array`; those of the others have the same shape.
        """
        return change(array)

    def in_turn(self, change: Callable[[Array], Array], array: Array) -> Array:
        """Return the array after all ranks changed it, in the order of the ranks."""
        return change(array)

    def gather_arrays(self, *arrays: Array) -> list[Array]:
        """Return each array (...) of all ranks as (N, ...), in the order of the ranks."""
        return [array[None] for array in arrays]

    def gather(self, values: list[T]) -> list[T]:
        """Return the values of all ranks, in the order of the ranks."""
        return values

    def first_true(self, value: T) -> T:
        """Return the value of the lowest rank whose value is true, or the own value without one."""
        return value

    def check_equal(self, where: str, facts: Callable[[], Json]) -> None:
        """Check that the facts, JSON values or arrays by name, are the same on all ranks."""

    @contextmanager
    def ending_together(self) -> Iterator[None]:
        """End all ranks with one sentence if an exception leaves the block on one of them."""
        yield


class MpiRanks(OneRank):
    """The ranks of a communicator of mpi4py.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
        Communicator, such as `MPI.COMM_WORLD`.
    """

    def __init__(self, comm: Value) -> None:
        self.comm, self.rank, self.size = comm, comm.Get_rank(), comm.Get_size()

    def add(self, loss: float, gradient: Array) -> float:
        total, distance = np.array([loss]), 1
        while distance < self.size:
            for array in total, gradient:
                self._add(array, self.rank ^ distance)
            distance *= 2
        return float(total[0])

    def _add(self, array: Array, other: int) -> None:
        """Replace an array in place by its sum with that of another rank, lower rank + higher rank."""
        received = np.empty_like(array)
        self.comm.Sendrecv(array, other, recvbuf=received, source=other)
        lower, higher = (array, received) if self.rank < other else (received, array)
        np.add(lower, higher, out=array)

    def relay(self, change: Callable[[Array], Array], array: Array, step: int = 1) -> Array:
        array, before, after = np.array(array), self.rank - step, self.rank + step
        if 0 <= before < self.size:
            self.comm.Recv(array, before)
        array = np.array(change(array))
        if 0 <= after < self.size:
            self.comm.Send(array, after)
        return array

    def in_turn(self, change: Callable[[Array], Array], array: Array) -> Array:
        array = self.relay(change, array)
        self.comm.Bcast(array, self.size - 1)
        return array

    def gather_arrays(self, *arrays: Array) -> list[Array]:
        own = np.frombuffer(b"".join(array.tobytes() for array in arrays), np.uint8)
        every = np.empty((self.size, len(own)), np.uint8)
        self.comm.Allgather(own, every)  # one message for all arrays
        edges = np.cumsum([array.nbytes for array in arrays])[:-1]
        parts = zip(arrays, np.split(every, edges, axis=1), strict=True)
        return [
            np.frombuffer(part.tobytes(), array.dtype).reshape(self.size, *array.shape)
            for array, part in parts
        ]

    def gather(self, values: list[T]) -> list[T]:
        return [value for part in self.comm.allgather(values) for value in part]

    def first_true(self, value: T) -> T:
        return next((other for other in self.comm.allgather(value) if other), value)

    def check_equal(self, where: str, facts: Callable[[], Json]) -> None:
        every = self.comm.allgather({name: digest(value) for name, value in facts().items()})
        for rank, other in enumerate(every):
            for name, value in every[0].items():
                if other[name] != value:
                    because = "because all ranks make the same updates"
                    _check.fail(where, f"rank {rank} has other {name} than rank 0", "the same", because)

    @contextmanager
    def ending_together(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:  # noqa: BLE001, whatever ends one rank ends all
            if self.rank:
                time.sleep(FIRST_SPEAKS)
            self._report(error, (sys.__stderr__ if self.rank else None) or sys.stderr)
            code = next(code for kind, code in CODES.items() if isinstance(error, kind))
            self.comm.Abort(code)
            os._exit(code)  # Abort may return before it ends this process

    def _report(self, error: BaseException, stream: TextIO) -> None:
        """Write one sentence about an error, and the traceback of an unexpected one."""
        if not isinstance(error, EXPLAINED):
            traceback.print_exception(error, file=stream)
        text = "aborted" if isinstance(error, KeyboardInterrupt) else str(error) or type(error).__name__
        stream.write(f"indrnn: rank {self.rank} of {self.size}: {text}\n")
        stream.flush()
        sys.stdout.flush()


def ranks_of(comm: Value) -> OneRank:
    """Return the ranks of a communicator, or of this process if it is None."""
    return OneRank() if comm is None else MpiRanks(comm)


def digest(value: Value) -> str:
    """Return the SHA-256 of a NumPy array, or of JSON that may contain arrays."""

    def plain(part: Value) -> str:
        return digest(part) if isinstance(part, np.ndarray) else repr(part)

    if isinstance(value, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=plain).encode()).hexdigest()


def check_communicator(where: str, comm: Value) -> None:
    """Check that `comm` is a communicator of 1, 2, 4, ... ranks, or None."""
    if comm is not None and not all(hasattr(comm, name) for name in ("Get_rank", "Sendrecv", "allgather")):
        expected = "a communicator of mpi4py, such as MPI.COMM_WORLD"
        _check.fail(where, f"comm is {comm!r:.60}", expected, error=TypeError)
    size = ranks_of(comm).size
    if size & (size - 1):
        because = "because the ranks add their gradients in pairs"
        _check.fail(where, f"comm has {size} ranks", "a power of two", because)
