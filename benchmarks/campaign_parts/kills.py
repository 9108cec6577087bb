"""Kills and faults at every file operation of a run, which is then resumed and compared with an undisturbed one."""

from __future__ import annotations

import builtins
import errno
import io
import json
import os
import random
import shutil
from functools import partial

import small_texts

from indrnn_np.training.run_directory import find_checkpoint

from . import readers
from .judge import Attempt, Declined, Died, command, difference, forked, is_refusal

FAULTS = KILL, HALF, FULL, BROKEN = ("killed before it", "killed half-way", "disk is full", "EIO once")
KILLED = 9  # exit code
COUNTED = "open mkdir rename replace unlink remove rmdir link symlink truncate ftruncate".split()
COUNTED += ["fsync", "fdatasync"]
NEEDS_SPACE = ("open", "write", "mkdir", "rename", "replace", "fsync")
# Values that depend on a clock; the hash is of a file with times.
CLOCK = ("seconds", "steps_per_second", "elapsed", "totals", "machine", "best_sha256")
RUN = ("--backend=reference", "--layers=1", "--hidden=2", "--batch=2", "--threads=1", "--quiet",
       "--evaluation-batch=1000", "--iterations=6", "--log-every=2", "--checkpoint-every=2",
       "--validate-every=2")  # fmt: skip
RUNS = {
    "adding": ("--steps=4", "--schedule=plateau", "--lr-patience=1", "--lr-factor=0.5", "--lr=0.05"),
    "chars": ("--steps=6", "--reset=0.2", "--embedding=3", "--bn-batch=2"),
}


class Operations:
    """Count the operations of this process that change files in a folder; number `at` meets a fault."""

    def __init__(self, folder, at=-1, fault=KILL):
        self.folder, self.at, self.fault, self.names = os.path.realpath(folder), at, fault, []
        builtins.open = io.open = partial(self.open, io.open)
        for name in COUNTED:
            setattr(os, name, partial(self.call, name, getattr(os, name)))

    def call(self, name, function, path, *args, **options):
        """Count a function of `os`; opening a file to read does not count."""
        if self.inside(path) and (name != "open" or args[0] & (os.O_WRONLY | os.O_RDWR)):
            self.count(name)
        return function(path, *args, **options)

    def open(self, function, path, mode="r", *args, **options):
        """Count `open` of a file to write, and its writes."""
        if not set("wax+") & set(mode) or not self.inside(path):
            return function(path, mode, *args, **options)
        self.count("open")
        return File(function(path, mode, *args, **options), self)

    def inside(self, path):
        """Return whether a path or a descriptor belongs to the folder."""
        path = f"/proc/self/fd/{path}" if isinstance(path, int) else os.fsdecode(path)
        return os.path.realpath(path).startswith(self.folder)

    def count(self, name, half=lambda: None):
        """Count one operation. If it meets the fault, end the process, perhaps after `half` of it, or raise."""
        number = len(self.names)
        self.names.append(name)
        if number == self.at and self.fault in (KILL, HALF):
            if self.fault == HALF:
                half()
            os._exit(KILLED)
        if number == self.at and self.fault == BROKEN:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if 0 <= self.at <= number and self.fault == FULL and name in NEEDS_SPACE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class File:
    """A file whose writes are counted."""

    def __init__(self, file, operations):
        self.file, self.operations = file, operations

    def write(self, data):
        """Count a write; half of it is in the file if the process dies half-way."""
        half = data[: len(data) // 2]
        self.operations.count("write", lambda: (self.file.write(half), self.file.flush()))
        return self.file.write(data)

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()


def trained(name, out, *words):
    """Run one of `RUNS`; its text stands beside the folder of the run."""
    data = [f"--data={out.parent / 'text.txt'}"] if name == "chars" else []
    command("train", name, *data, *RUNS[name], *RUN, *words, "--out", out)


def disturbed(name, out, at, fault, send):
    """Run with a fault and send the file operations, and an error that is not a refusal."""
    operations, problem = Operations(out, at, fault), ""
    try:
        trained(name, out)
    except Exception as error:  # noqa: BLE001  the kind of error is what is judged
        problem = "" if is_refusal(error) else f"{type(error).__name__}: {error}"
    send((operations.names, problem))


class Part:
    """One run, operation and fault an input; resumed, the run ends as the undisturbed one did."""

    def __init__(self, folder):
        self.folder, self.right, self.cases = folder, {}, []
        small_texts.write(folder, length=200)
        for name in RUNS:
            trained(name, folder / f"warm-{name}")
            out = folder / f"whole-{name}"
            ((names, _),) = forked(partial(disturbed, name, out, -1, KILL))
            self.right[name] = state_of(out)
            self.cases += [(name, at, kind, fault) for at, kind in enumerate(names) for fault in FAULTS]
        random.Random(0).shuffle(self.cases)
        self.size = len(self.cases)

    def attempt(self, rng, number):
        """Run, die, resume, compare."""
        name, at, kind, fault = self.cases[number]
        out = self.folder / f"run-{number}"

        def call():
            code, problem = 0, ""
            try:
                ((_, problem),) = forked(partial(disturbed, name, out, at, fault))
            except Died as error:
                (code,) = error.args
            try:
                expected = KILLED if fault in (KILL, HALF) else 0
                problem = f"exit code {code}, expected {expected}" if code != expected else problem
                return problem or damage_of(out) or finished(name, out)
            finally:
                shutil.rmtree(out, ignore_errors=True)

        what = f"{name}: {fault}, operation {at}: {kind}"
        return Attempt(what, call, lambda result: difference(result, self.right[name]))


def damage_of(out):
    """Return which checkpoint is not whole, or that the best one is not the one that the last one names."""
    try:
        paths = sorted(out.glob("checkpoints/*.npz"))
        headers = {path: readers.checkpoint(path.read_bytes()) for path in paths}
    except Exception as error:  # noqa: BLE001  the readers raise errors of any kind
        return f"a checkpoint is not whole: {error}"
    numbered = [header for path, header in headers.items() if path.stem != "best"]
    named = numbered[-1]["meta"]["best"] if numbered else None
    try:
        best = headers[find_checkpoint(out, "best")]["iteration"] if named else None
    except FileNotFoundError:
        return ""  # an older one, which is not used and is replaced when the run resumes
    return "" if best is None or best == named["iteration"] else f"best.npz: {best}, by the last one {named}"


def finished(name, out):
    """Resume a run, or begin it anew without a checkpoint, and return what it left."""
    try:
        trained(name, out, "--resume", out)
    except Declined as error:
        if "checkpoint" not in str(error):
            raise
        trained(name, out)
    return state_of(out)


def state_of(out):
    """Return the content of every file that a run leaves, without times."""

    def without_clock(values):
        return {name: value for name, value in values.items() if name not in CLOCK}

    parsed = partial(json.loads, object_hook=without_clock)
    read = {
        ".npz": lambda data: (arrays := readers.npz(data), parsed(arrays.pop("meta").tobytes())),
        ".json": parsed,
        ".jsonl": lambda data: [*map(parsed, data.splitlines())],
    }
    paths = (path for path in out.rglob("*") if path.is_file() and path.name != "log.txt")
    return {str(path.relative_to(out)): read.get(path.suffix, bytes)(path.read_bytes()) for path in paths}
