"""Named views of a flat array, for parameters, gradients and the moments of optimizers."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from . import _check
from ._check import convert
from ._cpu.arrays import aligned
from ._types import Shapes

FINITE = "finite numbers or allow_nonfinite=True"


class Identity:
    """Identity of a network, shared by its gradients, tapes and optimizers.

    Copies that are made together share a new identity. `in_use` is True if a network holds the
    identity: gradients or optimizers that are copied without their network belong to no network.
    `version` counts the changes of the parameters by update, project and load_state_dict.
    """

    def __init__(self, version: int = 0, in_use: bool = False) -> None:
        self.version, self.in_use = version, in_use

    def __reduce__(self) -> tuple[Any, ...]:
        return Identity, (self.version,)  # the copied network sets in_use


class Views(Mapping[str, np.ndarray]):
    """Flat array (P,) with named views of its parts; writing to either changes both.

    copy.copy, copy.deepcopy and pickle all produce a copy with a separate flat array.

    Parameters
    ----------
    shapes : mapping of str to tuple
        Shapes by name, in the order of the flat array.
    flat : array (P,)
        Array to view.
    identity : Identity, optional
        Network that gradients belong to. Without it, only names and shapes are compared.

    Attributes
    ----------
    by_name : dict of str to array
        The views, for fast access.

    Examples
    --------
    >>> import numpy as np
    >>> from indrnn_np.parameters import Views
    >>> views = Views({"W": (2, 3), "b": (2,)}, np.zeros(8))
    >>> views["b"][:] = 1
    >>> views.flat
    array([0., 0., 0., 0., 0., 0., 1., 1.])
    """

    def __init__(self, shapes: Shapes, flat: np.ndarray, identity: Identity | None = None) -> None:
        self.shapes = dict(shapes)
        self._flat, self.identity = flat, identity
        because = "because the named arrays need that many numbers"
        _check.shape("Views", "flat", flat, (total_size(shapes),), because)
        self.by_name: dict[str, Any] = {}
        start = 0
        for name, shape in self.shapes.items():
            size = math.prod(shape)
            self.by_name[name] = flat[start : start + size].reshape(shape)
            start += size

    @property
    def flat(self) -> np.ndarray:
        """Flat array (P,) of all named arrays."""
        return self._flat

    def has(self, shapes: Shapes) -> bool:
        """Return whether the names and shapes are equal and in the same order."""
        return shapes is self.shapes or list(shapes.items()) == list(self.shapes.items())

    def __copy__(self) -> Views:
        return copy.deepcopy(self)

    def __reduce__(self) -> tuple[Any, ...]:
        # A default copy would separate the views from the flat array.
        return _restored, (self.shapes, self.flat, self.identity)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.by_name:
            raise KeyError(f"{name!r}, known are: {', '.join(self.by_name)}")
        return self.by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def __len__(self) -> int:
        return len(self.by_name)

    def __repr__(self) -> str:
        return f"<{len(self)} arrays, {self.flat.size} numbers of {self.flat.dtype}: {', '.join(self)}>"


def _restored(shapes: Shapes, flat: np.ndarray, identity: Identity | None) -> Views:
    """Rebuild copied or unpickled Views."""
    return Views(shapes, writable(flat), identity)


def writable(array: Any) -> Any:
    """Return the array, or a copy if it is read-only, such as a memory map of joblib."""
    if isinstance(array, np.ndarray) and not (type(array) is np.ndarray and array.flags.writeable):
        return aligned(array)
    return array


def total_size(shapes: Shapes) -> int:
    """Return the total number of elements of arrays of these shapes."""
    return sum(math.prod(shape) for shape in shapes.values())


def flat_of(where: str, grads: object) -> Any:
    """Return the flat array of gradients; check that they are Views."""
    if not isinstance(grads, Views):
        expected = "the gradients that net.backward returns"
        _check.fail(where, f"grads is a {type(grads).__name__}", expected, error=TypeError)
    return grads.flat


def check_gradients(where: str, grads: Views, params: Views, identity: Identity) -> None:
    """Check that gradients match the parameters and belong to the same network, if to any."""
    flat_of(where, grads)
    if not params.has(grads.shapes):
        _check.fail(where, f"grads has the arrays {grads.shapes}", f"{params.shapes}", "as the network has")
    if grads.identity is not identity and grads.identity is not None and grads.identity.in_use:
        because = "because each network has its own; Views(grads.shapes, grads.flat) belong to no network"
        _check.fail(where, "grads are the gradients of another network", "those of this one", because)


def load_arrays(
    where: str, targets: Mapping[str, Any], arrays: Mapping[str, np.ndarray], assign: Callable[[Any, Any], None],
    allow_nonfinite: bool,
) -> None:  # fmt: skip
    """Assign each array to the target of the same name; on any error, no target is changed."""
    if not isinstance(arrays, Mapping):
        _check.fail(where, f"the state is a {type(arrays).__name__}", "arrays by name", error=TypeError)
    if set(arrays) != set(targets):
        missing, unknown = sorted(set(targets) - set(arrays)), sorted(set(arrays) - set(targets))
        _check.fail(where, f"missing {missing}, unknown {unknown}", f"the names {sorted(targets)}")
    converted = {name: convert.array(where, name, value) for name, value in arrays.items()}
    for name, value in converted.items():
        target, because = targets[name], "as the network has it"
        _check.shape(where, name, value, target.shape, because)
        if value.dtype != target.dtype:
            _check.fail(where, f"{name} has dtype {value.dtype}", f"{target.dtype}", because)
        if not allow_nonfinite:
            _check.finite(where, name, value, kind=FINITE)
    for name, value in converted.items():
        assign(targets[name], value)
