"""The ranks of a command that mpiexec started."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

# Variables in which a launcher tells a process its rank, and the number of processes.
LAUNCHERS = (("PMI_RANK", "PMI_SIZE"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"))


def rank_and_size() -> tuple[int, int]:
    """Return the rank of this process and the number of ranks; (0, 1) without mpiexec."""
    for rank, size in LAUNCHERS:
        if rank in os.environ and size in os.environ:
            return int(os.environ[rank]), int(os.environ[size])
    return 0, 1


def silence_others() -> None:
    """Discard stdout and stderr of the ranks other than 0; `MpiRanks.ending_together` still reports errors."""
    if rank_and_size()[0] > 0:
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115


def communicator() -> Any:
    """Return MPI.COMM_WORLD if mpiexec started several processes, else None.

    Raises
    ------
    ModuleNotFoundError
        If mpi4py is not installed.
    RuntimeError
        If mpi4py belongs to another MPI library than mpiexec.
    """
    size = rank_and_size()[1]
    if size == 1:
        return None
    from .. import _check

    _check.optional("indrnn train", "mpi4py", "mpi")
    comm = importlib.import_module("mpi4py.MPI").COMM_WORLD  # the import starts MPI
    if comm.Get_size() != size:
        because = "because mpi4py uses another MPI library than mpiexec"
        problem = f"MPI.COMM_WORLD has {comm.Get_size()} ranks"
        _check.fail("indrnn train", problem, f"{size} as mpiexec started", because, error=RuntimeError)
    return comm


def refuse_ranks(command: str, instead: str) -> None:
    """Check that mpiexec did not start several processes of a command, which would all do the same work."""
    size = rank_and_size()[1]
    if size > 1:
        raise ValueError(f"{command}: mpiexec started {size} processes, expected one process, or {instead}")


def defaults() -> dict[str, int]:
    """Return the settings that have other defaults under mpiexec: one shard and one thread a rank."""
    size = rank_and_size()[1]
    return {} if size == 1 else {"shards": size, "threads": 1}
