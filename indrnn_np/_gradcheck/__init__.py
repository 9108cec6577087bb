"""Compare gradients of a network, a layer, an op or your own function with numerical derivatives.

    ir.gradcheck(net, x)                              # the loss is a fixed random weighting of outputs
    ir.gradcheck(net, x, labels, loss="softmax_cross_entropy", lengths=lengths)
    ir.gradcheck(ir.IndRNN(3, 8, activation="tanh"), x, method="complex")
    ir.gradcheck("recurrence", backend="cpu", T=37, B=5, H=19, activation="relu", reverse=True)
    from indrnn_np import check_function    # your own f and gradients

`finite_differences` describes directions, relative errors and kinks.
"""

from __future__ import annotations

import numpy as np

from .. import _check
from .._types import Array, ArrayInput, Function, State, Value
from ..backend import get
from ..layers import Layer
from ..networks.sequential import Sequential
from ..ops.catalogue import Arguments
from .case import draw
from .finite_differences import check_function
from .hosted import hosted
from .network import check_network
from .problem import STEP, Evaluation, chosen_method
from .report import Element, GradientError, Report, Row

__all__ = [
    "Element", "Evaluation", "GradientError", "Report", "Row", "check_function", "check_op", "gradcheck",
]  # fmt: skip

METHODS = ("auto", *STEP)
Loss = str | Function[tuple[float, Array]] | None


def gradcheck(
    target: Sequential | Layer | str,
    x: ArrayInput = None,
    y: ArrayInput = None,
    loss: Loss = None,
    *,
    mask: ArrayInput = None,
    lengths: ArrayInput = None,
    state: State = None,
    backend: str | None = None,
    directions: int = 1,
    step: float | None = None,
    method: str = "auto",
    rtol: float | None = None,
    seed: int = 0,
    raises: bool = True,
    **options: Value,
) -> Report:
    """Compare each gradient of a backward pass with a numerical derivative of the forward pass.

    Networks run on a float64 copy, with batch norm in training mode and dropout on with a constant
    mask.

    Parameters
    ----------
    target : Sequential, Layer or str
        Network, layer, or name of an op such as "recurrence", whose arguments are random.
    x : array (T, B, D)
        Input of a network or layer. The gradients of x, of each parameter and of the initial state
        are checked.
    y : array, optional
        Target of the loss.
    loss : str or callable, optional
        "mse", "softmax_cross_entropy", "binary_cross_entropy", or a function
        (output, y, mask=mask) -> loss, doutput. By default L = Σ R ⊙ output + Σ R' ⊙ last state with
        fixed random R, R'.
    mask : array (B,) or (T, B) of bool, optional
        Mask of the loss.
    lengths : array (B,), optional
        Time steps of each sample.
    state : tuple or "zeros", optional
        Initial state. By default random, except in layers that learn their initial state.
    backend : str, optional
        Name of a backend. By default that of the network, else "cpu".
    directions, step, rtol, seed, raises
        As in `check_function`.
    method : {"auto", "central", "complex", "jvp"}
        Central differences, complex steps on the reference backend, or the tangents of the layers
        (forward mode), which need no step size. "auto": complex steps if nothing is rectified.
    **options
        Sizes T, B, D, H, K and options of an op.

    Returns
    -------
    Report
        Its rows are passed, failed or undecided (kinks within reach).

    Raises
    ------
    GradientError
        If a gradient is wrong, unless `raises` is False.

    Examples
    --------
    >>> import indrnn_np as ir
    >>> ir.gradcheck("recurrence", T=4, B=2, H=3, activation="tanh").passed
    True
    """
    _check.choice("gradcheck", "method", method, METHODS)
    _check.between("gradcheck", "seed", seed, 0, 2**64)
    _check.boolean("gradcheck", "raises", raises)
    how = {
        "directions": directions, "step": step, "method": method, "rtol": rtol, "seed": seed, "raises": raises,
    }  # fmt: skip
    data = {"x": x, "y": y, "loss": loss, "mask": mask, "lengths": lengths, "state": state}
    if isinstance(target, str):
        options |= {name: value for name, value in data.items() if value is not None}
        return check_op(target, backend or "cpu", how, options)
    if x is None:
        _check.fail("gradcheck", "x is None", "an input (T, B, D)", "to run the network on", error=TypeError)
    if options:
        because = "for a network or layer, because options are for ops"
        _check.fail("gradcheck", f"options {sorted(options)} are given", "none", because)
    title = type(target).__name__
    if not isinstance(target, Sequential):
        target = Sequential([target], steps=len(x), backend=backend or "cpu", dtype="float64", seed=seed)
    return check_network(target, title, data, backend, how)


def check_op(name: str, backend: str, how: Arguments, options: Arguments) -> Report:
    """Compare the backward pass of an op with its forward pass, on random arguments.

    `how` holds the options of `check_function`.
    """
    case = draw(name, how["seed"], **options)
    method = chosen_method(how["method"], f"{name} with relu is not analytic" if case.rectified else "")
    ops = hosted(backend)
    outputs, tape = case.forward(ops, case.arrays)
    weights = case.cotangents(outputs, how["seed"])
    gradients = {n: np.asarray(g) for n, g in case.backward(ops, tape, weights).items()}
    forward_ops = get("reference") if method == "complex" else ops

    def f(**arrays: Array) -> Evaluation:
        if method == "complex":
            arrays = {n: a.astype(np.complex128) for n, a in arrays.items()}
        outputs, _ = case.forward(forward_ops, arrays)
        terms = [weights[n] * output for n, output in outputs.items()]
        gates = (next(iter(outputs.values())) > 0,) if case.rectified else ()
        return Evaluation.of_sum(terms, gates)

    def along(array: str, direction: Array) -> float:
        derivatives = case.tangent(ops, tape, array, direction)
        return sum(float(np.sum(weights[n] * derivative)) for n, derivative in derivatives.items())

    arguments = ", ".join(f"{k}={v!r}" for k, v in options.items())
    what = f"{name}({arguments}) on {backend}"
    how = {**how, "method": method, "tangent": along if method == "jvp" else None}
    return check_function(f, gradients, case.arrays, **how, what=what)
