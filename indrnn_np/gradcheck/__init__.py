"""Check gradients against numerical derivatives: of a network, a layer, an op by name, or a function of your own.

    ir.gradcheck(net, x)                              # the loss is a fixed random weighting of outputs and last state
    ir.gradcheck(net, x, labels, loss="softmax_cross_entropy", lengths=lengths)
    ir.gradcheck(ir.IndRNN(3, 8, activation="tanh"), x, method="complex")
    ir.gradcheck("recurrence", backend="cpu", T=37, B=5, H=19, activation="relu", reverse=True)
    from indrnn_np.gradcheck import check_function    # your own f and gradients

How the derivatives are taken, what an error is taken over, and what becomes of kinks: see `finite_differences`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import _check
from ..backend import get
from ..sequential import Sequential
from . import op_cases
from .finite_differences import STEP, Evaluation, check_function
from .hosted import hosted
from .network import check_layer, check_network
from .report import Element, GradientError, Report, Row

__all__ = [
    "Element",
    "Evaluation",
    "GradientError",
    "Report",
    "Row",
    "check_function",
    "check_op",
    "gradcheck",
]

METHODS = ("auto", *STEP)
Loss = str | Callable[..., tuple[float, np.ndarray]] | None


def gradcheck(
    target: Any,
    x: np.ndarray | None = None,
    y: np.ndarray | None = None,
    loss: Loss = None,
    *,
    mask: np.ndarray | None = None,
    lengths: np.ndarray | None = None,
    state: Any = None,
    backend: str | None = None,
    directions: int = 1,
    step: float | None = None,
    method: str = "auto",
    rtol: float | None = None,
    seed: int = 0,
    raises: bool = True,
    **options: Any,
) -> Report:
    """Compare every gradient of a backward pass with a derivative of its forward pass.

    target    a network: x (T, B, D) is its input; the gradients of x, of every parameter and of the initial state are
              checked on a float64 copy, with batch norm in training mode and dropout on (its mask stays the same)
              a layer: the same, in a network of its own
              the name of an op, such as "recurrence": arrays are drawn; sizes T, B, D, H, K and options by keyword
    loss      None: L = Σ R ⊙ output + Σ R' ⊙ last state with fixed random R, R'; "mse"; "softmax_cross_entropy"; or a
              function (output, y, mask=mask) -> loss, doutput
    state     initial state; drawn at random if not given, but for layers that learn theirs; "zeros": as without one
    method    "central" differences; "complex" step, through the reference; "auto": complex where nothing is rectified
    step      in units of an array (its root mean square);  directions  random ones for each array;  rtol  on the error
    Returns   a Report (print it); its rows are passed, failed or undecided (kinks within reach)
    Raises    GradientError naming array, both numbers and the worst element, unless raises=False
    """
    _check.choice("gradcheck", "method", method, METHODS)
    how = {
        "directions": directions,
        "step": step,
        "method": method,
        "rtol": rtol,
        "seed": seed,
        "raises": raises,
    }
    if isinstance(target, str):
        given = {"x": x, "y": y, "loss": loss, "mask": mask, "lengths": lengths, "state": state}
        options |= {name: value for name, value in given.items() if value is not None}
        return check_op(target, backend or "cpu", how, options)
    data = {"y": y, "loss": loss, "mask": mask, "lengths": lengths, "state": state}
    if x is None:
        _check.fail("gradcheck", "x is None", "an input (T, B, D)", "to run the network on", error=TypeError)
    if options:
        reason = "for a network or layer; options are for ops"
        _check.fail("gradcheck", f"options {sorted(options)} are given", "none", reason)
    check = check_network if isinstance(target, Sequential) else check_layer
    return check(target, x, data, backend, how)


def check_op(name: str, backend: str, how: Mapping[str, Any], options: Mapping[str, Any]) -> Report:
    """Check one op's backward against its forward, on arrays that `op_cases` draws; `how` as for check_function."""
    case = op_cases.draw(name, how["seed"], **options)
    method = how["method"]
    if method == "auto":
        method = "central" if case.rectified else "complex"
    if method == "complex" and case.rectified:
        _check.fail(
            "gradcheck", "method is 'complex'", "'central'", f"because {name} with relu is not analytic"
        )
    ops = hosted(backend)
    outputs, kept = case.forward(ops, case.arrays)
    weights = case.cotangents(outputs, how["seed"])
    gradients = {n: np.asarray(g) for n, g in case.backward(ops, case.arrays, kept, weights).items()}
    forward_ops = get("reference") if method == "complex" else ops

    def f(**arrays: np.ndarray) -> Evaluation:
        if method == "complex":
            arrays = {n: a.astype(np.complex128) for n, a in arrays.items()}
        found, _ = case.forward(forward_ops, arrays)
        terms = [np.sum(weights[n] * found[n]) for n in found]
        gates = (next(iter(found.values())) > 0,) if case.rectified else ()
        return Evaluation(sum(terms), gates, sum(float(np.linalg.norm(weights[n] * found[n])) for n in found))

    told = ", ".join(f"{k}={v!r}" for k, v in options.items())
    what = f"{name}({told}) on {backend}"
    return check_function(f, gradients, case.arrays, **{**how, "method": method}, what=what)
