"""Ranks of tests: mpiexec, the mark of tests that need it, and a communicator between threads."""

import importlib.util
import os
import queue
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

TESTS = Path(__file__).parent
# The extra installs mpiexec beside Python, which is not on the path without an active environment.
MPIEXEC = shutil.which(
    "mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
)
INSTALLED = importlib.util.find_spec("mpi4py") is not None and MPIEXEC is not None
needs_mpi = pytest.mark.skipif(not INSTALLED, reason="the extra mpi is not installed")


class ThreadComm:
    """The communicator of mpi4py, as `MpiRanks` calls it, between threads of one process."""

    def __init__(self, rank, size, mail):
        self.rank, self.size, self.mail = rank, size, mail

    def Get_rank(self):
        return self.rank

    def Get_size(self):
        return self.size

    def Send(self, array, to):
        self.mail[self.rank, to].put(np.array(array))

    def Recv(self, array, source):
        array[...] = self.mail[source, self.rank].get(timeout=30)

    def Sendrecv(self, array, to, recvbuf, source):
        self.Send(array, to)
        self.Recv(recvbuf, source)

    def Bcast(self, array, root):
        for to in range(self.size):
            if self.rank == root != to:
                self.Send(array, to)
        if self.rank != root:
            self.Recv(array, root)

    def allgather(self, value):
        for to in range(self.size):
            self.mail[self.rank, to].put(value)
        return [self.mail[source, self.rank].get(timeout=30) for source in range(self.size)]


def on_threads(size, function):
    """The results of function(comm) on ranks that are threads of this process."""
    mail = {(a, b): queue.Queue() for a in range(size) for b in range(size)}
    results = [None] * size

    def go(rank):
        results[rank] = function(ThreadComm(rank, size, mail))

    threads = [threading.Thread(target=go, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def mpiexec(size, *arguments):
    """Run Python with arguments on ranks, and return the completed process."""
    command = [MPIEXEC, "-n", str(size), sys.executable, *arguments]
    return subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=120)
