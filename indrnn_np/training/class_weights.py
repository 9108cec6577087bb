"""Class weights and label smoothing of a run (docs/own-data.md).

    balanced    w_k = N / (K N_k)    N_k of the N training targets are of class k, without padding

The loss of an update is the mean of its targets' losses, weighted by w. The loss and the accuracy of
an evaluation have neither weights nor smoothing, so that runs can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import _check
from .._types import Array, ClassWeights, DType, Value
from ..networks.sequential import Sequential
from ..optim.class_options import NEITHER, ClassOptions
from ..tasks import Task, class_counts
from ..tasks.targets import SOFTMAX, loss_name
from .class_report import class_names

BALANCED = "balanced"
EXPECTED = f"{BALANCED!r}, or a number above 0 for each class, as a list or as in '1,2.5'"


def checked(weights: Value) -> ClassWeights:
    """Return the class weights of a plan: None, "balanced", or a tuple of float.

    Parameters
    ----------
    weights : str or sequence of float or None
        A text other than "balanced" holds the numbers, separated by commas, as in a setting.

    Examples
    --------
    >>> checked("1,2.5")
    (1.0, 2.5)
    """
    if weights is None or (isinstance(weights, str) and weights == BALANCED):
        return weights
    numbers = _numbers(weights.split(",")) if isinstance(weights, str) else weights
    if not isinstance(numbers, Sequence | np.ndarray):
        _check.fail("Plan", f"class_weights is {weights!r:.40}", EXPECTED, error=TypeError)
    values = [float(_check.real("Plan", f"class_weights[{k}]", number)) for k, number in enumerate(numbers)]
    for k, value in enumerate(values):
        if not 0 < value < np.inf:
            _check.fail("Plan", f"class_weights[{k}] is {value}", "a finite number above 0")
    return tuple(values)


def _numbers(words: list[str]) -> list[float]:
    try:
        return [float(word) for word in words]
    except ValueError:
        return _check.fail("Plan", f"class_weights is {','.join(words)!r:.40}", EXPECTED)


def of_task(plan: Value, task: Task) -> tuple[float, ...] | None:
    """Return the class weights of a plan as numbers, after checking that the loss of the run has classes."""
    weights, loss = plan.class_weights, plan.loss or task.loss
    options = {"class_weights": (weights, None), "label_smoothing": (plan.label_smoothing, 0.0)}
    for name, (value, default) in options.items():
        if value != default and loss != SOFTMAX:
            because = f"because only {SOFTMAX} has classes"
            _check.fail("Plan", f"{name} is set and the loss is {loss_name(loss)}", f"{default}", because)
    if weights == BALANCED:
        return balanced(task)
    if weights is not None and len(weights) != task.output_size:
        expected = f"{task.output_size}, a number for each class of task {task.name!r}"
        _check.fail("Plan", f"class_weights has {len(weights)} numbers", expected)
    return weights


def balanced(task: Task) -> tuple[float, ...]:
    """Return the weights N / (K N_k) of the classes of a task.

    Raises
    ------
    ValueError
        If the training data are unlimited, or if a class has no training target.
    """
    counts = class_counts.of_task(task)
    if counts is None:
        because = f"because task {task.name!r} has no class_counts; unlimited data have none"
        _check.fail("Plan", f"class_weights is {BALANCED!r}", "a number for each class", because)
    if (counts == 0).any():
        k = int(np.argmax(counts == 0))
        name = class_names(task.describe(), len(counts))[k]
        because = "because its weight would be infinite; class_weights also takes a number for each class"
        problem = f"class_weights is {BALANCED!r} and class {name} has no training target"
        _check.fail("Plan", problem, "at least one of each class", because)
    return tuple((counts.sum() / (len(counts) * counts)).tolist())


def options(plan: Value, net: Sequential) -> ClassOptions:
    """Return the options of the loss that a plan trains `net` with.

    Raises
    ------
    ValueError
        If the plan has class weights or label smoothing and the network is on a GPU, or a weight is
        too small or too large for the dtype of the network.
    """
    if plan.class_weights is None and not plan.label_smoothing:
        return NEITHER
    if net.device.arrays is not np.ndarray:
        name = "label_smoothing" if plan.class_weights is None else "class_weights"
        because = "because its kernels have neither class weights nor label smoothing (docs/cuda.md)"
        _check.fail("train", f"{name} is set on backend {net.backend!r}", "'cpu' or 'reference'", because)
    weights = None if plan.class_weights is None else _in_precision(plan.class_weights, net.dtype)
    return ClassOptions(weights, plan.label_smoothing)


def _in_precision(weights: tuple[float, ...], dtype: DType) -> Array:
    """Return the weights in the dtype of a network, where none may be 0 or infinite."""
    smallest, largest = float(np.finfo(dtype).tiny), float(np.finfo(dtype).max)
    for k, weight in enumerate(weights):
        if not smallest <= weight <= largest:
            expected = f"a {dtype} number from {smallest:.3g} to {largest:.3g}"
            _check.fail("train", f"class_weights[{k}] is {weight}", expected)
    return np.array(weights, dtype)


def notes(plan: Value) -> list[str]:
    """Return a line for the log, in a list that is empty without class weights and label smoothing."""
    parts = []
    if plan.class_weights is not None:
        weights = plan.class_weights
        parts.append(f"class weights from {min(weights):.4g} to {max(weights):.4g}")
    if plan.label_smoothing:
        parts.append(f"label smoothing {plan.label_smoothing:g}")
    return [f"training loss: {', '.join(parts)}; evaluations have neither"] if parts else []
