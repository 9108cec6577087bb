"""What a person sees of a run, and what can be read back."""

import re

import pytest
from small_runs import adding, net_for

import indrnn_np as ir
from indrnn_np.training import records
from indrnn_np.training.journal import Journal, Totals
from indrnn_np.training.progress import Reporter, duration, short


class Screen:
    def __init__(self, terminal):
        self.text, self.terminal = "", terminal

    def write(self, text):
        self.text += text
        return len(text)

    def flush(self):
        pass

    def isatty(self):
        return self.terminal


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_on_a_terminal_and_lines_elsewhere(terminal):
    screen = Screen(terminal)
    ir.fit(net_for(adding()), adding(), ir.Adam(), iterations=4, batch=3, log_every=2, validate_every=4,
           progress=Reporter(stream=screen))  # fmt: skip
    for words in (
        "iteration 2/4  mse ",
        "gradient norm",
        "steps/s",
        "s left",
        "validation mse",
        "test at the end: mse",
    ):
        assert words in screen.text
    assert ("\x1b[" in screen.text) == terminal
    assert ("━" in screen.text and "4/4" in screen.text) == terminal or not terminal


def test_the_bar_fits_into_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    screen = Screen(terminal=True)
    reporter = Reporter(stream=screen)
    reporter.start(98_765, 123_456)
    reporter.update(98_766, 0.12345, 2.345e6)
    reporter.stop(98_766)
    shown = [
        line for line in re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "\n", screen.text).splitlines() if "…" in line
    ]
    assert (
        not shown
        and "0:00:00" in screen.text
        and "2.35 M steps/s" in re.sub(r"\x1b\[[^m]*m", "", screen.text)
    )


def test_durations():
    seconds = (0.05, 12.34, 59.94, 59.96, 83, 3600, 100_000)
    expected = ["0.05 s", "12.3 s", "59.9 s", "0:01:00", "0:01:23", "1:00:00", "27:46:40"]
    assert [duration(s) for s in seconds] == expected


def test_the_time_that_is_left_is_shown_in_hours(tmp_path):
    log = tmp_path / "log.txt"
    journal = Journal(None, Reporter(show=False, file=log), 3610)
    journal.totals = Totals(loss=1.0, norm=1.0, iterations=10, steps=100, seconds=20.0)
    journal.train(10, "mse", 0.1, None)
    assert log.read_text().endswith("  2:00:00 left\n")


def test_short_numbers():
    assert [short(n) for n in (3.14159, 2500, 1.5e6, 2e9)] == ["3.14", "2.5 k", "1.5 M", "2 G"]


def test_metrics_that_are_no_json(tmp_path):
    (tmp_path / "metrics.jsonl").write_text(
        '{"kind": "train", "iteration": 1}\nnonsense\n{"kind": "train", "iteration": 2}\n'
    )
    with pytest.raises(ValueError, match=r"line 2 is not JSON"):
        records.read_metrics(tmp_path / "metrics.jsonl")


def test_a_value_at_the_end_that_is_not_finite_is_written(tmp_path):
    """In the metrics of a run None stands for it."""
    log = tmp_path / "log.txt"
    journal = Journal(None, Reporter(show=False, file=log), 2)
    journal.final(2, "validation", {"mse": None, "perplexity": 1.5})
    assert log.read_text().endswith("  validation at the end: mse not finite, perplexity 1.5\n")
