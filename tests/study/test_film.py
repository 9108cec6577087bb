"""Findings along a training run."""

import numpy as np
import pytest
from small_runs import QUIET, adding, net_for

import indrnn_np as ir
from indrnn_np.study import film, gradient_flow


def measure(net):
    batch = adding().batch(0, 4)
    return gradient_flow(net, batch.x, batch.target)


def shot(net, iterations=4, frames=3, **options):
    return film(net, adding(), ir.Adam(1e-2), iterations, measure, frames, batch=3, **QUIET, **options)


def test_frames_are_taken_before_training_and_at_its_end():
    net = net_for(adding())
    before = measure(net)
    found = shot(net, title="short")
    assert found.iterations.tolist() == [0, 2, 4] and net.iteration == 4 and found.title == "short"
    np.testing.assert_array_equal(found.frames[0].norms, before.norms)
    np.testing.assert_array_equal(found.frames[-1].norms, measure(net).norms)
    assert not np.array_equal(found.frames[0].norms, found.frames[1].norms)


def test_watching_changes_nothing():
    nets = [net_for(adding()) for _ in range(2)]
    shot(nets[0])
    ir.fit(nets[1], adding(), ir.Adam(1e-2), iterations=4, batch=3, **QUIET)
    assert np.array_equal(nets[0].flat, nets[1].flat)


def test_a_run_that_goes_on_and_more_frames_than_iterations():
    net = net_for(adding())
    shot(net)
    found = shot(net, iterations=2, frames=9)
    assert found.iterations.tolist() == [4, 5, 6]


def test_words_table_arrays_and_files(tmp_path):
    found = shot(net_for(adding()), title="short")
    first, last = (frame.words() for frame in (found.frames[0], found.frames[-1]))
    assert (
        found.kind == "flow_film" and found.words() == f"before training: {first}; after 4 iterations: {last}"
    )
    table = found.table()
    assert next(iter(table)) == "iteration" and {len(column) for column in table.values()} == {3 * 2 * 8}
    assert found.arrays()["norms"].shape == (3, 2, 8)
    with np.load(found.save(tmp_path / "film.npz")) as read:
        assert read["norms"].shape == (3, 2, 8) and read["iterations"].tolist() == [0, 2, 4]
    assert found.save(tmp_path / "film.csv").read_text().startswith("iteration,layer,step t,")


def test_a_film_of_one_that_diverges_says_where():
    net = net_for(adding())
    net.params["1.u"][2] = np.nan
    with pytest.raises(ArithmeticError, match=r"parameter 1\.u\[2\]"):
        shot(net)


def test_errors():
    with pytest.raises(ValueError, match=r"study.film: frames is 1, expected a number of at least 2"):
        shot(net_for(adding()), frames=1)
    with pytest.raises(ValueError, match=r"study.film: iterations is 0, expected a number of at least 1"):
        shot(net_for(adding()), iterations=0)


def test_the_picture_has_a_row_for_each_network_and_a_panel_for_each_layer():
    pytest.importorskip("matplotlib")
    task = adding()
    one_layer = ir.Sequential([ir.IndRNN(2, 4), ir.LastStep(), ir.Linear(4, 1)], steps=8, backend="reference")
    figure = shot(net_for(task), title="two").plot(shot(one_layer, title="one"))
    titles = [axes.get_title("left") for axes in figure.axes if axes.get_visible()]
    assert titles == ["two, layer 0", "two, layer 1", "one, layer 0", ""]
    shown = [axes for axes in figure.axes if axes.images]
    assert len({(axes.images[0].norm.vmin, axes.images[0].norm.vmax) for axes in shown}) == 1
    assert shown[0].get_ylabel() == "iteration" and figure.axes[3].get_visible() is False
    assert [label.get_text() for label in shown[0].get_yticklabels()] == ["0", "2", "4"]
