"""`ir.sweep`: runs like those of `indrnn train`, failures, interruptions, and the table."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import small_sweeps
from rich.console import Console
from small_sweeps import threaded, without_clock

import indrnn_np as ir
from indrnn_np._cpu import threads
from indrnn_np._files import locks
from indrnn_np._sweep import pool, product, sweep
from indrnn_np.commands.cli import main
from indrnn_np.commands.live_table import LiveTable
from indrnn_np.training import checkpoint
from indrnn_np.training.records import read_metrics
from indrnn_np.training.run_directory import RunDirectory

# NumPy warns before a run diverges.
diverges = pytest.mark.filterwarnings("ignore::RuntimeWarning")
MPI = """
import sys
from mpi4py.futures import MPIPoolExecutor
import indrnn_np as ir
if __name__ == "__main__":
    with MPIPoolExecutor() as executor:
        options = {"out": sys.argv[1], "config": sys.argv[2], "executor": executor, "progress": False}
        ir.sweep("adding", {"lr": [1e-3, 1e-2]}, **options)
"""
ENDLESS = 10**6  # iterations of a run that is interrupted


@pytest.fixture(autouse=True)
def same_threads():
    """Runs in this process set the number of its threads."""
    before = threads.threads()
    yield
    threads.set_threads(before)


def lines(folder):
    clock = ("seconds", "steps_per_second")
    return [
        {k: v for k, v in line.items() if k not in clock} for line in read_metrics(folder / "metrics.jsonl")
    ]


def test_a_run_is_that_of_the_train_command(tmp_path):
    threaded({"lr": 1e-2}, tmp_path, seeds=[3])
    folders = tmp_path / "out" / "lr=0.01,seed=3", tmp_path / "train"
    command = ["train", "--config", str(tmp_path / "tiny.toml"), "--lr", "1e-2", "--seed", "3", "--quiet"]
    assert main([*command, "--out", str(folders[1])]) == 0
    names = [sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) for folder in folders]
    assert names[0] == names[1] and "summary.json" in names[0]
    assert (folders[0] / "config.toml").read_bytes() == (folders[1] / "config.toml").read_bytes()
    assert lines(folders[0]) == lines(folders[1])
    one, two = (checkpoint.read(RunDirectory(folder).files()[20]).arrays for folder in folders)
    assert one.keys() == two.keys() and all(np.array_equal(one[name], two[name]) for name in one)


@diverges
def test_the_table_of_means_ranges_and_failures(tmp_path):
    result = threaded({"lr": [1e-3, 1e38]}, tmp_path, seeds=[0, 1])
    assert [run["state"] for run in result.runs] == ["finished"] * 2 + ["failed"] * 2
    good, bad = json.loads((tmp_path / "out" / "table.json").read_text())
    values = [run["final"]["validation"]["mse"] for run in good["runs"]]
    assert good["reached"]["validation"] == values and good["settings"] == {"lr": 1e-3}
    assert (
        bad["reached"] == {"test": [], "validation": []}
        and "expected a finite number" in bad["runs"][0]["error"]
    )
    table = (tmp_path / "out" / "table.md").read_text()
    spread = f"{np.mean(values):.4g} ({min(values):.4g} to {max(values):.4g})"
    assert f"| {spread} | 20 |" in table and table.count("| 1e+38 | failed: train: a parameter") == 2
    assert "Traceback" in (tmp_path / "out" / "lr=1e+38,seed=0" / "log.txt").read_text()
    assert repr(result).endswith("2 finished, 2 failed>")
    before = RunDirectory(tmp_path / "out" / "lr=0.001,seed=0").metrics.stat().st_mtime_ns
    again = threaded({"lr": [1e-3, 1e38]}, tmp_path, seeds=[0, 1])
    assert without_clock(again.entries()) == without_clock(result.entries())
    assert RunDirectory(tmp_path / "out" / "lr=0.001,seed=0").metrics.stat().st_mtime_ns == before


@diverges
def test_the_runs_as_a_data_frame(tmp_path):
    pytest.importorskip("pandas")
    frame = threaded({"lr": [1e-3, 1e38]}, tmp_path).to_pandas()
    assert list(frame["state"]) == ["finished", "failed"] and list(frame["lr"]) == [1e-3, 1e38]
    assert frame["validation"][0] > 0 and np.isnan(frame["test"][1])


def test_ctrl_c_interrupts_the_run_and_the_same_call_continues(tmp_path, monkeypatch):
    sets = {"lr": [1e-3, 1e-2]}
    whole = threaded(sets, tmp_path / make(tmp_path, "whole"))
    folder = tmp_path / make(tmp_path, "parts")
    begun, fit = threading.Event(), sweep.pool.run

    def run(job, stop, reporter=None):
        def at(iteration):
            if iteration == 7:
                begun.set()
                while not stop(iteration):
                    time.sleep(0.01)
            return stop(iteration)

        return fit(job, at, reporter)

    monkeypatch.setattr(pool, "run", run)
    monkeypatch.setattr(sweep.Watch, "update", lambda self: begun.is_set() and interrupt(begun))
    parts = threaded(sets, folder)
    assert [run["state"] for run in parts.runs] == ["interrupted", "waiting"]
    assert "| interrupted |" in parts.markdown() and not (folder / "out" / "lr=0.01,seed=0").exists()
    monkeypatch.undo()
    assert without_clock(threaded(sets, folder).entries()) == without_clock(whole.entries())


def make(folder, name):
    (folder / name).mkdir()
    return name


def interrupt(begun):
    begun.clear()
    signal.raise_signal(signal.SIGINT)


def test_a_folder_that_another_process_writes_is_a_row(tmp_path):
    with RunDirectory(tmp_path / "out" / "lr=0.001,seed=0").writing():
        first, second = threaded({"lr": [1e-3, 1e-2]}, tmp_path).runs
    assert (
        first["state"] == "failed" and "is writing into" in first["error"] and second["state"] == "finished"
    )


def test_an_executor_that_fails_is_a_row(tmp_path):
    class Failing(ThreadPoolExecutor):
        def submit(self, function, job):
            return super().submit(lambda: {}[job.choice["lr"]])

    with Failing(1) as executor:
        (run,) = threaded({"lr": 1e-3}, tmp_path, executor=executor).runs
    assert run["state"] == "failed" and run["error"] == "KeyError: 0.001"


def command(tmp_path, *arguments):
    return main(
        [
            "sweep",
            "adding",
            "--out",
            str(tmp_path / "out"),
            "--config",
            str(tmp_path / "tiny.toml"),
            *arguments,
        ]
    )


@diverges
def test_processes_write_the_same_table_as_a_thread(tmp_path, capsys):
    folder = tmp_path / make(tmp_path, "thread")
    small_sweeps.config(tmp_path)
    expected = threaded({"lr": [1e-3, 1e38]}, folder).entries()
    assert command(tmp_path, "--set", "lr=1e-3,1e38", "--jobs", "2") == 1
    printed = capsys.readouterr()
    entries = json.loads((tmp_path / "out" / "table.json").read_text())
    text = json.dumps(without_clock(entries)).replace(str(tmp_path / "out"), "DIR")
    assert text == json.dumps(without_clock(expected)).replace(str(folder / "out"), "DIR")
    assert printed.out.startswith("| lr | metric |") and "sweep: 1 of 2 runs failed" in printed.err
    assert "lr=0.001: finished, test mse" in printed.err and "2/2" in printed.err


def test_a_pool_of_mpi_writes_the_same_table_as_a_thread(tmp_path):
    pytest.importorskip("mpi4py.futures")
    if (
        mpiexec := shutil.which(
            "mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        )
    ) is None:
        pytest.skip("there is no mpiexec")
    expected = threaded({"lr": [1e-3, 1e-2]}, tmp_path)
    program = tmp_path / "program.py"
    program.write_text(MPI)
    command = [
        mpiexec,
        "-n",
        "2",
        sys.executable,
        "-m",
        "mpi4py.futures",
        program,
        tmp_path / "mpi",
        tmp_path / "tiny.toml",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert without_clock(json.loads((tmp_path / "mpi" / "table.json").read_text())) == without_clock(
        expected.entries()
    )


@pytest.mark.skipif(os.name != "posix", reason="the test kills a process by its signal")
def test_a_killed_process_is_a_row_and_the_others_run(tmp_path, capsys):
    small_sweeps.config(tmp_path)
    folder = tmp_path / "out" / f"iterations={ENDLESS},seed=0"

    def kill():
        while not RunDirectory(folder).files():
            time.sleep(0.05)
        os.kill(int(locks.holder(folder).split()[1]), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    assert command(tmp_path, "--set", f"iterations={ENDLESS},5", "--quiet", "--json") == 1
    killer.join()
    killed, other = json.loads(capsys.readouterr().out)
    assert "the process of the run was killed" in killed["runs"][0]["error"]
    assert other["runs"][0]["state"] == "finished"


def test_processes_that_cannot_start_are_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "_begin", int)  # raises an error in the worker process
    small_sweeps.config(tmp_path)
    with pytest.raises(RuntimeError, match="sweep: the worker processes ended before any run began"):
        ir.sweep("adding", {}, out=tmp_path / "out", config=tmp_path / "tiny.toml", progress=False)


@pytest.mark.parametrize("command", ["sweep adding", "reproduce adding-100"])
def test_several_ranks_are_refused(capsys, monkeypatch, command):
    monkeypatch.setenv("PMI_RANK", "0")
    monkeypatch.setenv("PMI_SIZE", "3")
    assert main(command.split()) == 2
    assert "mpiexec started 3 processes, expected one process, or" in capsys.readouterr().err


def test_dry_lists_the_runs_and_starts_none(tmp_path, capsys):
    threaded({"lr": [1e-3]}, tmp_path)
    assert command(tmp_path, "--set", "lr=1e-3,1e-2", "--dry", "--jobs", "2") == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.rpartition(": ")[2] for line in out[:2]] == ["finished", "new"]
    assert (
        out[2] == "2 runs, processes: 2, threads each: 1"
        and not (tmp_path / "out" / "lr=0.01,seed=0").exists()
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "lrr=1"], "sweep: unknown setting 'lrr' (did you mean lr?)"),
        (["--set", "lr"], "sweep: --set 'lr', expected NAME=VALUE,VALUE,... such as lr=1e-4,1e-3"),
        (["--set", "lr=1,x"], "sweep: --set 'lr=1,x', expected a value of type float"),
        (["--set", "lr=1", "--set", "lr=2"], "sweep: --set 'lr=2' sets lr again"),
        (["--set", "lr=[1.0,"], "sweep: --set 'lr=[1.0,' ("),
        (["--set", "hidden=-4"], "sweep: hidden is -4, expected a whole number of at least 1"),
        (["--jobs", "0"], "expected a whole number from 1 to 9999"),
        (["--seeds", "4-0"], "seeds is '4-0', expected numbers such as 0,1,2 or 0-4"),
    ],
)
def test_wrong_options_are_refused(tmp_path, capsys, arguments, message):
    small_sweeps.config(tmp_path)
    try:
        code = command(tmp_path, *arguments)
    except SystemExit as error:  # argparse
        code = error.code
    assert code == 2 and message in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_the_live_table(tmp_path):
    jobs = product.jobs_of("adding", {"lr": [1e-3, 1e-2, 1e-1]}, [0], tmp_path / "out")
    threaded({"lr": [1e-3]}, tmp_path)
    table = LiveTable(Console(width=100, record=True, force_terminal=True))
    outcomes = {0: sweep.Outcome(sweep.finished(jobs[0].directory))}
    table.begin(jobs, outcomes)
    table.ended(0)
    with RunDirectory(jobs[1].folder).writing() as run:
        run.create()
        run.append({"kind": "train", "iteration": 30, "mse": 0.25, "seconds": 2.0})
        console = Console(width=100, record=True)
        console.print(table._page())
    shown = console.export_text()
    assert "3 runs: 1 finished, 1 running, 1 waiting" in shown
    assert [cell.strip() for cell in shown.splitlines()[4].split("│")[1:5]] == [
        "lr=0.01",
        "running",
        "30",
        "2 s",
    ]


def test_the_figure_has_a_line_for_each_combination(tmp_path, figure):
    threaded({"lr": [1e-3, 1e-2], "optimizer": ["adam", "sgd"]}, tmp_path)
    (axes,) = figure[-1].axes
    assert (tmp_path / "out" / "sweep.png").stat().st_size > 1000
    assert axes.get_xlabel() == "lr" and axes.get_ylabel() == "validation: mean squared error"
    names = axes.get_legend_handles_labels()[1]
    assert set(names) == {"optimizer = adam", "optimizer = sgd", "blind guess"}
    assert list(axes.containers[0].lines[0].get_xdata()) == [1e-3, 1e-2]
