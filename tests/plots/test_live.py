"""The learning curve of a run that still trains."""

import time

import pytest
from small_runs import adding_run

from indrnn_np.plots import live
from indrnn_np.plots.live import LiveCurve


@pytest.fixture
def drawn(monkeypatch):
    """The history and summary of each drawing, and no wait between them."""
    calls, figure = [], live.figure
    monkeypatch.setattr(
        live, "figure", lambda *given: (calls.append((list(given[0]), given[1])), figure(*given))[1]
    )
    monkeypatch.setattr(live, "SECONDS", 0.0)
    monkeypatch.setattr(live, "SHARE", 1e9)
    return calls


def test_the_file_is_drawn_as_training_goes_on(tmp_path, drawn):
    curve, sizes = LiveCurve(tmp_path / "curve.png"), []
    adding_run(
        tmp_path / "run", 8, callbacks=[curve, lambda i: sizes.append((tmp_path / "curve.png").is_file())]
    )
    assert sizes == [False, False, False, *[True] * 6]  # from the first line on, after iteration 3
    assert [len(history) for history, _ in drawn] == [1, 2, 3, 4, 5, 6]
    assert drawn[0][1]["metric"] == "mse" and drawn[0][1]["iterations"] == 3


def test_a_resumed_run_draws_what_was_before(tmp_path, drawn):
    run = tmp_path / "run"
    adding_run(run, 8)
    adding_run(run, 9, resume=run, callbacks=[LiveCurve(run / "curve.png")])
    iterations = [line["iteration"] for line in drawn[0][0]]
    assert iterations == [3, 4, 6, 8, 9] and (run / "curve.png").is_file()


def test_drawings_take_a_small_share_of_the_time(tmp_path, monkeypatch):
    """With a clock on which a drawing takes two seconds, and a line comes each second."""
    clock, drawn = [0.0], []
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    curve = LiveCurve(tmp_path / "curve.png")

    def draw(*arguments):
        drawn.append(clock[0])
        clock[0] += 2.0

    monkeypatch.setattr(curve, "draw", draw)
    monkeypatch.setattr(live, "summary_of", lambda trainer: None)

    class Trainer:
        class journal:
            history, log = (), None

    while clock[0] < 250:
        clock[0] += 1.0
        curve.observe(Trainer, {})
    assert drawn == [10.0, 112.0, 214.0]  # after SECONDS, then so that the share is 2 %


def test_an_error_of_a_drawing_is_logged_once_and_ends_no_run(tmp_path, monkeypatch, drawn):
    def broken(*given):
        raise RuntimeError("no fonts")

    monkeypatch.setattr(live, "figure", broken)
    result = adding_run(tmp_path / "run", 8, callbacks=[LiveCurve(tmp_path / "run" / "curve.png")])
    assert result.summary["ended"] == "iterations" and not (tmp_path / "run" / "curve.png").exists()
    assert (tmp_path / "run" / "log.txt").read_text().count("no curve.png: RuntimeError: no fonts\n") == 1
