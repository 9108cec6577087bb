"""`indrnn reproduce`: rows that hold what the papers say, runs that go on where they were stopped, their table."""

import json

import pytest

import indrnn_np as ir
from indrnn_np import plots, reproduce, tasks
from indrnn_np._sweep import cells
from indrnn_np.commands import cli
from indrnn_np.reproduce import published
from indrnn_np.reproduce.rows import BUDGET, FORMS, FULL, Row
from indrnn_np.settings import settings
from indrnn_np.training.progress import Reporter
from indrnn_np.training.speed import Speed

QUIET = Reporter(show=False)
SMALL = {
    "task": "adding", "steps": 5, "hidden": 4, "batch": 3, "iterations": 40, "validate_every": 10,
    "backend": "reference", "evaluation_batch": 500, "log_every": 10,
}  # fmt: skip


def row(name="tiny/indrnn", **changes):
    known = {
        "paper": 0.001, "statement": "a test", "full": SMALL, "budget": {"iterations": 20}, "expected": (0.0, 10.0),
        "because": "it is wide", "curve": {10: 0.2},
    }  # fmt: skip
    return Row(name, **known | changes)


@pytest.fixture
def tiny(monkeypatch):
    """Rows that train in no time, in the place of the papers'."""
    rows = (
        row(),
        row("tiny/wide", expected=(5.0, 6.0)),
        row("other/one", expected=None, paper=None, curve={}),
    )
    monkeypatch.setattr("indrnn_np.reproduce.rows.catalogue", lambda: rows)
    monkeypatch.setattr(reproduce, "catalogue", lambda: rows)
    return rows


def call(tmp_path, *arguments):
    return cli.main(["reproduce", *arguments, "--out", str(tmp_path / "out"), "--backend", "reference"])


ROWS = reproduce.catalogue()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("one", ROWS, ids=lambda r: r.name)
def test_every_row_is_made_of_settings_that_its_task_has(one, form):
    job = reproduce.Job(one, form, 3, None, {"backend": "reference", "no such setting": 1})
    used = job.settings()
    assert used["seed"] == 3 and used["task"] == one.task and used["backend"] == "reference"
    assert (used["iterations"] is None) != (used.get("epochs") is None)
    assert settings.check({k: v for k, v in used.items() if v is not None}, one.task, "x")


def test_rows_are_told_apart_and_say_where_their_numbers_come_from():
    names = [one.name for one in ROWS]
    assert len(set(names)) == len(names) and all(name.count("/") == 1 for name in names)
    for one in ROWS:
        assert one.statement and (one.expected is None or (one.expected[0] < one.expected[1] and one.because))
        assert one.settings(BUDGET) != one.settings(FULL)


def test_what_the_papers_say_about_images():
    by_name = {one.name: one for one in ROWS}
    dense = by_name["mnist/dense"]
    assert dense.paper == pytest.approx(1 - 0.0052) and dense.curve[1700] == pytest.approx(0.875)
    assert by_name["mnist-permuted/residual-12"].paper == pytest.approx(1 - 0.0298)
    assert (
        set(published.COUNTS.values())
        == set(published.MNIST["mnist"])
        == set(published.MNIST["mnist-permuted"])
    )


def test_names_of_rows_and_tables(tiny):
    assert [r.name for r in reproduce.find(["tiny"], tiny)] == ["tiny/indrnn", "tiny/wide"]
    assert [r.name for r in reproduce.find(["other/one", "all"], tiny)] == [
        "other/one",
        "tiny/indrnn",
        "tiny/wide",
    ]
    with pytest.raises(
        ValueError, match=r"row is 'tine', expected all, a table .* tiny/ \(indrnn, wide\); other/ \(one\)"
    ):
        reproduce.find(["tine"], tiny)


def test_the_budgeted_form_takes_its_own_length():
    one = row(full=SMALL | {"task": "mnist", "epochs": 3.0}, budget={"iterations": 7})
    assert "epochs" not in one.settings(BUDGET) and one.settings(FULL)["epochs"] == 3.0
    with pytest.raises(ValueError, match="form is 'half', expected one of"):
        one.settings("half")


def test_runs_go_on_where_they_were_stopped(tmp_path):
    (job,) = reproduce.jobs([row()], BUDGET, [0], tmp_path, {})
    assert job.summary() is None and not job.begun()
    asked = iter([False] * 12 + [True] * 2)
    from indrnn_np.reproduce import runner

    assert runner._run(job, QUIET, lambda iteration: next(asked)) == "interrupted"
    assert job.begun() and job.summary() is None
    (entry,) = reproduce.collect([row()], tmp_path)
    assert (
        entry["runs"][0]["ended"] is None
        and entry["runs"][0]["iterations"] == 10
        and entry["as expected"] is None
    )
    ended = []
    assert reproduce.run([job], QUIET, after=ended.append) and ended == [job]
    assert job.summary()["iterations"] == 20
    before = job.directory.metrics.read_bytes()
    assert reproduce.run([job], QUIET, after=ended.append) and len(ended) == 1  # done before
    assert job.directory.metrics.read_bytes() == before


def test_a_folder_of_another_run_is_refused(tmp_path):
    (job,) = reproduce.jobs([row()], BUDGET, [0], tmp_path, {})
    asked = iter([False] * 3 + [True] * 2)
    from indrnn_np.reproduce import runner

    runner._run(job, QUIET, lambda iteration: next(asked))
    (other,) = reproduce.jobs([row(full=SMALL | {"hidden": 5})], BUDGET, [0], tmp_path, {})
    with pytest.raises(ValueError, match=r"reproduce: .* holds another run; .*hidden is 5, expected 4"):
        reproduce.run([other], QUIET)


def test_seeds_come_before_rows(tmp_path):
    todo = reproduce.jobs([row(), row("tiny/wide")], FULL, [1, 0], tmp_path, {})
    assert [(j.row.model, j.seed) for j in todo] == [("indrnn", 1), ("wide", 1), ("indrnn", 0), ("wide", 0)]
    assert todo[0].directory.path == tmp_path / "full" / "tiny" / "indrnn-seed1"


def test_the_command_runs_writes_and_tells(tmp_path, tiny, capsys):
    assert call(tmp_path, "tiny", "--seeds", "0,1", "--quiet") == 0
    printed = capsys.readouterr().out
    entries = json.loads((tmp_path / "out" / "table.json").read_text())
    first = next(e for e in entries if e["row"] == "tiny/indrnn")
    values = [run["final"]["test"]["mse"] for run in first["runs"]]
    assert first["reached"]["test"] == values and len(values) == 2 and first["as expected"] is True
    assert next(e for e in entries if e["row"] == "tiny/wide")["as expected"] is False
    assert [run["seed"] for run in first["runs"]] == [0, 1] and first["runs"][0]["machine"]["cpu"]
    line = next(line for line in printed.splitlines() if line.startswith("| tiny/indrnn"))
    assert (
        "| budget | 45 | 0.001 |" in line
        and "0 to 10: yes" in line
        and "0, 1" in line
        and f"{sum(values) / 2:.4g}" in line
    )
    assert "**no**" in printed and "Expected: it is wide." in printed
    assert (tmp_path / "out" / "table.md").read_text() == printed


def test_the_limit_of_minutes(tmp_path, tiny, capsys):
    assert call(tmp_path, "tiny/indrnn", "--minutes", "1e-9", "--quiet") == 130
    assert call(tmp_path, "tiny/indrnn", "--quiet", "--json") == 0
    capsys.readouterr()
    assert call(tmp_path, "--table", "--json", "--quiet") == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["runs"][0]["ended"] == "iterations"


def test_several_processes_reach_the_same_values(tmp_path, tiny):
    values = []
    for jobs in ("1", "2"):
        out = tmp_path / jobs
        assert call(out, "tiny", "--seeds", "1", "--jobs", jobs, "--quiet") == 0
        entries = json.loads((out / "out" / "table.json").read_text())
        values.append(
            {run["directory"]: (run["final"], run["best"]) for entry in entries for run in entry["runs"]}
        )
    assert values[0] == values[1] and len(values[0]) == 2
    assert "tiny/wide, seed 1, budget form" in (out / "out/budget/tiny/wide-seed1/log.txt").read_text()


@pytest.mark.parametrize("processes", [1, 2])
def test_a_row_that_fails_does_not_stop_the_others(tmp_path, processes):
    rows = row(full=SMALL | {"dropout_places": "nowhere=0.5"}), row("tiny/wide")
    todo = reproduce.jobs(rows, BUDGET, [0], tmp_path, {})
    with pytest.raises(RuntimeError, match=r"reproduce: 1 of 2 runs failed; the first error: .*nowhere"):
        reproduce.run(todo, QUIET, processes=processes)
    assert [job.summary() is None for job in todo] == [True, False]
    with pytest.raises(ValueError, match="nowhere"):  # the only run that is left
        reproduce.run(todo, QUIET)


def test_the_limit_of_minutes_in_processes(tmp_path):
    assert not reproduce.run(reproduce.jobs([row()], BUDGET, [0], tmp_path, {}), QUIET, 1e-9, processes=2)


def test_each_table_has_a_picture_of_its_curves_and_results(tmp_path, tiny, figure, capsys):
    assert call(tmp_path, "all", "--seeds", "0,1", "--quiet") == 0
    (curves, results), (_, other) = (each.axes for each in figure[-2:])
    titles = [axes.get_title(loc="left") for axes in (curves, results, other)]
    assert titles == ["tiny: validation", "tiny: test, each seed", "other: test, each seed"]
    own = [line.get_label() for line in curves.lines if not line.get_label().startswith("_")]
    assert own == ["indrnn (2)", "wide (2)", "paper", "paper"]
    assert list(curves.lines[0].get_xdata()) == [10, 20] and len(curves.collections) == 2
    entries = json.loads((tmp_path / "out" / "table.json").read_text())
    assert list(results.lines[0].get_ydata()) == entries[0]["reached"]["test"]
    assert [label.get_text() for label in results.get_xticklabels()] == ["indrnn", "wide"]
    assert all((tmp_path / "out" / f"{name}.png").stat().st_size > 1000 for name in ("tiny", "other"))
    assert len((tmp_path / "out" / "table.json").read_text().splitlines()) == 2 + 3 * (
        2 + 2
    )  # rows of two runs


def test_rows_without_numbers_are_drawn_empty_or_not_at_all(tmp_path, figure):
    run = {"validation": [{"iteration": 5, "mse": None}], "baseline": None}
    entry = {
        "row": "a/b",
        "form": FULL,
        "metric": "mse",
        "paper": None,
        "paper's curve": {},
        "reached": {"test": []},
    }
    bare = entry | {"row": "bare/b", "runs": [run | {"validation": []}]}
    assert plots.reproduction([entry | {"runs": [run]}, bare], tmp_path) == [tmp_path / "a-full.png"]
    assert len(figure[-1].axes) == 1


def test_without_names_the_rows_are_listed(capsys):
    assert cli.main(["reproduce"]) == 0
    text = capsys.readouterr().out
    assert (
        all(one.name in text and one.statement in text for one in ROWS)
        and "indrnn reproduce TABLE/MODEL" in text
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing",), "row is 'nothing', expected all, a table"),
        (("tiny", "--data", "adding=x"), "data is 'adding=x', expected TASK=PATH with TASK one of mnist"),
        (("tiny", "--data", "mnist"), "data is 'mnist', expected TASK=PATH"),
        (("--table",), "is not a folder, expected one with runs"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, tiny, capsys, arguments, message):
    assert call(tmp_path, *arguments, "--quiet") == 2
    assert message in capsys.readouterr().err


def test_values_are_written_in_their_unit():
    assert cells.value(0.9948, "accuracy") == "99.48 %" and cells.value(1.26, "bits") == "1.26 bits"
    assert cells.value(None, "mse") == "" and cells.spread([], "mse") == ""


# -- a dry run -----------------------------------------------------------------------------------------------


def test_a_dry_run_lists_parameters_and_minutes_and_writes_nothing(tmp_path, tiny, capsys):
    assert call(tmp_path, "--dry", "--seeds", "0,1", "--quiet") == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if "tiny/wide" in line]
    assert line.split()[1:3] == ["45", "20"] and float(line.split()[3]) >= 0
    assert lines[-1].startswith("3 of 3 rows, 2 seeds each:") and not (tmp_path / "out").exists()
    assert call(tmp_path, "tiny/indrnn", "--dry", "--json", "--quiet", "--full") == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["parameters"] == 45 and entry["iterations"] == 40 and 0 < entry["minutes"] < 5
    assert entry["form"] == FULL and entry["problem"] == ""


def test_a_dry_run_names_the_data_that_it_lacks(tmp_path, tiny, capsys, monkeypatch):
    rows = (row(), row("words/indrnn", full={"task": "words", "hidden": 4}, expected=None))
    monkeypatch.setattr("indrnn_np.reproduce.rows.catalogue", lambda: rows)
    assert call(tmp_path, "--dry", "--quiet") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "not measured: words/indrnn: tasks.Words: data is None, expected" in shown
    assert "tiny/indrnn" in shown and shown.endswith("0.0 hours") and "1 of 2 rows" in shown
    assert call(tmp_path, "words/indrnn", "--dry", "--quiet", "--json") == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["minutes"] is entry["parameters"] is None and "data is None" in entry["problem"]
    assert call(tmp_path, "words/indrnn", "--dry", "--quiet") == 2


def test_the_expected_time_counts_updates_and_evaluations():
    plan = ir.Plan(iterations=100, validate_every=10).complete(tasks.get("adding", backend="reference"), 1e-3)
    assert Speed(0.5, 2.0, 3.0).run(plan) == pytest.approx(100 * 0.5 + 10 * 2.0 + 2.0 + 3.0)
