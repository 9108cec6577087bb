"""Draws what training, benchmarks and studies wrote, without a display.

`learning_curve`, `reproduction`, `bench`, `crossover` and `depth` write a file. The others take findings of `study` and
return a Figure; each is named as the finding's `kind`.
"""

from .curves import learning_curve
from .flow import depth, flow, flow_film
from .reproduction import reproduction
from .speed import bench, crossover
from .style import theme

__all__ = ["bench", "crossover", "depth", "flow", "flow_film", "learning_curve", "reproduction", "theme"]
