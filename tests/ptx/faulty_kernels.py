"""Small kernels, right ones and others with one fault each: functions of one thread, x is read and y is written."""

import numpy as np

from indrnn_np._cuda.target import cuda

N = 64  # elements, and threads of all blocks
ONE_LESS = N - 1


def reverse(x, y):
    shared, t = cuda.shared.array(N, np.float32), cuda.threadIdx.x
    shared[t] = x[t]
    cuda.syncthreads()
    y[t] = shared[N - 1 - t]


def reverse_without_barrier(x, y):
    shared, t = cuda.shared.array(N, np.float32), cuda.threadIdx.x
    shared[t] = x[t]
    y[t] = shared[t ^ 1]  # of a neighbour in the same warp


def reverse_twice(x, y):
    shared, t = cuda.shared.array(N, np.float32), cuda.threadIdx.x
    for k in range(2):
        shared[t] = x[t] + k
        cuda.syncthreads()
        y[t] = shared[N - 1 - t]
        cuda.syncthreads()


def reverse_twice_with_one_barrier(x, y):
    shared, t = cuda.shared.array(N, np.float32), cuda.threadIdx.x
    for k in range(2):
        shared[t] = x[t] + k
        cuda.syncthreads()
        y[t] = shared[N - 1 - t]


def copy(x, y):
    t = cuda.grid(1)
    y[t] = x[t]


def copy_to_next(x, y):
    t = cuda.grid(1)
    y[t + 1] = x[t]


def copy_from_previous(x, y):
    t = cuda.grid(1)
    y[t] = x[np.uint64(t - 1)]


def write_one_place(x, y):
    t = cuda.grid(1)
    y[t % 32] = x[t]


def read_other_block(x, y):
    t = cuda.grid(1)
    x[t] = 1
    y[t] = x[(t + 32) % 64]


def read_own_block(x, y):
    t = cuda.grid(1)
    x[t] = 1
    cuda.syncthreads()
    y[t] = x[t ^ 1]


def add_to_output(x, y):
    t = cuda.grid(1)
    y[t] += x[t]


def small_shared(x, y):
    shared, t = cuda.shared.array(ONE_LESS, np.float32), cuda.threadIdx.x
    shared[t] = x[t]
    cuda.syncthreads()
    y[t] = shared[t]


def before_shared(x, y):
    shared, t = cuda.shared.array(N, np.float32), cuda.threadIdx.x
    shared[np.uint64(t - 1)] = x[t]
    cuda.syncthreads()
    y[t] = shared[t]


def partly_written_shared(x, y):
    shared, t = cuda.shared.array(N, np.float32), cuda.threadIdx.x
    if t != 5:
        shared[t] = x[t]
    cuda.syncthreads()
    y[t] = shared[N - 1 - t]


def return_before_barrier(x, y):
    t = cuda.threadIdx.x
    if t > 40:
        return
    cuda.syncthreads()
    y[t] = x[t]


def barrier_in_both_branches(x, y):
    t = cuda.threadIdx.x
    if t < 32:
        cuda.syncthreads()
        y[t] = x[t]
    else:
        cuda.syncthreads()
        y[t] = 2 * x[t]


def wait_for_ever(x, y):
    t = cuda.grid(1)
    while x[t] >= 0:
        y[t] = x[t]


def partly_written(x, y):
    t = cuda.grid(1)
    if t != 5:
        y[t] = x[t]


def neighbouring_bytes(x, y):
    t = cuda.grid(1)
    y[t] += x[t]
    x[t] = y[t ^ 1]


def shared_bytes(x, y):
    shared, t = cuda.shared.array(N, np.int8), cuda.threadIdx.x
    shared[t] = x[t]
    cuda.syncthreads()
    y[t] = shared[N - 1 - t]


def chain(ticket=True, acquire=True, first_barrier=True, second_barrier=True, release=True, atomic=True):
    """Return a kernel whose blocks of 2 threads wait for each other: block k adds x to what block k - 1 has found.

    flags[0] holds the number of tickets, and flags[k + 1] whether block k has written. False leaves a part out.
    """

    def kernel(x, y, flags):
        number, t = cuda.shared.array(1, np.int64), cuda.threadIdx.x
        if t == 0:
            number[0] = cuda.atomic.add(flags, 0, 1) if ticket else cuda.blockIdx.x
            while number[0] > 0 and cuda.atomic.add(flags, number[0], 0) == 0:
                pass
            if acquire:
                cuda.threadfence()
        if first_barrier:
            cuda.syncthreads()
        k = number[0]
        y[2 * k + t] = x[2 * k + t] + (y[2 * k - 1 - t] if k > 0 else 0)
        if second_barrier:
            cuda.syncthreads()
        if t == 0:
            if release:
                cuda.threadfence()
            if atomic:
                cuda.atomic.exch(flags, k + 1, 1)
            else:
                flags[k + 1] = 1

    return kernel


def reuse(wait=True):
    """Return a kernel of 2 blocks of 1 thread: the second one writes where the first, and it itself, have read."""

    def kernel(x, y, flags):
        k = cuda.atomic.add(flags, 0, 1)
        y[k] = x[0]
        cuda.threadfence()
        if k == 0:
            cuda.atomic.exch(flags, 1, 1)
        else:
            while wait and cuda.atomic.add(flags, 1, 0) == 0:
                pass
            cuda.threadfence()
            x[0] = 2

    return kernel


def meet(x, y, flags):
    """Each of 2 blocks waits for the other one."""
    k = cuda.blockIdx.x
    y[k] = x[k]
    cuda.atomic.exch(flags, k, 1)
    while cuda.atomic.add(flags, 1 - k, 0) == 0:
        pass
    cuda.threadfence()
