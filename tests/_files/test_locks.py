"""A folder has one writer at a time, whose lock ends with its process."""

import errno
import os
import platform
import signal
import subprocess
import sys
import threading

import pytest

from indrnn_np._files import locks
from indrnn_np._files.locks import only_writer
from indrnn_np.training import run_directory


def test_a_second_writer_is_refused_and_told_who_the_first_is(tmp_path):
    words = (
        rf"here: out is '.*run', which process {os.getpid()} on .+ is writing into, expected another folder"
    )
    with only_writer("here", tmp_path / "run"):
        (tmp_path / "run" / "file").touch()
        with pytest.raises(BlockingIOError, match=words), only_writer("here", tmp_path / "run"):
            pass
        with only_writer("here", tmp_path / "other"), only_writer("here", tmp_path / "run", results=True):
            pass  # another folder, and results beside a training run
    with only_writer("here", tmp_path / "run"):
        assert sorted(os.listdir(tmp_path / "run")) == [locks.RUN, "file"]
    assert os.listdir(tmp_path) == ["run"] and os.listdir(tmp_path / "run") == ["file"]


def test_folders_made_in_vain_are_removed_and_others_stay(tmp_path):
    (tmp_path / "mine").mkdir()
    for folder in (tmp_path / "mine", tmp_path / "new" / "deep"):
        with pytest.raises(KeyError), only_writer("here", folder):
            raise KeyError
    assert os.listdir(tmp_path) == ["mine"] and os.listdir(tmp_path / "mine") == []


HOLDER = """
import os, sys, pathlib
from indrnn_np._files import locks
with locks.only_writer("here", pathlib.Path(sys.argv[1])):
    if os.fork() == 0:  # the child reports, so it has closed its copy of the lock
        print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_the_lock_ends_with_a_killed_process_although_its_forked_child_lives(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with (
            pytest.raises(BlockingIOError, match=f"process {process.pid} on"),
            only_writer("here", tmp_path),
        ):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        with only_writer("here", tmp_path):
            process.stdin.close()  # the child ends, and leaves the new holder's lock alone
            process.stdout.read()
            assert os.listdir(tmp_path) == [locks.RUN]


def test_a_lock_file_that_its_last_holder_removes_meanwhile_is_not_held(tmp_path, monkeypatch):
    lock, locked = locks._lock, []

    def late(descriptor, wait):
        lock(descriptor, wait)
        locked.append(descriptor)
        if len(locked) == 1:
            (tmp_path / locks.RUN).unlink()

    monkeypatch.setattr(locks, "_lock", late)
    with only_writer("here", tmp_path):
        assert len(locked) == 2 and (tmp_path / locks.RUN).is_file()
        with pytest.raises(BlockingIOError), only_writer("here", tmp_path):
            pass


def test_a_reader_sees_whether_a_run_is_written_without_locking_it(tmp_path, monkeypatch):
    lock = tmp_path / locks.RUN
    assert not locks.is_held(tmp_path)
    with only_writer("here", tmp_path):
        assert locks.is_held(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(os, "kill", lambda pid, number: (_ for _ in ()).throw(PermissionError))
            assert locks.is_held(tmp_path)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    lock.write_text(f"process {ended.pid} on {platform.node()}")
    assert not locks.is_held(tmp_path)
    lock.write_text(f"process {ended.pid} on another machine")
    assert locks.is_held(tmp_path)
    lock.unlink()
    monkeypatch.setenv(locks.OFF, "0")
    assert locks.is_held(tmp_path)


def test_a_file_system_without_locks_is_refused_unless_the_user_decides(tmp_path, monkeypatch):
    def unknown(descriptor, wait):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks, "_lock", unknown)
    words = r"can't be locked \(No locks available\), expected a file system with locks .*INDRNN_LOCKS=0"
    with pytest.raises(OSError, match=words), only_writer("here", tmp_path / "run"):
        pass
    assert os.listdir(tmp_path) == []
    monkeypatch.setenv("INDRNN_LOCKS", "0")
    with only_writer("here", tmp_path / "run"):
        (tmp_path / "run" / "file").touch()


def test_results_that_belong_together_wait_for_each_other(tmp_path):
    order, first = [], threading.Event()

    def second():
        first.wait()
        with only_writer("here", tmp_path, results=True):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with only_writer("here", tmp_path, results=True):
        first.set()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_folders_of_runs_that_start_together_are_their_own(tmp_path):
    """A name is taken by making the folder, so no two threads or processes get the same one."""
    start, done, names = threading.Barrier(8), threading.Barrier(8), []

    def run():
        start.wait()
        with run_directory.numbered(tmp_path / "runs" / "adding") as directory:
            names.append(directory.path.name)
            done.wait()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names) == ["adding", *(f"adding-{n}" for n in range(2, 9))]
    assert list(tmp_path.rglob("*/*")) == []  # no run came of them
