"""benchmarks/campaign.py: answers are judged right, crashes are found, and each part finds nothing in a few inputs."""

import copy
import importlib
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import indrnn_np as ir

pytest.importorskip("resource")  # workers are forked

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def part_of(monkeypatch):
    """Import a module of the campaign by its name; "" is the script."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return lambda name: importlib.import_module(f"campaign_parts.{name}" if name else "campaign")


def raising(error):
    def call():
        raise error

    return call


REFUSALS = [
    ValueError("here: x is 1, expected 2"),
    TypeError("here: x is a str, expected a number because"),
    FileNotFoundError(2, "here: a is not there, expected a file"),
    MemoryError("here: too much, expected less"),
]
FOREIGN = [
    KeyError("here: x, expected y"), ValueError("no sentence"), RecursionError("here: x, expected y"),
    OSError(22, "Invalid argument"), UnicodeDecodeError("utf-8", b"", 0, 1, "here: x, expected y"),
    ZeroDivisionError("here: x, expected y"), AssertionError(),
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "kind"),
    [(lambda: 1, "compared"), (lambda: 2, "silent"), (lambda: time.sleep(5), "slow")]
    + [(raising(error), "refused") for error in REFUSALS]
    + [(raising(error), "foreign") for error in FOREIGN],
)
def test_answers_are_judged(part_of, call, kind):
    judge = part_of("judge")
    attempt = judge.Attempt("some", call, lambda found: "" if found == 1 else "not 1")
    assert judge.judge(attempt, limit=0.05 if kind == "slow" else 600).kind == kind


def test_a_result_that_the_reference_refuses_is_a_finding(part_of):
    judge = part_of("judge")
    verdict = judge.judge(judge.Attempt("some", lambda: 1, lambda found: raising(REFUSALS[0])()))
    assert verdict.kind == "silent" and "the reference raises ValueError: here: x is 1" in verdict.message


def test_a_crash_is_found_and_not_the_end(part_of):
    judge, campaign = part_of("judge"), part_of("")

    def attempt(rng, number):
        end = {3: lambda: os.kill(os.getpid(), signal.SIGKILL), 5: lambda: bytearray(campaign.EXTRA * 2)}
        return judge.Attempt(f"number {number}", end.get(number, lambda: number), lambda found: "")

    tried = list(campaign.verdicts(SimpleNamespace(attempt=attempt), 0, range(8)))
    kinds = {number: verdict.kind for number, _, verdict in tried}
    assert kinds == {**dict.fromkeys(range(8), "compared"), 3: "crash", 5: "foreign"}
    ((what, verdict),) = ((what, verdict) for _, what, verdict in tried if verdict.kind == "crash")
    assert what == "number 3" and verdict.message == "exit code -9"


def test_a_process_without_an_answer_is_slow(part_of, monkeypatch):
    judge, campaign = part_of("judge"), part_of("")
    monkeypatch.setattr(judge, "PATIENCE", 0.01)
    part = SimpleNamespace(attempt=lambda rng, number: judge.Attempt("pause", signal.pause, lambda found: ""))
    ((number, what, verdict),) = campaign.verdicts(part, 0, range(1))
    assert (number, what, verdict.kind) == (0, "pause", "slow")


def test_values_that_differ_are_told(part_of):
    difference = part_of("judge").difference
    assert not difference({"a": [1.0, np.nan]}, {"a": [1.0, np.nan]})
    for found, right in (
        (True, 1), (1, 2), ([1], [1, 2]), ({"a": 1}, {"b": 1}), (np.zeros(2), np.zeros(3)),
        (np.array([0.0]), np.array([-0.0])), (np.zeros(2, "float32"), np.zeros(2)),
        ("1", 1), (None, 0), (float("nan"), 0.0), (1.0, True), (1.0, "1"), (np.float32(1.5), 1.4),
    ):  # fmt: skip
        assert difference(found, right)
    assert not difference(np.float32([1.0]), np.array([1 + 1e-7]), tolerance=1e-6)
    assert difference(np.array([1.0, np.nan]), np.array([1.0, 2.0]), tolerance=1e-6)
    assert not difference(np.float32(1.1), np.float64(1.1), tolerance=1e-6)
    assert not difference(np.zeros((0, 2)), np.zeros((0, 2)), tolerance=1e-6)
    assert difference([{"a": 1, "b": 2}], [{"a": 1}]) and not difference(
        [{"a": 1, "b": 2}], [{"a": 1}], more=True
    )
    assert difference([{"b": 2}], [{"a": 1}], more=True)


COUNTS = {"corpus": 6, "kills": 2, "files": 40, "settings": 3, "api": 25}


def verdicts(part_of, part, count):
    """Try inputs of a part in this process, and yield descriptions and verdicts."""
    judge, campaign = part_of("judge"), part_of("")
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(count):
            attempt = campaign.attempt_of(part, 0, number)
            yield attempt.what, judge.judge(attempt, limit=60.0)


def kinds(*arguments):
    return {verdict.kind for _, verdict in verdicts(*arguments)}


@pytest.mark.parametrize("name", COUNTS)
def test_a_few_inputs_of_each_part_find_nothing(part_of, name, tmp_path):
    part = part_of("").make(name, tmp_path)
    for what, verdict in verdicts(part_of, part, COUNTS[name]):
        assert verdict.kind in part_of("judge").GOOD, (what, verdict)


def test_a_copy_with_the_views_of_another_array_is_found(part_of, tmp_path, monkeypatch):
    def half_copied(net):
        other = ir.Sequential(net.layers, net.steps)
        other.params._flat = other.params.flat.copy()
        return other

    part, judge = part_of("corpus").Part(tmp_path), part_of("judge")
    number = [name for name, _ in part.entries].index("a_deep_copy_trains")
    assert judge.judge(part.attempt(None, number)).kind == judge.COMPARED
    monkeypatch.setattr(copy, "deepcopy", half_copied)
    assert judge.judge(part.attempt(None, number)).kind == judge.SILENT


def test_a_reader_that_repairs_numbers_is_found(part_of, tmp_path, monkeypatch):
    files = part_of("files")
    kind = files.KINDS["ts"]

    def lenient(path):
        path.write_bytes(path.read_bytes().replace(b"nan", b"0").replace(b"inf", b"0"))
        return kind.read(path)

    monkeypatch.setattr(files, "KINDS", {"ts": kind._replace(read=lenient)})
    assert "silent" in kinds(part_of, files.Part(tmp_path), 400)


def test_a_last_line_of_metrics_is_read_if_it_is_whole(part_of):
    readers = part_of("readers")
    for end, count in ((b"", 1), (b"\n", 1), (b"\n" + b'{"kind": "tr', 1)):
        assert len(readers.metrics(b'{"kind": "train", "iteration": 1}' + end)) == count


def test_a_wrong_gradient_is_found(part_of, tmp_path, monkeypatch):
    api, functions, right = part_of("api"), part_of("functions"), ir.mse

    def wrong(y, target, mask=None, *, backend=None):
        value, dy = right(y, target, mask, backend=backend)
        return value, dy if backend == "reference" else 2 * dy

    monkeypatch.setattr(api, "FAMILIES", ({functions.loss: api.SMALL},))
    monkeypatch.setattr(ir, "mse", wrong)
    assert "silent" in kinds(part_of, api.Part(tmp_path), 40)


def test_rounding_is_that_of_the_reference_in_the_same_dtype(part_of):
    differs = part_of("networks").op_differs
    exact, rounded = np.array([1e-9, 0.0]), np.array([25.0, 0.0])  # of terms near 1e9
    assert not differs(np.float32([-25, 0]), (exact, rounded), "result", 2e-4)
    assert differs(np.float32([-25, 0]), (exact, exact), "result", 2e-4)
    assert differs(np.float32([300, 0]), (exact, rounded), "result", 2e-4)
    assert differs(np.float32([np.nan, 0]), (exact, rounded), "result", 2e-4)
    assert not differs(np.float32([np.nan, 0]), (exact, np.array([np.inf, 0.0])), "result", 2e-4)
    assert differs(np.float32([0, np.inf]), (exact, np.array([np.inf, 0.0])), "result", 2e-4)


@pytest.mark.parametrize(
    ("op", "name"), [("batchnorm", "backward"), ("indrnn", "backward"), ("lstm", "forward")]
)
def test_a_wrong_op_is_found(part_of, tmp_path, monkeypatch, op, name):
    """The last element is off by a thousandth of the largest one, also where weights are infinite."""
    api, networks = part_of("api"), part_of("networks")
    entry = next(entry for entry in networks.ENTRIES if (entry.op, entry.name) == (op, name))
    get = networks.get

    def off(**given):
        first, *others = entry.function(get("cpu"))(**given)
        first.flat[-1] += np.float32(1e-3) * max(1, np.abs(first[np.isfinite(first)]).max(initial=0))
        return first, *others

    wrong = SimpleNamespace(**{op: SimpleNamespace(**{name: off})})
    monkeypatch.setattr(networks, "ENTRIES", [entry])
    monkeypatch.setattr(networks, "get", lambda backend: wrong if backend == "cpu" else get(backend))
    monkeypatch.setattr(api, "FAMILIES", ({networks.op: (1000, networks.op_differs)},))
    found = [verdict.kind for _, verdict in verdicts(part_of, api.Part(tmp_path), 80)]
    compared = found.count("compared")
    assert found.count("silent") > 5 * compared


def test_a_resumed_run_that_lost_a_line_is_found(part_of, tmp_path, monkeypatch):
    kills = part_of("kills")
    part, trained = kills.Part(tmp_path), kills.trained

    def forgetful(name, out, *words):
        trained(name, out, *words)
        if "--resume" in words:
            lines = (out / "metrics.jsonl").read_bytes().splitlines(keepends=True)
            (out / "metrics.jsonl").write_bytes(b"".join(lines[:1] + lines[2:]))

    monkeypatch.setattr(kills, "trained", forgetful)
    assert "silent" in kinds(part_of, part, 4)


def test_the_script_writes_a_page(tmp_path):
    words = ["--only", "files", "api", "--count", "8", "--out", tmp_path, "--seed", "3"]
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "campaign.py", *map(str, words)], capture_output=True, text=True
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stdout + done.stderr
    page = (tmp_path / "campaign.md").read_text(encoding="utf-8")
    assert "- seed: 3" in page and "| files | 8 |" in page and "No different findings" in page
