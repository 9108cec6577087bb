"""The report of a gradient check: one line, its table in print, a figure and a DataFrame."""

import numpy as np
import pytest

import indrnn_np as ir


@pytest.fixture(scope="module")
def report():
    arrays = {"right": np.array([1.0, 2.0]), "wrong": np.array([3.0])}
    gradients = {"right": np.array([2.0, 4.0]), "wrong": np.array([7.0])}
    return ir.check_function(
        lambda right, wrong: (right**2).sum() + (wrong**2).sum(), gradients, arrays, raises=False
    )


def test_the_repr_is_one_line_and_print_shows_the_rows(report):
    assert repr(report) == f"<{str(report).splitlines()[0]}>"
    assert "1 of 2 passed, 1 failed" in repr(report)
    assert [line.split()[0] for line in str(report).splitlines()[2:4]] == ["right", "wrong"]


def test_the_figure_shows_errors_and_tolerances(report, tmp_path):
    axes = report.plot(tmp_path / "check.png").axes[0]
    drawn = {line.get_label(): line.get_xdata() for line in axes.lines}
    assert drawn["failed"].tolist() == [report["wrong"].error] and len(drawn["passed"]) == 1
    assert drawn["tolerance"].tolist() == [row.tolerance for row in report]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["right", "wrong"]
    assert (tmp_path / "check.png").stat().st_size > 5000


def test_the_table_has_a_row_for_each_row(report):
    frame = report.to_pandas()
    assert frame["name"].tolist() == ["right", "wrong"] and frame["status"].tolist() == ["passed", "failed"]
    assert frame["error"].tolist() == [row.error for row in report]
    assert frame["worst"][0] == "" and frame["worst"][1] == str(report["wrong"].worst)
