"""The result of `fit`: one line, a figure and a table."""

import numpy as np
import pytest
from small_runs import QUIET, adding, net_for

import indrnn_np as ir
from indrnn_np.training.progress import duration


@pytest.fixture(scope="module")
def result():
    task = adding()
    return ir.fit(
        net_for(task), task, ir.Adam(), iterations=4, batch=3, log_every=2, validate_every=2, **QUIET
    )


def test_the_repr_is_one_line_with_the_outcome(result):
    validation, test = (result.summary["final"][split]["mse"] for split in ("validation", "test"))
    end = f"in {duration(result.summary['seconds'])}, validation mse {validation:.5g}, test mse {test:.5g}>"
    assert repr(result) == f"<Result of adding: 4 iterations {end}"


def test_the_figure_shows_the_history(result, tmp_path):
    axes = result.plot(tmp_path / "curve.png").axes[0]
    training, validation = axes.lines[:2]
    assert tuple(map(list, training.get_data())) == result.curve("mse")
    assert tuple(map(list, validation.get_data())) == result.curve("mse", "validation")
    assert (tmp_path / "curve.png").stat().st_size > 5000
    assert sum(result.plot(theme="dark").get_facecolor()[:3]) < 1


def test_a_run_without_lines_has_no_figure():
    run = ir.fit(net_for(adding()), adding(), ir.Adam(), iterations=3, validate_every=0, **QUIET)
    with pytest.raises(
        ValueError, match=r"Result\.plot: .* expected log_every of at most 3 iterations, or val"
    ):
        run.plot()


def test_a_classifier_without_validation_has_a_curve_of_its_loss():
    x, net = np.zeros((4, 6, 2), np.float32), ir.plain(2, 3, 2, 1, 4, backend="reference")
    run = ir.fit(net, (x, np.arange(6) % 2), ir.Adam(), iterations=3, log_every=1, **QUIET)
    (axes,) = run.plot().axes
    (line,) = axes.lines
    assert tuple(map(list, line.get_data())) == run.curve("softmax_cross_entropy")


def test_the_table_has_a_row_for_each_line(result):
    frame = result.to_pandas()
    assert frame["kind"].tolist() == [line["kind"] for line in result.history]
    iterations, errors = result.curve("mse", "validation")
    chosen = frame[frame["kind"] == "validation"]
    assert chosen["iteration"].tolist() == iterations and chosen["mse"].tolist() == errors
