"""Sharing work between threads: order, errors, and one BLAS at a time."""

import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from indrnn_np._cpu import threads


@pytest.fixture
def three_threads(monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 1)
    monkeypatch.setattr(threads, "_chosen", [3])


@pytest.mark.parametrize("count", [1, 2, 3, 7, 30])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_turns_come_in_order_and_one_at_a_time(three_threads, count, n):
    """Whatever a turn and the work around it take."""
    rng, log, inside = np.random.default_rng(0), [], []
    naps = rng.random((3, count)) * 1e-3
    prepared, finished, who = set(), set(), {}

    def before(i):
        time.sleep(naps[0, i])
        prepared.add(i)
        who[i] = threading.get_ident()

    def turn(i):
        assert i in prepared and not inside and who[i] == threading.get_ident()
        inside.append(i)
        time.sleep(naps[1, i])
        log.append(inside.pop())

    def after(i):
        assert i in log
        time.sleep(naps[2, i])
        finished.add(i)

    threads.relay(count, n, 10**6, turn, before, after)
    assert log == list(range(count)) and finished == set(range(count))
    if count > n:  # with one item each, a thread may run two runners in a row
        assert len(set(who.values())) == n
    assert all(who[i] == who[i - n] for i in range(n, count))  # who does what is fixed


@pytest.mark.parametrize("where", ["before", "turn", "after"])
@pytest.mark.parametrize("bad", [0, 1, 5])
def test_an_error_in_any_thread_comes_out_and_leaves_nobody_waiting(three_threads, where, bad):
    def fail(i):
        if i == bad:
            raise RuntimeError(f"item {i}")

    done = []
    stages = {"before": None, "turn": done.append, "after": None, where: fail}
    with pytest.raises(RuntimeError, match=f"item {bad}"):
        threads.relay(9, 3, 10**6, stages["turn"], stages["before"], stages["after"])
    assert len(done) < 9 or where == "after"
    threads.relay(9, 3, 10**6, done.append)  # and the pool still works
    assert done[-9:] == list(range(9))


def test_products_inside_run_on_one_blas_thread(three_threads):
    seen = []
    look = lambda *_: seen.extend(p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas")  # noqa: E731
    threads.relay(4, 2, 10**6, look)
    threads.relay(4, 1, 10**6, look)
    threads.parallel_for(10, 10**6, look, grain=1)
    threads.parallel_for(1, 10**6, look)
    assert seen and set(seen) == {1}


def test_the_number_of_threads_suits_the_work(monkeypatch):
    monkeypatch.setattr(threads, "_chosen", [4])
    small = threads.SMALL
    assert [threads.thread_count(e, 9) for e in (0, small, 2 * small, 100 * small)] == [1, 1, 2, 4]
    assert threads.thread_count(100 * small, 3) == 3 and threads.thread_count(100 * small, 0) == 1


def test_waiting_threads_keep_off_the_cpu_of_the_one_that_hands_over(three_threads, monkeypatch):
    os = threads.os
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one CPU, or a system without CPU affinity")
    mine, theirs = [], []
    here = min(os.sched_getaffinity(0))
    monkeypatch.setattr(threads, "_current_cpu", lambda: here)
    for _ in range(2):  # the first starts the threads
        threads.relay(3, 3, 10**6, lambda i: (mine if i == 0 else theirs).append(os.sched_getaffinity(0)))
    assert theirs[-1] == os.sched_getaffinity(0) - {here} and mine[-1] == os.sched_getaffinity(0)


def test_more_threads_than_the_pool_has_do_not_wait_for_ever(monkeypatch):
    """Runners of a relay wait for each other: all of them have to run at once."""
    monkeypatch.setattr(threads, "SMALL", 1)
    monkeypatch.setattr(threads, "_chosen", [1000])
    n, log = threads.thread_count(10**6, 200), []
    assert n == 1 + threads._workers() < 200
    threads.relay(200, n, 10**6, log.append)
    assert log == list(range(200))


def test_programs_with_threads_of_their_own_take_turns(three_threads):
    """More runners than the pool has threads, and BLAS has as many threads afterwards as before."""
    count = lambda: [p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"]  # noqa: E731
    before, logs = count(), [[] for _ in range(20)]
    runs = [threading.Thread(target=threads.relay, args=(30, 3, 10**6, log.append)) for log in logs]
    for run in runs:
        run.start()
    for run in runs:
        run.join(timeout=600)
    assert not any(run.is_alive() for run in runs)
    assert all(log == list(range(30)) for log in logs) and count() == before
