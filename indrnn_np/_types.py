"""Type aliases that several packages share. The public layer uses them in place of `Any`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np

R = TypeVar("R")

# A NumPy array and a dtype. Docstrings state shapes and dtypes; _check checks them.
Array: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[Any]]
DType: TypeAlias = np.dtype[Any]
# Shapes of arrays by name.
Shapes: TypeAlias = Mapping[str, tuple[int, ...]]
# An array on the device of the network: a NumPy array, or an array in GPU memory (_cuda/arrays.py).
AnyArray: TypeAlias = Any
# A value that _check/convert.py converts to an array: an array of another library, nested lists, numbers.
ArrayInput: TypeAlias = Any
# The state of a layer between two windows of time steps: arrays in nested tuples, or None.
State: TypeAlias = Any
# The kind of a layer's state: ARRAY or COUNT of layers/base.py, a tuple of kinds, or None for no state.
StateForm: TypeAlias = "str | tuple[StateForm, ...] | None"
# A value that numpy.dtype accepts.
DTypeLike: TypeAlias = Any
# A record for the backward pass. Its form is private to the layer or network that creates it.
Record: TypeAlias = Any
# A function that returns R; its parameters differ from function to function.
Function: TypeAlias = Callable[..., R]
# A function that backward calls as probe(layer, t0, t1, dh, da).
Probe: TypeAlias = Callable[[str, int, int, AnyArray, AnyArray], None]
# A loss of the user: f(y, target) returns the loss and its gradient dy, for NumPy arrays.
LossFunction: TypeAlias = Callable[[Array, Array], tuple[float, Array]]
# Class weights of a run: None, "balanced", or a number for each class.
ClassWeights: TypeAlias = "str | Sequence[float] | None"
# A metric of the user: f(y, target) returns a number, for the outputs and targets of a whole split.
Metric: TypeAlias = Callable[[Array, Array], float]
# An object of JSON or TOML: settings, specs, and the files of a run.
Json: TypeAlias = dict[str, Any]
# A matplotlib Figure; matplotlib is optional.
Figure: TypeAlias = Any
# A pandas DataFrame; pandas is optional.
DataFrame: TypeAlias = Any
# The range of indices of one part of an array.
Slice: TypeAlias = "slice[int, int, None]"
# An argument that a function passes unchecked to the function that checks it.
Value: TypeAlias = Any
