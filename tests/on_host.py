"""Copies of a network's nested arrays on the host, and their comparison."""

import numpy as np
from tolerances import assert_close


def host(net, tree):
    if isinstance(tree, tuple | list):
        return [host(net, part) for part in tree]
    return net.device.to_host(tree) if tree is not None and not isinstance(tree, int) else tree


def assert_same(found, expected):
    if isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, np.ndarray):
        assert_close(found, expected, scale=10)  # several layers' roundings
    else:
        assert found == expected
