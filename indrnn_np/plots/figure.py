"""The Figure of this package: a matplotlib Figure that notebooks show without a magic."""

from __future__ import annotations

import io

from matplotlib import figure
from matplotlib.backends.backend_agg import FigureCanvasAgg

PIXELS = 100  # width of an inch in a notebook; the picture has more pixels, for dense screens


class Figure(figure.Figure):
    """Empty figure with a size in inches. pyplot does not know it, so it is never shown twice."""

    def __init__(self, width: float, height: float) -> None:
        super().__init__(figsize=(width, height), dpi=150, layout="constrained")
        FigureCanvasAgg(self)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """Return the figure as PNG with its size on the page, which IPython shows."""
        file = io.BytesIO()
        self.savefig(file, format="png")
        width, height = self.get_size_inches()
        return file.getvalue(), {"width": round(PIXELS * width), "height": round(PIXELS * height)}
