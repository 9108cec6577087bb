"""A run's folder: one writer, one truth about its best state, and nothing left of writers that were killed."""

import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from small_runs import QUIET, adding, adding_run, curve, net_for

import indrnn_np as ir
from indrnn_np import _files, reproduce, tasks
from indrnn_np._files import locks
from indrnn_np.commands import cli
from indrnn_np.optim import schedules
from indrnn_np.settings import build
from indrnn_np.training import checkpoint, progress, records, room, run_directory
from indrnn_np.training.progress import Reporter
from indrnn_np.training.run_directory import RunDirectory

# -- one writer ----------------------------------------------------------------------------------------------

COMMAND = "train adding --backend reference --steps 6 --batch 3 --iterations 4 --quiet".split()


def test_a_run_that_is_being_written_cannot_be_resumed_and_goes_on_unharmed(tmp_path):
    whole, refused = adding_run(tmp_path / "whole", 12), []

    def watch(iteration):
        if iteration == 7:
            with pytest.raises(
                BlockingIOError, match=rf"process {os.getpid()} on .* is writing into"
            ) as error:
                adding_run(tmp_path / "run", 12, resume=tmp_path / "run")
            refused.append(error)
            assert ir.load(run_directory.find_checkpoint(tmp_path / "run")).net.iteration == 5  # readers may

    result = adding_run(tmp_path / "run", 12, callbacks=[watch])
    assert len(refused) == 1 and curve(result) == curve(whole)
    assert records.read_metrics(tmp_path / "run" / "metrics.jsonl") == result.history
    assert not list((tmp_path / "run").glob(".*"))


def test_of_two_runs_that_start_together_into_one_folder_one_is_refused(tmp_path):
    start, results = threading.Barrier(2), []

    def run():
        start.wait()
        try:
            results.append(adding_run(tmp_path / "run", 8))
        except (FileExistsError, BlockingIOError) as error:
            results.append(str(error))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (result,) = [one for one in results if not isinstance(one, str)]
    (sentence,) = [one for one in results if isinstance(one, str)]
    assert "is writing into" in sentence or "which holds a run" in sentence
    assert records.read_metrics(tmp_path / "run" / "metrics.jsonl") == result.history


def test_two_commands_that_start_together_take_two_names(tmp_path, monkeypatch, capsys):
    """The second one starts when the first has its name and no file yet."""
    monkeypatch.chdir(tmp_path)
    fit, codes = build.fit, []

    def late(*arguments, **options):
        monkeypatch.setattr(build, "fit", fit)
        codes.append(cli.main([*COMMAND, "--hidden", "5"]))
        codes.append(cli.main([*COMMAND, "--hidden", "5", "--out", "runs/adding"]))
        return fit(*arguments, **options)

    monkeypatch.setattr(build, "fit", late)
    assert cli.main([*COMMAND, "--hidden", "4"]) == 0 and codes == [0, 2]
    assert "indrnn: train: out is 'runs/adding', which process" in capsys.readouterr().err
    for name, hidden in (("adding", 4), ("adding-2", 5)):
        run = RunDirectory(tmp_path / "runs" / name)
        assert f"hidden = {hidden}" in run.config.read_text()
        net = ir.load(run_directory.find_checkpoint(run.path)).net
        assert net.params["0.u"].shape == (hidden,)
        assert json.loads(run.summary.read_text())["parameters"] == net.size


def test_a_run_is_not_resumed_into_the_folder_of_another_one(tmp_path):
    adding_run(tmp_path / "one", 6)
    other = adding_run(tmp_path / "other", 12)
    with pytest.raises(FileExistsError, match=r"out is '.*other', which holds a run, expected a new folder"):
        adding_run(tmp_path / "other", 8, resume=tmp_path / "one")
    assert records.read_metrics(tmp_path / "other" / "metrics.jsonl") == other.history


def test_a_run_that_fails_before_its_first_file_leaves_the_name_free(tmp_path, monkeypatch, capsys):
    with pytest.raises(ValueError, match="batch is 0"):
        ir.fit(
            net_for(adding()),
            adding(),
            ir.Adam(),
            iterations=2,
            batch=0,
            out=tmp_path / "deep" / "run",
            **QUIET,
        )
    assert os.listdir(tmp_path) == []
    monkeypatch.chdir(tmp_path)
    assert cli.main([*COMMAND, "--lr", "-1"]) == 2 and os.listdir(tmp_path) == []


def test_a_row_that_another_process_writes_is_refused(tmp_path):
    settings = {
        "task": "adding",
        "steps": 5,
        "hidden": 4,
        "batch": 3,
        "iterations": 4,
        "backend": "reference",
    }
    row = reproduce.Row("tiny/row", full=settings, budget={"iterations": 3}, paper=None, statement="a test")
    (job,) = reproduce.jobs([row], "budget", [0], tmp_path, {})
    quiet = Reporter(show=False)
    with job.directory.writing(), pytest.raises(BlockingIOError, match=r"tiny/row-seed0', which process"):
        reproduce.run([job], quiet)
    assert reproduce.run([job], quiet) and Path(job.directory.summary).is_file()


# -- the best state ------------------------------------------------------------------------------------------


def best_of(run):
    """Return the iteration that `eval --which best` answers for."""
    return checkpoint.read(run_directory.find_checkpoint(run, "best")).header["iteration"]


def test_a_stale_or_missing_best_file_is_never_evaluated_and_restored_when_the_run_is_resumed(tmp_path):
    """As if the process had died between the last checkpoint, which is the best, and best.npz."""
    whole = adding_run(tmp_path / "whole", 16)
    result = adding_run(tmp_path / "run", 12)
    run = RunDirectory(tmp_path / "run")
    wanted, right = result.summary["best"]["iteration"], run.best.read_bytes()
    others = [path for iteration, path in run.files().items() if iteration != wanted]
    for stale in (*[path.read_bytes() for path in others], b"", right[:-100], None):
        run.best.unlink() if stale is None else run.best.write_bytes(stale)
        assert best_of(run.path) == wanted
        adding_run(run.path, 12, resume=run.path)
        assert run.best.read_bytes() == right
    assert curve(adding_run(run.path, 16, resume=run.path)) == curve(whole)


def test_a_best_state_that_is_gone_is_said(tmp_path):
    result = adding_run(tmp_path / "run", 15)
    run = RunDirectory(tmp_path / "run")
    wanted = result.summary["best"]["iteration"]
    assert wanted < 15
    run.files()[wanted].unlink()
    run.best.write_bytes(run.files()[15].read_bytes())
    words = rf"expected the checkpoint of iteration {wanted} because iteration-00000015.npz refers to it"
    with pytest.raises(FileNotFoundError, match=words):
        run_directory.find_checkpoint(run.path, "best")
    adding_run(run.path, 15, resume=run.path)
    assert not run.best.exists() and "the file of the best state is missing" in run.log.read_text()
    adding_run(tmp_path / "none", 3)
    with pytest.raises(FileNotFoundError, match="holds no best checkpoint, expected a run with a validation"):
        run_directory.find_checkpoint(tmp_path / "none", "best")


def test_runs_of_the_first_release_resume_and_name_their_best_state(tmp_path):
    """They have no digest, and best.npz is the only file of the best state."""
    whole, result = adding_run(tmp_path / "whole", 20), adding_run(tmp_path / "run", 15)
    run, wanted = RunDirectory(tmp_path / "run"), result.summary["best"]["iteration"]
    run.files()[wanted].unlink()
    for path in (*run.files().values(), run.best):
        with np.load(path) as archive:
            arrays = {name: archive[name] for name in archive.files}
        header = json.loads(arrays["meta"].tobytes())
        del header["meta"]["best_sha256"]
        arrays["meta"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
        np.savez(path, **arrays)
    assert best_of(run.path) == wanted
    assert curve(adding_run(run.path, 20, resume=run.path)) == curve(whole)
    assert best_of(run.path) == whole.summary["best"]["iteration"]


def test_checkpoints_are_in_the_order_of_their_iterations(tmp_path):
    run = RunDirectory(tmp_path)
    run.checkpoints.mkdir()
    for name in (
        "iteration-100000000.npz",
        "iteration-99999999.npz",
        "iteration-99999999 (copy).npz",
        "best.npz",
    ):
        (run.checkpoints / name).touch()
    assert list(run.files()) == [99999999, 100000000]


def test_metrics_are_synced_before_the_checkpoint_that_counts_on_them(tmp_path, monkeypatch):
    calls, fsync, replace = [], os.fsync, os.replace

    def record(descriptor):
        calls.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    monkeypatch.setattr(os, "replace", lambda *paths: (calls.append(paths[1]), replace(*paths)))
    adding_run(tmp_path / "run", 5)
    run = RunDirectory(tmp_path / "run")
    renamed = calls.index(run.checkpoint_of(5))
    assert run.metrics.stat().st_ino in calls[calls.index(run.checkpoint_of(4)) : renamed]


def test_a_finished_run_that_is_resumed_keeps_its_learning_rate(tmp_path):
    """No update sets the rate then: it is that of the last one, not the one that the optimizer was made with."""

    def run(**options):
        task, plateau = adding(), schedules.Plateau(0.5, patience=1, factor=0.1, minimum=0.01)
        return ir.fit(net_for(task), task, ir.SGD(0.5), iterations=500, batch=5, validate_every=2, schedule=plateau,
                      out=tmp_path, **QUIET, **options)  # fmt: skip

    first, again = run(), run(resume=tmp_path)
    assert first.summary["ended"] == again.summary["ended"] == "schedule"
    assert again.summary["optimizer"] == first.summary["optimizer"] != ir.SGD(0.5).spec()
    assert curve(again) == curve(first)


# -- killed writers ------------------------------------------------------------------------------------------


class Killed(BaseException):
    """As SIGKILL: what would clean up does nothing any more."""


class Fault:
    """Lets a process die at its n-th operation on files; an append gets as far as half a line."""

    def __init__(self, monkeypatch, last):
        self.done, self.last = 0, last
        for owner, name in ((os, "replace"), (os, "fsync"), (os, "unlink"), (os, "mkdir"), (_files, "open"),
                            (run_directory, "open"), (progress, "open")):  # fmt: skip
            monkeypatch.setattr(owner, name, self.counted(getattr(owner, name, open), name), raising=False)
        monkeypatch.setattr(_files, "_remove", lambda path: None)

    def counted(self, function, name):
        def call(*arguments, **options):
            if self.last is not None and self.done >= self.last:
                begun = name == "open" and RunDirectory(Path(arguments[0]).parent).files()
                if begun and arguments[1] == "a" and self.done == self.last:
                    with open(arguments[0], "a") as file:
                        file.write('{"kind": "tr')
                self.done += 1
                raise Killed
            self.done += 1
            return function(*arguments, **options)

        return call


def short_run(path, **options):
    """Validations and checkpoints that fall together and apart, in few iterations."""
    task = tasks.get("adding", steps=4, seed=5, backend="reference", evaluation_size=4)
    net = ir.plain(2, 2, 1, 1, 4, backend="reference", seed=1)
    plateau = schedules.Plateau(0.1, 1, factor=0.5)
    return ir.fit(net, task, ir.SGD(0.1), iterations=4, batch=2, log_every=2, validate_every=2, checkpoint_every=3,
                  schedule=plateau, out=path, **QUIET, **options)  # fmt: skip


def content(path):
    """All that a run left, without clocks and its log."""
    run, clocks = RunDirectory(path), ("seconds", "steps_per_second", "elapsed", "totals", "best_sha256")
    found = {}
    for file in path.rglob("*"):
        found[str(file.relative_to(path))] = ""
        if file.suffix == ".npz":
            contents = checkpoint.read(file)
            meta = {k: v for k, v in contents.header["meta"].items() if k not in clocks}
            arrays = {name: array.tobytes() for name, array in contents.arrays.items()}
            found[str(file.relative_to(path))] = (arrays, contents.header | {"meta": meta})
    lines = [{k: v for k, v in line.items() if k not in clocks} for line in records.read_metrics(run.metrics)]
    return found, lines, run.config.read_text(), json.loads(run.summary.read_text())["best"]


def killed(path, operation):
    """Begin or go on with a run that dies at an operation; return whether it did."""
    with pytest.MonkeyPatch.context() as patch:
        Fault(patch, operation)
        try:
            short_run(path, resume=path if RunDirectory(path).files() else None)
        except Killed:
            locks._close_in_child()  # the system closes a dead process's files
            return True
    return False


def test_a_run_killed_at_any_operation_on_files_resumes_to_the_files_of_the_uninterrupted_one(
    tmp_path, monkeypatch
):
    """At every second one, to be quick; it is killed again while it is resumed."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # slow, and counted all the same
    monkeypatch.setattr(room, "check", lambda *arguments: "")
    short_run(tmp_path / "whole")
    expected, operation = content(tmp_path / "whole"), 0
    while killed(tmp_path / str(operation), operation):
        killed(tmp_path / str(operation), operation // 2 % 15)
        assert not killed(tmp_path / str(operation), None)
        assert content(tmp_path / str(operation)) == expected, operation
        operation += 2
    assert operation > 50
