"""`indrnn bench --ladder`: every rung is compared with the reference, timed, and set beside the rung before."""

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from indrnn_np import bench, ops
from indrnn_np.bench import ladder, report
from indrnn_np.commands import bench as command
from indrnn_np.commands.cli import main

RUNGS = ["reference", "plain_cpu", "cpu"]  # without a GPU; the simulator is no GPU


@pytest.fixture(autouse=True)
def small(monkeypatch):
    small = {name: replace(op, sizes=tuple(min(n, 6) for n in op.sizes)) for name, op in ladder.OPS.items()}
    monkeypatch.setattr(ladder, "OPS", small)
    monkeypatch.setattr(command, "SECONDS", {True: 1e-3, False: 1e-3})
    monkeypatch.setattr(command, "ROUNDS", {True: 1, False: 1})


def test_the_ops_of_the_ladder_are_those_with_plain_twins():
    folder = ops.__path__[0]
    assert set(ladder.OPS) == {path.parent.name for path in Path(folder).glob("*/plain_cpu.py")}
    assert set(ladder.OPS) == {path.parent.name for path in Path(folder).glob("*/plain_cuda.py")}


def test_every_rung_is_compared_and_timed():
    result = bench.run_ladder(threads=1, seconds=1e-3, rounds=1)
    assert [case["name"] for case in result["cases"]] == ["recurrence", "indrnn", "batchnorm", "adam"]
    for case in result["cases"]:
        assert [line["candidate"] for line in case["lines"]][:3] == RUNGS
        assert list(case["checks"])[:3] == RUNGS and not case["wrong"]
        first, second, third = case["lines"][:3]
        assert first["times_before"] is None and first["times_reference"] == 1
        assert second["times_before"] == pytest.approx(first["ms"] / second["ms"])
        assert third["times_reference"] == pytest.approx(first["ms"] / third["ms"])


@pytest.mark.parametrize(("op", "name"), [("recurrence", "backward"), ("adam", "update")])
def test_a_wrong_rung_is_named_and_not_timed(op, name, monkeypatch):
    twin = import_module(f"indrnn_np.ops.{op}.plain_cpu")
    right = getattr(twin, name)

    def wrong(first, *arguments, **options):
        found = right(first, *arguments, **options)
        changed = first if found is None else found[0]
        changed[(-1,) * changed.ndim] += 1
        return found

    monkeypatch.setattr(twin, name, wrong)
    result = bench.run_ladder([op], 1, 1e-3, 1)
    (case,) = result["cases"]
    assert list(case["wrong"]) == ["plain_cpu"] and "result 0[" in case["wrong"]["plain_cpu"]
    assert "plain_cpu" not in [line["candidate"] for line in case["lines"]] and not report.passed(result)


def test_the_command(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    assert main(["bench", "--ladder", "--cases", "adam", "recurrence", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "× rung before" in out and "adam (6)" in out and "recurrence (6, 6, 6)" in out
    assert [case["name"] for case in json.loads((tmp_path / "ladder.json").read_text())["cases"]] == [
        "adam", "recurrence",
    ]  # fmt: skip
    assert (tmp_path / "ladder.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--cases", "lstm"], "indrnn: bench: the op is 'lstm', expected one of 'recurrence', "),
        (
            ["--backend", "cpu,cuda"],
            "indrnn: bench: --backend is cpu,cuda, expected no --backend with --ladder",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(words, sentence, capsys):
    assert main(["bench", "--ladder", *words]) == 2
    assert capsys.readouterr().err.startswith(sentence)
