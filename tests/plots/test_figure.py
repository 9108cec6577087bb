"""Figures in a notebook: shown without a magic, at a readable size, and by IPython alone."""

import struct

from indrnn_np.plots import style


def test_a_figure_is_a_png_of_its_size():
    png, size = style.empty(4, 2.5)._repr_png_()
    assert png[:8] == b"\x89PNG\r\n\x1a\n" and size == {"width": 400, "height": 250}
    assert struct.unpack(">2I", png[16:24]) == (600, 375)


def test_pyplot_does_not_know_it():
    """What pyplot knows is shown by the inline backend at the end of a cell, a second time."""
    from matplotlib import pyplot

    style.empty(4, 2.5)
    assert pyplot.get_fignums() == []
