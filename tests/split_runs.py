"""Passes of small networks split over the ranks of mpiexec, compared with one process: python -m split_runs."""

import numpy as np
from mpi4py import MPI
from tolerances import assert_close

import indrnn_np as ir

T, B, D, H = 90, 3, 2, 5
RANKS = MPI.COMM_WORLD.Get_size()
FORM = {"steps": T, "dtype": "float64", "backend": "reference", "seed": 3}


def layers(activation, **options):
    """Two recurrent layers with a Linear between and after them."""
    first = ir.IndRNN(D, H, activation, "symmetric", input_init=0.7, **options)
    second = ir.Recurrence(H, activation, "symmetric")
    return [first, ir.Linear(H, H), second, ir.Linear(H, 2)]


def network(activation, u=None, **options):
    net = ir.Sequential(layers(activation, **options), **FORM)
    rng = np.random.default_rng(5)
    for name in ("0.b", "1.b", "0.h0"):
        if name in net.params:
            net.params[name][...] = rng.standard_normal(H) / 2
    net.params["0.u"][0] = 0
    if u is not None:
        net.params["0.u"][1:] = u
    return net


def pieces(unequal):
    """The first time step of each rank, and T."""
    edges = [r * T // RANKS for r in range(RANKS + 1)]
    return [0, *(edge + 7 for edge in edges[1:-1]), T] if unequal else edges


def compare(net, x, relays, unequal=False, scale=1.0):
    """Compare y and the gradients with one process, and count how often the state passes from rank to rank."""
    comm = MPI.COMM_WORLD
    rank, edges = comm.Get_rank(), pieces(unequal)
    own = slice(edges[rank], edges[rank + 1])
    dy = np.random.default_rng(1).standard_normal((T, B, 2)).astype(x.dtype)
    split, seen = ir.TimeSplit(net, comm), []
    relay = split.ranks.relay
    split.ranks.relay = lambda *arguments: (seen.append(arguments), relay(*arguments))[1]
    y, tape = split.forward(x[own])
    grads = split.backward(dy[own], tape)
    whole, _, tape = net.forward(x)
    expected = net.backward(dy, tape)[2]
    assert_close(y, whole[own], "y", scale)
    for name in grads:
        assert_close(grads[name], expected[name], name, scale)
    assert len(set(comm.allgather(grads.flat.tobytes()))) == 1
    assert len(seen) == relays, (len(seen), relays)
    return "ok"


def main():
    x = np.random.default_rng(0).standard_normal((T, B, D))
    with_nan = x.copy()
    with_nan[T // RANKS - 2, 1, 0] = np.nan
    unsafe = 2 if RANKS > 2 else 0  # 30^22 exceeds the limit; only pieces in the middle have a map
    done = [
        compare(network("relu"), x, 0),
        compare(network("relu", u=[1, -1, 0.99, -0.5], constrain=False), x, 0, unequal=True),
        compare(network("identity", learn_h0=True), x, 0),
        compare(network("tanh", learn_h0=True), x, 2),
        compare(network("sigmoid"), x, 2, unequal=True),
        compare(network("relu", time="parallel"), x, 0),
        compare(network("identity", u=30.0, constrain=False), x, unsafe),
        compare(network("relu"), with_nan, 2),
        compare(network("relu").astype("float32", "cpu"), x.astype(np.float32), 0),
    ]
    if MPI.COMM_WORLD.Get_rank() == 0:
        print(f"{len(done)} networks on {RANKS} ranks")


if __name__ == "__main__":
    main()
