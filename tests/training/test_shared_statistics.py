"""Batch norm over the shards of all ranks: the numbers of one process without shards, and equal bits on all ranks."""

import numpy as np
import pytest
from mpi_ranks import ThreadComm, on_threads
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np.tasks.arrays import Arrays
from indrnn_np.training.shards import ShardedPass

T, D, H, K, SAMPLES = 5, 3, 4, 3, 12


def data(masked):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((T, SAMPLES, D)), np.arange(SAMPLES) % K
    return (x, y, rng.integers(2, T + 1, SAMPLES)) if masked else (x, y)


def train(comm, masked, **options):
    """The parameters, running statistics and losses of a small run."""
    layers = [
        ir.IndRNN(D, H, input_init=0.5),
        ir.BatchNorm(H),
        ir.IndRNN(H, H, input_init=0.5),
        ir.BatchNorm(H),
    ]
    net = ir.Sequential([*layers, ir.LastStep(), ir.Linear(H, K)], T, "reference", "float64", seed=1)
    fields = {"iterations": 4, "batch": 8, "log_every": 1, "validate_every": 0, "progress": False}
    result = ir.fit(net, data(masked), ir.Adam(0.05), **fields, comm=comm, **options)
    losses = result.curve("softmax_cross_entropy")[1]
    return np.array(net.flat), np.array(net.buffers.flat), losses


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("masked", [False, True])
def test_ranks_train_as_one_process_without_shards(size, masked):
    whole = train(None, masked)
    first, *others = on_threads(size, lambda comm: train(comm, masked, sync_bn=True))
    for found, expected in zip(first, whole, strict=True):
        assert_close(np.asarray(found), np.asarray(expected))
    for other in others:
        assert [np.asarray(part).tobytes() for part in other] == [
            np.asarray(part).tobytes() for part in first
        ]


def test_without_it_the_statistics_are_those_of_the_shard():
    (found, *_), _ = on_threads(2, lambda comm: train(comm, False))
    assert not np.allclose(found, train(None, False)[0])


def test_shards_that_do_not_run_at_the_same_time_are_refused():
    with pytest.raises(ValueError, match="shards is 4 with sync_bn=True and ranks: 1, expected 1 because"):
        ir.Plan(iterations=1, batch=8, shards=4, sync_bn=True)
    assert ir.Plan(iterations=1, batch=8, sync_bn=True).sync_bn  # one rank: the usual batch norm


def refused(layer, samples, message):
    """The first batch of a run on rank 0 of 4 ends with a message, before it waits for another rank."""
    net = ir.Sequential([layer, ir.LastStep(), ir.Linear(D, K)], T, "reference", "float64")
    plan = ir.Plan(iterations=1, batch=8, sync_bn=True, comm=ThreadComm(0, 4, {}))
    task = Arrays(*data(False), classes=K, seed=0)
    with pytest.raises(ValueError, match=message):
        ShardedPass(net, plan.complete(task, 0.1), ir.Workspace())(task.batch(0, samples), None)


def test_statistics_of_single_steps_are_refused():
    refused(ir.BatchNorm(D, per_step=True), 8, "sync_bn is True with per_step=True, expected False")


def test_a_batch_without_a_sample_for_each_rank_is_refused():
    refused(ir.BatchNorm(D), 3, "samples in a batch: 3, expected at least 4 because each rank takes part")
