"""Figures of training runs, benchmarks and studies, drawn without a display.

`learning_curve`, `reproduction`, `bench`, `crossover`, `crossover_time`, `ladder`, `depth`,
`online_training` and `long_training` write a file. The others return a Figure: `curve` of a run,
`ladder_figure` of a benchmark, `confusion` of a report by class, `gradient_check` of a report of
`ir.gradcheck`, `sweep` of the entries of an `ir.sweep`, and each other one of findings of `study` whose
`kind` is its name.
"""

from .attribution import attribution
from .bugs import bugs
from .clipping import clipping
from .closed_form import closed_form
from .confusion import confusion
from .curvature import curvature, curvature_film
from .curves import curve, learning_curve
from .explosion import explosion
from .flow import depth, flow, flow_film
from .gradient_check import gradient_check
from .memory import memory, memory_film
from .neurons import one_neuron, ranking, traces
from .noise import noise, noise_film
from .online import online, online_film, online_training
from .parallel import long_training, parallel
from .reproduction import reproduction
from .speed import bench, crossover, crossover_time, ladder, ladder_figure
from .step_sizes import step_sizes
from .style import theme
from .sweep import sweep
from .truncation import truncation
from .updates import updates, updates_film

__all__ = [
    "attribution", "bench", "bugs", "clipping", "closed_form", "confusion", "crossover", "crossover_time", "curvature",
    "curvature_film", "curve", "depth", "explosion", "flow", "flow_film", "gradient_check", "ladder",
    "ladder_figure", "learning_curve", "long_training", "memory", "memory_film", "noise", "noise_film",
    "one_neuron", "online", "online_film", "online_training", "parallel", "ranking", "reproduction", "step_sizes",
    "sweep", "theme", "traces", "truncation", "updates", "updates_film",
]  # fmt: skip
