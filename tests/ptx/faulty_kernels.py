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
