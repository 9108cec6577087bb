"""Learning curves as text in a terminal, drawn by plotext."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .. import _check

Curve = tuple[Sequence[float], Sequence[float]]  # iterations and values


def terminal(
    curves: Mapping[str, Curve], title: str, size: tuple[int, int], log: bool = False, colours: bool = True
) -> str:
    """Return a drawing of curves as lines of text (extra `watch`).

    Parameters
    ----------
    curves : dict of str to pair of sequences
        Iterations and values by label. A curve without points is left out.
    title : str
        Text above the drawing.
    size : (int, int)
        Columns and rows.
    log : bool
        Scale the values logarithmically. They must be positive.
    colours : bool
        Distinguish the curves by colours, with escape sequences; False: by letters.
    """
    plotext = _check.optional("watch", "plotext", "watch")
    plotext.terminal.limit(False, False)  # `size` counts, not the size of the terminal
    figure = plotext.figure
    figure.clear.all()
    figure.theme("simple" if colours else "colorless").plot_size(*size).title(title)
    for number, (label, (iterations, values)) in enumerate(curves.items()):
        if iterations:
            marker = "braille" if colours else chr(ord("a") + number % 26)
            figure.draw(figure.signal(iterations, values, marker=marker).lines().label(label))
    last = max((iterations[-1] for iterations, _ in curves.values() if iterations), default=1)
    figure.ruler("x").lim(0, last).ticks(places := ticks(last), [f"{place:,}" for place in places])
    figure.ruler("y").scale("log" if log else "linear")
    return str(figure.build().string(colorless=not colours)).rstrip("\n")


def ticks(last: float) -> list[int]:
    """Return at most six round numbers from 0 to `last`.

    Examples
    --------
    >>> ticks(1234)
    [0, 500, 1000]
    >>> ticks(3)
    [0, 1, 2, 3]
    """
    step = next(
        step for power in range(20) for step in (10**power, 2 * 10**power, 5 * 10**power) if last <= 5 * step
    )
    return list(range(0, int(last) + 1, step))
