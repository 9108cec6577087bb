"""Draws what training, benchmarks and studies wrote, into files, without a display."""

from .curves import learning_curve
from .flow import depth
from .reproduction import reproduction
from .speed import bench, crossover

__all__ = ["bench", "crossover", "depth", "learning_curve", "reproduction"]
