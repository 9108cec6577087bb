"""Numbers about gradients and neurons: pure functions that return arrays. Nothing here draws.

flow.py     the norm of ∂L/∂h_t for every recurrent layer and step
"""

from .flow import Flow, flow

__all__ = ["Flow", "flow"]
