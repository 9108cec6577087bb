"""Read targets as users have them: labels as numbers, strings, booleans or one-hot rows, and values.

    loss                      y                                               target
    softmax_cross_entropy     integers, strings or booleans (N,) or (T, N)    indices of classes
                              one-hot rows (N, K) or (T, N, K)                indices of classes
    mse                       numbers (N, K) or (T, N, K)                     real numbers
    binary_cross_entropy      booleans, or numbers from 0 to 1, as for mse    real numbers
    a function                numbers                                         numbers

Without a loss, real numbers belong to mse and all other targets to softmax_cross_entropy. Values
need no axis K if the network has one output.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import _check
from .._check import convert, sequences
from .._types import Array, ArrayInput, DTypeLike, LossFunction, Value

SOFTMAX, MSE = "softmax_cross_entropy", "mse"
Names = Sequence[str] | Sequence[bool]


def loss_name(loss: str | LossFunction) -> str:
    """Return the name of a loss, which is its key in metrics and summaries."""
    return loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)


@dataclass(frozen=True)
class Targets:
    """How to read the targets of a run.

    Parameters
    ----------
    loss : str or callable, optional
        Loss of the run. None: "mse" for real numbers, else "softmax_cross_entropy".
    output : {"last", "every"}, optional
        Steps that the network returns. None: the axes of the targets decide.
    outputs : int, optional
        Number K of outputs of the network.
    dtype : dtype, optional
        Precision of real numbers.
    layout : str
        Layout of the inputs. Targets of every step have the same order of samples and steps.
    """

    loss: str | LossFunction | None = None
    output: str | None = None
    outputs: int | None = None
    dtype: DTypeLike | None = None
    layout: str = sequences.TIME_MAJOR

    def array(self, where: str, name: str, y: ArrayInput, x: Array, lengths: Array | None) -> Array:
        """Return y as an array, which is time-major if it has targets for every step of x."""
        moved = self.layout != sequences.TIME_MAJOR
        if moved and self.output == "every" and isinstance(y, list | tuple):
            y, ends = sequences.padded(where, name, y)
            if ends is not None and ends.shape == x.shape[1:2]:
                _check_ends(where, name, ends, len(x), lengths)
        y = convert.plain(where, name, y)
        return y.swapaxes(0, 1) if moved and self.every(y) and y.ndim > 1 else y

    def every(self, y: Array) -> bool:
        """Return whether y has targets for every step."""
        if self.output is not None:
            return self.output == "every"
        return y.ndim == (2 if self.are_labels(y) else 3)

    def are_labels(self, y: Array) -> bool:
        """Return whether the loss reads y as labels."""
        return self.loss == SOFTMAX if self.loss is not None else y.dtype.kind != "f"

    def names(self, where: str, name: str, y: Array, lengths: Array | None) -> Names | None:
        """Return the names of the classes if the labels are strings or booleans, else None."""
        if not self.are_labels(y) or y.dtype.kind not in "bUOT" or self._is_one_hot(y):
            return None
        labels = y[self._counted(where, y, lengths)].ravel().tolist()
        booleans = y.dtype.kind == "b" or (labels != [] and isinstance(labels[0], bool))
        strange = [label for label in labels if not isinstance(label, bool if booleans else str)]
        if strange:
            expected = "booleans" if booleans else "strings, or an array of numbers"
            _check.fail(where, f"{name} contains {strange[0]!r:.40}", expected)
        names: Names = (False, True) if booleans else sorted(set(labels))
        if self.outputs not in (None, len(names)):
            shown = ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")
            cure = "; binary_cross_entropy reads booleans with one output" if self.outputs == 1 else ""
            because = f"because the network has {self.outputs} outputs{cure}"
            _check.fail(where, f"{name} has {len(names)} classes ({shown})", f"{self.outputs}", because)
        return names

    def read(self, where: str, name: str, y: Array, lengths: Array | None, names: Names | None) -> Array:
        """Return the targets as indices of classes or as numbers."""
        if not self.are_labels(y):
            return self._values(where, name, y, lengths)
        if self._is_one_hot(y):
            return _from_one_hot(where, name, y, self._counted(where, y, lengths))
        if names is not None:
            return _indices(where, name, y, names, self._counted(where, y, lengths))
        if self.loss == SOFTMAX and y.dtype.kind not in "iu":
            expected = "integers, strings, booleans or one-hot rows"
            _check.fail(where, f"{name} has dtype {y.dtype}", expected, "because the loss reads labels")
        return convert.array(where, name, y)

    def _counted(self, where: str, y: Array, lengths: Array | None) -> Array:
        """Return the mask of the targets within the lengths, without the axis of the outputs."""
        outer = y[..., 0] if self._is_one_hot(y) else y
        if lengths is None or not self.every(y) or outer.shape[1:] != lengths.shape:
            return np.ones(outer.shape, np.bool_)
        return _check.counted(where, lengths, outer)

    def _is_one_hot(self, y: Array) -> bool:
        """Return whether y has an axis for the outputs of the network, although it holds labels."""
        axes = 3 if self.output == "every" else 2
        return (
            self.output is not None
            and y.ndim == axes
            and y.shape[-1] == self.outputs
            and y.dtype.kind in "biuf"
        )

    def _values(self, where: str, name: str, y: Array, lengths: Array | None) -> Array:
        axes = 3 if self.every(y) else 2
        if callable(self.loss) and y.dtype.kind in "iu" and y.ndim == axes - 1 and self.outputs != 1:
            return convert.array(where, name, y)  # labels, which the function of the user reads
        if self.outputs == 1 and y.ndim == axes - 1:
            y = y[..., None]
        elif self.outputs is not None and y.ndim == axes - 1 and y.dtype.kind in "iuf":
            cure = "; y.astype(int) is read as labels" if self.loss is None else ""
            because = f"because the network has {self.outputs} outputs{cure}"
            _check.fail(where, f"{name} has shape {y.shape}", f"{(*y.shape, self.outputs)}", because)
        return sequences.real(where, name, y, self.dtype, lengths if axes == 3 else None)


def _check_ends(where: str, name: str, ends: Array, T: int, lengths: Array | None) -> None:
    """Check that each sample has targets for all its steps, or for all T steps."""
    _check.lengths(where, lengths, T, len(ends))
    steps = np.full_like(ends, T) if lengths is None else lengths
    wrong = (ends != steps) & (ends != T)
    if wrong.any():
        (i,) = _check.first_index(wrong)
        _check.fail(where, f"{name}[{i}] has {ends[i]} steps", f"{steps[i]}", f"as x[{i}]")


def _from_one_hot(where: str, name: str, y: Array, counted: Array) -> Array:
    """Return the position of the 1 in each row."""
    wrong = ((y != 0) & (y != 1)).any(axis=-1) | (y.sum(axis=-1, where=counted[..., None]) != 1)
    wrong &= counted
    if wrong.any():
        index = _check.first_index(wrong)
        because = (
            "because the loss is softmax_cross_entropy; binary_cross_entropy takes several classes in a row"
        )
        _check.fail(
            where, f"{name}{list(index)} is {y[index].tolist()!r:.60}", "a single 1 among zeros", because
        )
    return y.argmax(axis=-1)


def _indices(where: str, name: str, y: Array, names: Names, counted: Array) -> Array:
    """Return the index of each label in `names`, which is sorted; 0 where a label is not counted."""
    place = {label: index for index, label in enumerate(names)}

    def index_of(label: Value) -> int:
        return place.get(label, -1) if isinstance(label, str | int) else -1

    indices = np.array([index_of(label) for label in y.ravel().tolist()], np.int64).reshape(y.shape)
    wrong = (indices < 0) & counted
    if wrong.any():
        index = _check.first_index(wrong)
        _check.fail(
            where,
            f"{name}{list(index)} is {str(y[index])!r:.40}",
            f"one of {', '.join(map(repr, names))}",
            "(the labels of y)",
        )
    return np.maximum(indices, 0)
