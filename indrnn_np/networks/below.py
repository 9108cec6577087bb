"""The network below the last layer of another one."""

from __future__ import annotations

from .network import N


def below_last(net: N) -> N:
    """Return the network of all layers but the last one, which shares the arrays of `net`.

    Its gradients have the names and the flat form of those of `net`, with zeros for the last layer.
    It has the iteration of `net` at the time of the call, so make a new one for each pass.
    """
    below = object.__new__(type(net))
    below.__dict__.update(net.__dict__, layers=net.layers[:-1], state_form=net.state_form[:-1])
    below.__dict__.pop("fusion_plan", None)
    return below
