"""Ctrl-C, SIGTERM and SIGHUP: what each ends, with which exit code, and who takes them."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from small_runs import QUIET, STUDY, adding, net_for

import indrnn_np as ir
from indrnn_np import reproduce, study
from indrnn_np.commands import cli
from indrnn_np.settings import build
from indrnn_np.training import checkpoint, run_directory, signals
from indrnn_np.training.progress import Reporter

if not hasattr(signal, "SIGHUP"):
    pytest.skip("signals of a Unix", allow_module_level=True)

ROOT = Path(__file__).parents[2]
TRAIN = "train adding --backend reference --steps 6 --hidden 4 --batch 3 --log-every 1 --iterations".split()
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
TAKEN = (signal.SIGTERM, signal.SIGHUP)


class Signalling:
    """A task that receives signals in a given iteration."""

    def __init__(self, task, at, *numbers):
        self.task, self.at, self.numbers = task, at, numbers

    def batch(self, iteration, size):
        if iteration == self.at:
            for number in self.numbers:
                signal.raise_signal(number)
        return self.task.batch(iteration, size)

    def __getattr__(self, name):
        return getattr(self.task, name)


@pytest.fixture
def signalled(monkeypatch, tmp_path):
    """Let the command's task receive signals in the iteration after the second one."""
    monkeypatch.chdir(tmp_path)
    task = build.task

    def use(*numbers):
        monkeypatch.setattr(build, "task", lambda *arguments: Signalling(task(*arguments), 2, *numbers))

    return use


@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
def test_each_signal_ends_a_run_with_a_checkpoint_and_its_own_code(signalled, capsys, number):
    signalled(number)
    assert cli.main([*TRAIN, "5", "--quiet", "--out", "run"]) == CODES[number]
    assert "interrupted after 3 iterations" in capsys.readouterr().out
    assert json.loads(Path("run/summary.json").read_text())["ended"] == "interrupted"
    assert checkpoint.read(run_directory.find_checkpoint("run")).header["iteration"] == 3
    assert all(signal.getsignal(taken) is signal.SIG_DFL for taken in TAKEN)


def test_the_second_signal_ends_at_once(signalled, capsys):
    signalled(signal.SIGTERM, signal.SIGHUP)
    assert cli.main([*TRAIN, "5", "--quiet", "--out", "run"]) == 143
    assert capsys.readouterr().err == "indrnn: aborted\n" and not Path("run/summary.json").exists()


def test_what_is_ignored_or_handled_by_the_program_is_left_alone(signalled):
    """As SIGHUP under nohup, and Ctrl-C of a script's background process."""
    handled = []
    before = {number: signal.getsignal(number) for number in CODES}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda number, frame: handled.append(number))
        signalled(*CODES)
        assert cli.main([*TRAIN, "4", "--quiet", "--out", "run"]) == 0 and handled == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGHUP) is signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_fit_takes_only_ctrl_c():
    seen = []
    watch = lambda iteration: seen.append([signal.getsignal(number) for number in CODES])  # noqa: E731
    ir.fit(net_for(adding()), adding(), ir.Adam(), iterations=1, batch=3, callbacks=[watch], **QUIET)
    assert all(handlers[1:] == [signal.SIG_DFL] * 2 for handlers in seen)
    assert signal.getsignal(signal.SIGINT) not in seen[-1] and not signals._active


def test_in_another_thread_nothing_is_taken():
    taken = []

    def work():
        with signals.as_ctrl_c(), signals.Interrupt():
            taken.extend(signal.getsignal(number) for number in TAKEN)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert taken == [signal.SIG_DFL] * 2


@pytest.mark.parametrize(
    "command",
    [["reproduce", "all"], ["study", "flow", *STUDY, "--train", "9"], ["study", "neurons", *STUDY, "--train", "9"]],
    ids=lambda command: " ".join(command[:2]),
)  # fmt: skip
def test_other_commands_that_train_end_with_the_same_code(signalled, monkeypatch, capsys, command):
    """A study has no checkpoint: it does not measure a network that is half trained."""
    settings = {
        "task": "adding",
        "steps": 5,
        "hidden": 4,
        "batch": 3,
        "iterations": 9,
        "backend": "reference",
    }
    rows = (
        reproduce.Row("tiny/row", full=settings, budget={"iterations": 8}, paper=None, statement="a test"),
    )
    monkeypatch.setattr("indrnn_np.reproduce.rows.catalogue", lambda: rows)
    monkeypatch.setattr(reproduce, "catalogue", lambda: rows)
    signalled(signal.SIGTERM)
    assert cli.main([*command, "--quiet", "--out", "out"]) == 143
    if command[0] == "study":
        assert capsys.readouterr().err == "indrnn: aborted\n" and not Path("out").exists()


def test_a_film_that_is_interrupted_is_none():
    options = {"iterations": 8, "measure": lambda net: net, "batch": 3, **QUIET}
    with pytest.raises(KeyboardInterrupt):
        study.film(net_for(adding()), Signalling(adding(), 2, signal.SIGINT), ir.Adam(), **options)


class Gone:
    """A stream behind which nobody is any more."""

    def isatty(self):
        return False

    def write(self, text):
        raise BrokenPipeError

    def flush(self):
        pass


def test_a_run_goes_on_without_the_stream_that_showed_it(tmp_path):
    """`tee` in `indrnn train | tee log` ends with the same Ctrl-C, and a terminal that is closed sends SIGHUP."""
    reporter = Reporter(file=tmp_path / "log.txt", stream=Gone())
    result = ir.fit(
        net_for(adding()), adding(), ir.Adam(), iterations=2, batch=3, log_every=1, progress=reporter
    )
    assert result.summary["ended"] == "iterations" and "iteration 2/2" in (tmp_path / "log.txt").read_text()


@contextmanager
def started(log, *arguments, **options):
    """Yield a process of the command that has made some updates; it is killed at the end if it still runs."""
    command = [sys.executable, "-m", "indrnn_np", *TRAIN, "100000000", "--out", str(log.parent), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    size, limit = log.stat().st_size if log.exists() else 0, time.monotonic() + 600
    with subprocess.Popen(command, env=environment, start_new_session=True, **options) as process:
        try:
            while not (log.exists() and log.stat().st_size > size + 2000):
                assert process.poll() is None and time.monotonic() < limit
                time.sleep(0.02)
            yield process
        finally:
            process.kill()


def test_a_real_process_whose_terminal_is_closed_after_one_that_was_killed(tmp_path):
    """The kernel sends SIGHUP, and nothing can be written to the terminal any more."""
    import fcntl
    import pty
    import termios

    run = run_directory.RunDirectory(tmp_path / "run")
    with started(run.log, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        pass
    terminal, end = pty.openpty()

    def control():
        fcntl.ioctl(end, termios.TIOCSCTTY, 0)

    streams = {"stdin": end, "stdout": end, "stderr": end}
    with started(run.log, "--resume", str(run.path), **streams, preexec_fn=control) as process:
        os.close(end)
        os.close(terminal)
        assert process.wait(60) == 129
    summary = json.loads(run.summary.read_text())
    assert summary["ended"] == "interrupted"
    assert (
        checkpoint.read(run_directory.find_checkpoint(run.path)).header["iteration"] == summary["iterations"]
    )
