"""The gradient laboratory: numbers about gradients and neurons.

Every instrument is one function that returns a `Finding` (finding.py): arrays, the main number in words, `.table()`,
`.save("x.npz")`, `.plot()`. None changes the network that it looks at.

flow.py     gradient_flow: the norm of ∂L/∂h_t for every recurrent layer and step
film.py     film: any of them along a training run
subjects.py networks to study: a run's checkpoint, or a fresh one out of settings
"""

from .film import Film, film
from .finding import Finding
from .flow import Flow, gradient_flow
from .subjects import Subject, from_run, from_settings

__all__ = ["Film", "Finding", "Flow", "Subject", "film", "from_run", "from_settings", "gradient_flow"]
