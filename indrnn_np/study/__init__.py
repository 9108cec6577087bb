"""Instruments that measure gradients and neurons.

Each instrument is a function that returns a `Finding` (finding.py): arrays, a sentence with the
main number, `.table()`, `.save("x.npz")` and `.plot()`. Only `film`, which trains, changes its
network.

flow.py          gradient_flow: the norm of ∂L/∂h_t for every recurrent layer and step
closed_form.py   closed_form: ∂h_T/∂h_t of every neuron, by backpropagation and by equation 4
explosion.py     explosion: gradient growth over recurrent weights, γ, T and depth, with theory
memory.py        memory, horizon: how long neurons remember, by u alone and through their gates
traces.py        traces: the states of neurons over one sequence
ranking.py       ranking: contributions of the last recurrent layer's neurons to the output
one_neuron.py    one_neuron: the error with a single neuron and a refitted read-out
parallel.py      parallel: the scan over time in a network: memory of chunks, passes, errors
truncation.py    truncation: bias and variance of back-propagation truncated after k steps
curvature.py     curvature: eigenvalues and traces of the Hessian and the Gauss-Newton matrix
noise.py         noise: noise scale, signal-to-noise ratios and cosines between samples
updates.py       updates: |update| / |parameter|, distance from the start, entries of the gradient
clipping.py      clipping: one training run with each of four ways to bound u
report/          report: an HTML report about a trained run
playground.html  a page that runs the recurrence and its gradients in a browser
online.py        online: online gradients by each rule, compared with BPTT
attribution.py   attribution: terms of time steps and biases in an output of a piecewise linear network
step_sizes.py    step_sizes: the error of numerical derivatives against their step size
bugs.py          bugs: classic mistakes in a backward pass (backwards.py) and the gradient check
film.py          film: any instrument, applied several times during a training run
subjects.py      networks to study: from a run's checkpoint, or new from settings
"""

from ..gradients.per_sample import PerSample, per_sample
from .attribution import Attribution, attribution
from .bugs import Bugs, bugs
from .clipping import Clipping, clipping
from .closed_form import ClosedForm, closed_form
from .curvature import Curvature, curvature
from .explosion import Explosion, explosion
from .film import Film, film
from .finding import Finding
from .flow import Flow, gradient_flow
from .memory import Memory, horizon, memory
from .noise import Noise, noise
from .one_neuron import OneNeuron, one_neuron
from .online import OnlineRules, online
from .parallel import Parallel, parallel
from .ranking import Ranking, ranking
from .report import report
from .step_sizes import StepSizes, step_sizes, step_sizes_of
from .subjects import Subject, from_run, from_settings
from .traces import Traces, traces
from .truncation import Truncation, truncation
from .updates import Updates, updates

__all__ = [
    "Attribution",
    "Bugs",
    "Clipping",
    "ClosedForm",
    "Curvature",
    "Explosion",
    "Film",
    "Finding",
    "Flow",
    "Memory",
    "Noise",
    "OneNeuron",
    "OnlineRules",
    "Parallel",
    "PerSample",
    "Ranking",
    "StepSizes",
    "Subject",
    "Traces",
    "Truncation",
    "Updates",
    "attribution",
    "bugs",
    "clipping",
    "closed_form",
    "curvature",
    "explosion",
    "film",
    "from_run",
    "from_settings",
    "gradient_flow",
    "horizon",
    "memory",
    "noise",
    "one_neuron",
    "online",
    "parallel",
    "per_sample",
    "ranking",
    "report",
    "step_sizes",
    "step_sizes_of",
    "traces",
    "truncation",
    "updates",
]  # fmt: skip
