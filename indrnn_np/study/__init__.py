"""The gradient laboratory: numbers about gradients and neurons.

Every instrument is one function that returns a `Finding` (finding.py): arrays, the main number in words, `.table()`,
`.save("x.npz")`, `.plot()`. None changes the network that it looks at.

flow.py          gradient_flow: the norm of ∂L/∂h_t for every recurrent layer and step
closed_form.py   closed_form: ∂h_T/∂h_t of every neuron, by backpropagation and by equation 4
explosion.py     explosion: recurrent weights, γ, T and depth swept, beside what theory says
memory.py        memory, horizon: how long neurons remember, by their weight u and through their gates
traces.py        traces: the states of neurons over one sequence
ranking.py       ranking: which neurons of the last recurrent layer make the output
one_neuron.py    one_neuron: one of them kept, the read-out fitted anew
truncation.py    truncation: bias and variance of back-propagation cut after k steps
clipping.py      clipping: four ways to bound u, the same run four times
report/          report: one HTML file about a trained run
step_sizes.py    step_sizes: the error of numerical derivatives against their step
bugs.py          bugs: classic mistakes in a backward pass, and what the gradient check says (backwards.py)
film.py          film: any of them along a training run
subjects.py      networks to study: a run's checkpoint, or a fresh one out of settings
"""

from .bugs import Bugs, bugs
from .clipping import Clipping, clipping
from .closed_form import ClosedForm, closed_form
from .explosion import Explosion, explosion
from .film import Film, film
from .finding import Finding
from .flow import Flow, gradient_flow
from .memory import Memory, horizon, memory
from .one_neuron import OneNeuron, one_neuron
from .ranking import Ranking, ranking
from .report import report
from .step_sizes import StepSizes, step_sizes, step_sizes_of
from .subjects import Subject, from_run, from_settings
from .traces import Traces, traces
from .truncation import Truncation, truncation

__all__ = [
    "Bugs", "Clipping", "ClosedForm", "Explosion", "Film", "Finding", "Flow", "Memory", "OneNeuron", "Ranking",
    "StepSizes", "Subject", "Traces", "Truncation", "bugs", "clipping", "closed_form", "explosion", "film",
    "from_run", "from_settings", "gradient_flow", "horizon", "memory", "one_neuron", "ranking", "report",
    "step_sizes", "step_sizes_of", "traces", "truncation",
]  # fmt: skip
