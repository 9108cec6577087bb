"""Build layers from specs, the JSON form of a network without its parameter values."""

from __future__ import annotations

from collections.abc import Mapping

from .. import _check, _renamed
from .._files import forms
from .._types import Json, Value
from ..layers import TYPES, Layer
from ..layers.chain import gathered


def layer_from_spec(spec: Json) -> Layer:
    """Return the layer that a spec of `Layer.spec` describes."""
    where = "Sequential.from_spec"
    forms.check(where, "a layer", spec, {"type": forms.TEXT})
    _check.choice(where, "type", spec["type"], TYPES)
    options = {name: value for name, value in spec.items() if name != "type"}
    options = _renamed.read(where, options, _renamed.LAYERS.get(spec["type"], {}))
    forms.arguments(where, f"a layer {spec['type']}", options, TYPES[spec["type"]])
    return TYPES[spec["type"]](**{name: _from_spec(value) for name, value in options.items()})


def described_shapes(spec: Json) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Return the shapes of the parameters and of the running statistics of a spec, by name."""
    layers = [layer_from_spec(part) for part in spec["layers"]]
    parameters = gathered(layers, "parameters", spec["steps"])
    running = gathered(layers, "running", spec["steps"])
    return {n: p.shape for n, p in parameters.items()}, {n: value.shape for n, value in running.items()}


def _from_spec(value: Value) -> Value:
    """Return an option from JSON, with specs replaced by layers."""
    if isinstance(value, list):
        return tuple(_from_spec(part) for part in value)
    return layer_from_spec(dict(value)) if isinstance(value, Mapping) else value
