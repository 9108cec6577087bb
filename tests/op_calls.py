"""Arguments for one call of every function of every op: what the contract is tried on."""

import inspect

import numpy as np
import pytest

from indrnn_np import backend
from indrnn_np.gradcheck.hosted import hosted

T, B, D, H, K, P = 5, 3, 2, 4, 6, 11
KEY = (3, 2, 1)


def calls(dtype, seed):
    """Arguments for one call of every function of every op."""
    rng = np.random.default_rng(seed)

    def real(*shape):
        return rng.standard_normal(shape).astype(dtype)

    lengths = np.array([T, 0, 2])
    recurrent = {"u": real(H), "lengths": lengths, "reverse": True}
    cell = {**recurrent, "x": real(T, B, D), "W": real(H, D)}
    norm = {"x": real(T, B, H), "scale": real(H), "lengths": lengths}
    statistics = {"mean": real(1, H), "var": np.abs(real(1, H))}
    running = {"running_mean": real(3, H), "running_var": np.abs(real(3, H))}
    per_step = {"mean": real(3, H), "var": np.abs(real(3, H))}
    scores = {"y": real(T, B, K), "mask": rng.random((T, B)) < 0.8}
    update = {
        "p": real(P),
        "g": real(P),
        "m": real(P),
        "lr": 0.1,
        "weight_decay": 0.1,
        "decay": np.abs(real(P)),
    }
    return {
        "recurrence.forward": {**recurrent, "a": real(T, B, H), "h0": real(B, H)},
        "recurrence.backward": {**recurrent, "dh": real(T, B, H), "h": real(T + 1, B, H), "dhT": real(B, H)},
        "recurrence.last": {"h": real(T + 1, B, H), "lengths": lengths},
        "indrnn.forward": {**cell, "b": real(H), "h0": real(B, H)},
        "indrnn.backward": {**cell, "dh": real(T, B, H), "h": real(T + 1, B, H), "dhT": real(B, H)},
        **cells(real, lengths),
        "affine.forward": {"x": real(T, B, D), "W": real(K, D), "b": real(K)},
        "affine.backward": {"dy": real(T, B, K), "x": real(T, B, D), "W": real(K, D)},
        "batchnorm.forward": {**norm, "shift": real(H)},
        "batchnorm.backward": {**norm, **statistics, "dy": real(T, B, H)},
        "batchnorm.apply": {**norm, **statistics, "shift": real(H)},
        "batchnorm.statistics": {"x": real(T, B, H), "lengths": lengths},
        "batchnorm.update": {**running, **per_step, "counts": np.array([2, 0, 3]), "t0": 1, "momentum": 0.1},
        "batchnorm.rows": {"running": real(3, H), "t0": 2, "T": 4},
        "dropout.mask": {"shape": (B, H), "rate": 0.3, "key": KEY, "dtype": dtype},
        "dropout.forward": {"x": real(T, B, H), "rate": 0.3, "key": KEY},
        "dropout.backward": {"dy": real(T, B, H), "rate": 0.3, "key": KEY},
        "rows.fill": {"out": real(T, B), "value": 3},
        "rows.spread": {"a": real(B, H), "out": real(T, B, H)},
        "rows.add": {"a": real(T, B), "b": real(T, B)},
        "rows.total": {"a": real(B, H)},
        "rows.last": {"x": real(T, B, H), "lengths": lengths, "before": real(B, H)},
        "rows.at_last": {"row": real(B, H), "steps": T, "lengths": lengths},
        "rows.reached": {"row": real(B, H), "lengths": lengths, "wanted": False},
        "rows.without_padding": {"x": real(T, B, D), "lengths": lengths},
        "rows.join": {"first": real(T, B, H), "second": real(T, B, D)},
        "rows.part": {"x": real(T, B, H), "j": 1, "size": 2},
        "random.bits": {"key": KEY, "count": 7},
        "random.uniform": {"key": KEY, "shape": (3, 5), "dtype": dtype},
        "softmax_cross_entropy.loss": {**scores, "target": rng.integers(0, K, (T, B))},
        "mse.loss": {**scores, "target": real(T, B, K)},
        "sgd.update": {**update, "momentum": 0.9},
        "adam.update": {**update, "v": np.abs(real(P)), "t": 2},
        "gradient.norm": {"g": real(P)},
        "gradient.clip_norm": {"g": real(P), "limit": 0.5},
        "gradient.clip_value": {"g": real(P), "limit": 0.5},
        "project.project": {"u": real(H), "bound": 0.5},
        "finite.first": {"a": real(T, B)},
        "adding.draw": {"key": KEY, "steps": T, "size": 7, "dtype": dtype, "first": 2, "count": 3},
        **language(rng, real),
    }


def language(rng, real):
    """Those of the ops of language models."""
    ids, normalised = {"ids": rng.integers(0, K, (T, B))}, {"x": real(T, B, H), "scale": real(H)}
    statistics = {"mean": real(T, B), "rstd": np.abs(real(T, B))}
    return {
        "embedding.forward": ids | {"E": real(K, H), "factors": real(K)},
        "embedding.backward": ids | {"dy": real(T, B, H), "symbols": K, "factors": real(K)},
        "layernorm.forward": normalised | {"shift": real(H)},
        "layernorm.backward": normalised | statistics | {"dy": real(T, B, H)},
    }


def cells(real, lengths):
    """Those of the cells with a recurrent matrix."""
    ends = {"lengths": lengths, "reverse": True}
    found = {}
    for op, gates, biases, states, kept in (
        ("rnn", 1, "b", "h", {}),
        ("lstm", 4, "b", "hc", {"gates": real(T, B, 4 * H)}),
        ("gru", 3, "bc", "h", {"gates": real(T, B, 4 * H)}),
    ):
        cell = {**ends, "x": real(T, B, D), "W": real(gates * H, D), "U": real(gates * H, H)}
        start = {name: real(gates * H) for name in biases} | {f"{name}0": real(B, H) for name in states}
        last = {f"d{name}T": real(B, H) for name in states}
        found[f"{op}.forward"] = cell | start
        states = {name: real(T + 1, B, H) for name in states}
        found[f"{op}.backward"] = cell | last | kept | states | {"dh": real(T, B, H)}
    return found


def arguments(op, name, dtype="float64", seed=0):
    """Arguments of one call."""
    return calls(dtype, seed)[f"{op}.{name}"]


FUNCTIONS = [tuple(name.split(".")) for name in calls("float64", 0)]
each_function = pytest.mark.parametrize("op, name", FUNCTIONS, ids=[".".join(case) for case in FUNCTIONS])
EVERYWHERE = [(b, *case) for b in backend.backends() for case in FUNCTIONS if backend.get(b).serves(case[0])]
on_each_backend = pytest.mark.parametrize("backend, op, name", EVERYWHERE, ids=map("-".join, EVERYWHERE))
CHANGED = {  # in place
    "sgd.update": ("p", "m"),
    "adam.update": ("p", "m", "v"),
    "batchnorm.update": ("running_mean", "running_var"),
    "gradient.clip_norm": ("g",),
    "gradient.clip_value": ("g",),
    "project.project": ("u",),
    "rows.fill": ("out",),
    "rows.spread": ("out",),
}


def run(name, op, function, **options):
    """Call it, and return everything that it gave or changed, as arrays."""
    given = arguments(op, function, **options)
    result = getattr(getattr(hosted(name), op), function)(**given)
    changed = [given[name] for name in CHANGED.get(f"{op}.{function}", ())]
    parts = result if isinstance(result, tuple) else (result,)
    return [np.asarray(part) for part in (*parts, *changed) if part is not None]


OUT = [
    (op, name)
    for op, name in FUNCTIONS
    if f"{op}.{name}" not in CHANGED
    and "out" in inspect.signature(getattr(getattr(backend.get("reference"), op), name)).parameters
]
