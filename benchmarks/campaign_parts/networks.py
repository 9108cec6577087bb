"""Calls of ops and networks: families, as api.py describes."""

from __future__ import annotations

import copy
import pickle
from inspect import signature

import numpy as np

import indrnn_np as ir
from indrnn_np._check import convert
from indrnn_np.backend import get
from indrnn_np.networks.parts import NORMS, Units
from indrnn_np.ops.catalogue import BOTH, entries
from indrnn_np.ops.recurrence.activation import ACTIVATIONS

from .judge import difference

SYMBOLS = 7
ROUNDING = {"float32": 2e-4, "float64": 1e-9}  # of the largest entry: other orders of summation
ANY = object()  # the right value where rounding decides, or where the reference has no answer
REFERENCE = "reference"
SWITCHES = "constrain learn_h0 reverse per_step batchnorm tied first nesterov decoupled".split()
# Valid values of the parameters of public functions, by name.
VALUES = {
    "input_size": (2,), "hidden_size": (4,), "hidden": (4,), "output_size": (3,), "size": (2,), "symbols": (SYMBOLS,),
    "layers": (1, 2), "blocks": (1,), "growth": (2,), "steps": (5, 5, None), "rate": (0.0, 0.3),
    "activation": tuple(ACTIVATIONS), "recurrent_init": ("uniform", "symmetric", "ones", 0.5),
    "input_init": ("normal", "kaiming", 0.5), "gamma": (1.0, 1.5, 2.0), "forget_bias": (0.0, 1.0), "positions": (9,),
    "momentum": (0.0, 0.9), "eps": (1e-5, 1e-8), "init_scale": (0.5,), "dropout": (0.0, 0.1), "embedding": (None, 3),
    "embedding_dropout": (0.0, 0.3), "output": ("last", "every"), "cell": ("indrnn", "rnn", "lstm", "gru"),
    "lr": (0.1,), "iterations": (9,), "warmup": (0, 2), "final": (0.0, 0.1), "rise": (0.3,), "start": (0.1,),
    "every": (3,), "factor": (0.5,), "patience": (2,), "minimum": (0.0, 1e-3), "mode": ("min", "max"), "b1": (0.9,),
    "patience_factor": (0.5,), "bottleneck": (1, 2), "reduction": (0.5,), "norm_place": NORMS,
    "last_init": ("long", 0.5), "decay_on": (("W",), ("u", "b")), "b2": (0.99,), "weight_decay": (0.0, 0.1),
    "lr_of": (None, {"W": 0.5}), **dict.fromkeys(SWITCHES, BOTH),
}  # fmt: skip
LAYERS = [kind for kind in (getattr(ir, name) for name in ir.__all__) if isinstance(kind, type)
          and issubclass(kind, ir.Layer) and {"layer", "layers"}.isdisjoint(signature(kind).parameters)]  # fmt: skip
BUILDERS = [*LAYERS, ir.plain, ir.residual, ir.networks.dense]
ENTRIES = [*entries()]
COPIES = {
    "copy": lambda pair: (copy.copy(pair[0]), copy.deepcopy(pair[1])), "deepcopy": copy.deepcopy,
    "pickle": lambda pair: pickle.loads(pickle.dumps(pair)), "list": lambda pair: copy.deepcopy([pair, pair])[1],
}  # fmt: skip


def valid(function, rng):
    """Return valid arguments by the signature of a function: the required ones, and some of the others."""
    parameters = signature(function).parameters.values()
    return {p.name: rng.choice(VALUES[p.name]) for p in parameters
            if p.name in VALUES and (p.default is p.empty or rng.random() < 0.3)}  # fmt: skip


def op(rng, draw):
    """A function of an op, beside the reference in float64 and in the dtype of the arguments."""
    entry = rng.choice(ENTRIES)
    arguments = entry.arguments(draw, **{k: rng.choice(values) for k, values in entry.source.options.items()})

    def run(backend, **given):
        if backend != REFERENCE:
            return call(backend, given)
        if states_are_beyond(given):
            return ANY
        real = {k: v for k, v in given.items() if isinstance(v, np.ndarray) and v.dtype.kind == "f"}
        rounded = call(backend, copy.deepcopy(given))
        if entry.exact or "key" in given:  # random numbers depend on the dtype
            return rounded, rounded
        return call(
            backend, given | {key: np.array(value, np.float64) for key, value in real.items()}
        ), rounded

    def call(backend, given):
        result = entry.function(get(backend))(**given)
        lengths, W = given.get("lengths"), given.get("W")
        if entry.forward and lengths is not None and W is not None and not np.isfinite(W).all():
            result = convert.without_padding(backend, result[0], lengths), *result[1:]  # 0 · ∞ in dx
        return result, [given[key] for key in entry.changes]

    return f"{entry.op}.{entry.name}", arguments, run, entry.changes


def states_are_beyond(given):
    """Return whether saved states are not finite beyond a sample's length, where `forward` writes zeros."""
    lengths, states = given.get("lengths"), [given[name] for name in ("h", "c") if name in given]
    beyond = [
        h[1:][np.arange(len(h) - 1)[:, None] >= lengths]
        for h in states
        if h.ndim == 3 and lengths is not None
    ]
    return not all(np.isfinite(values).all() for values in beyond)


def op_differs(result, right, at, tolerance):
    """Compare with the reference in float64."""
    return difference(rounded_off(result, *right), right[0], at, tolerance)


def rounded_off(found, exact, rounded):
    """Return `exact` where `found` is about as close to it as `rounded`, the reference in the same dtype.

    Where large terms cancel or overflow, no order of the operations is accurate.
    """
    if isinstance(exact, list | tuple) and len(found) == len(exact):
        return [rounded_off(*parts) for parts in zip(found, exact, rounded, strict=True)]
    if not isinstance(found, np.ndarray) or found.shape != exact.shape or found.dtype.kind != "f":
        return found
    with np.errstate(all="ignore"):
        error = np.abs(rounded.astype(np.float64) - exact)
        close = np.abs(found - exact) <= 10 * error[np.isfinite(error)].max(initial=0.0)
    return np.where(close | ~(np.isfinite(found) | np.isfinite(rounded)), exact, found)


def stack_of(rng, dtype="float64"):
    """Return a name for a random stack, and a function that builds it."""
    activation, learn, last = rng.choice(VALUES["activation"]), rng.choice(BOTH), rng.choice(BOTH)
    cells = [
        [ir.IndRNN(2, 4, activation, gamma=1.5, learn_h0=learn)], [ir.IndRNN(2, 4), ir.BatchNorm(4)],
        [ir.BatchNorm(2, per_step=True), ir.IndRNN(2, 4, input_init=0.5)], [ir.RNN(2, 4)], [ir.LSTM(2, 4)],
        [ir.GRU(2, 4)], [ir.Bidirectional(ir.IndRNN(2, 2))], [ir.Linear(2, 4), ir.Recurrence(4), ir.LayerNorm(4)],
        [ir.IndRNN(2, 4), ir.Residual((ir.IndRNN(4, 4),)), ir.Dropout(0.3)], [ir.Concat((ir.IndRNN(2, 2),))],
    ]  # fmt: skip
    number, symbols = rng.randrange(len(cells)), rng.random() < 0.2
    stack = [*[ir.Embedding(SYMBOLS, 2)] * symbols, *cells[number], *[ir.LastStep()] * last, ir.Linear(4, 3)]
    build = lambda backend="cpu", seed=1: ir.Sequential(stack, 5, backend, dtype, seed)  # noqa: E731
    return f"stack {number}{' of symbols' * symbols}{' last' * last} {dtype}", build


def input_of(net, rng):
    """Return an input for random numbers of NumPy."""
    size = net.layers[0].inputs or 2
    x = rng.standard_normal((5, 3, size)).astype(net.dtype)
    return rng.integers(0, net.symbols, (5, 3)) if net.symbols else x


def wave(y):
    """Return a gradient of the output."""
    return np.cos(np.arange(y.size, dtype=y.dtype)).reshape(y.shape)


def passes(net, x, state=None, lengths=None, memory="keep"):
    """Return output, state, open gates and gradients of a training pass."""
    y, after, tape = net.forward(x, state, lengths, memory=memory)
    gates = copy.deepcopy([y, after, net.gates(tape)])
    dx, dstate, grads = net.backward(wave(y), tape)
    return [*gates, copy.deepcopy([dx, dstate, grads.flat])]


def passes_differ(result, right, at, tolerance):
    """Compare two passes: at a kink, where gates differ, and with NaN, only outputs and states."""
    most = 2 if difference(result[2], right[2]) or not np.isfinite(right[0]).all() else 4
    return difference(result[:most], right[:most], at, tolerance)


def built(rng, draw):
    """A layer or a network by its signature; the reference is built from its description."""
    kind, seed = rng.choice(BUILDERS), rng.getrandbits(32)
    arguments = valid(kind, rng) | ({"blocks": (1,), "growth": 2} if kind is ir.networks.dense else {})
    arguments |= {} if kind in LAYERS else valid(Units, rng)

    def run(backend, **given):
        net = kind(**given)
        is_network = isinstance(net, ir.Sequential)
        net = net.astype("float64") if is_network else ir.Sequential([net], 5, dtype="float64")
        if backend == REFERENCE:
            arrays, net = net.state_dict(), ir.Sequential.from_spec(net.spec(), backend, "float64")
            net.load_state_dict(arrays)
        return passes(net, input_of(net, np.random.default_rng(seed)))

    return kind.__name__, arguments, run


def training(rng, draw):
    """A training pass; values beyond the lengths, and how states are kept, change nothing."""
    name, build = stack_of(rng)
    net, lengths = build(), rng.choice((None, draw.lengths()))
    x, before = input_of(net, draw.rng), input_of(net, draw.rng)
    if lengths is not None:
        x[np.arange(5)[:, None] >= lengths] = -1 if net.symbols else rng.choice((np.nan, np.inf, 1e30))
    state = net.forward(before, training=False)[1] if rng.random() < 0.3 else None

    def run(backend, x, lengths, memory, state):
        if backend == REFERENCE:
            memory = "keep"
            if lengths is not None:
                x[np.arange(len(x))[:, None] >= np.asarray(lengths)] = 0
        return passes(build(backend), x, state, lengths, memory)

    memory = rng.choice(("keep", "keep", "recompute"))
    return f"training pass, {name}", {"x": x, "lengths": lengths, "memory": memory, "state": state}, run


def inference(rng, draw):
    """`net(x)` or `net.step`; the reference goes step by step."""
    name, build = stack_of(rng, draw.dtype)
    net, one = build(), rng.choice(BOTH)
    x = input_of(net, draw.rng)

    def run(backend, x):
        if backend != REFERENCE:
            return build(backend).step(x)[0] if one else build(backend)(x)
        if not net.causal or not len(x):
            return ANY
        state, outputs, reference = None, [], build(backend)
        for x_t in [x] if one else x:
            y, state = reference.step(np.array(x_t, np.int64 if net.symbols else net.dtype), state)
            outputs.append(np.array(y))
        return outputs[-1] if one or " last" in name else np.stack(outputs)

    return f"{'step' if one else 'net(x)'}, {name}", {"x": x[0] if one else x}, run


def copies(rng, draw):
    """A copy of a network and its optimizer; the original is trained beside it."""
    name, build = stack_of(rng, draw.dtype)
    net, way = build(rng.choice(("cpu", REFERENCE))), rng.choice([*COPIES])
    optimizer = rng.choice((ir.Adam(1e-2, weight_decay=0.1), ir.SGD(1e-2, 0.9)))
    x = input_of(net, draw.rng)
    train(net, optimizer, x, rng.choice((0, 1)))

    def run(backend, x):
        return train(*((net, optimizer) if backend == REFERENCE else COPIES[way]((net, optimizer))), x)

    return f"{way} of {name}", {"x": x}, run


def train(net, optimizer, x, times=2):
    """Update a network, and return everything that it holds."""
    for _ in range(times):
        y, _, tape = net.forward(x)
        optimizer.update(net, net.backward(wave(y), tape)[2])
        net.project()
    return net.flat.copy(), net.iteration


def owners(rng, draw):
    """A tape or an optimizer where it does not belong: refused, or right all the same."""
    name, build = stack_of(rng)
    x = input_of(build(), draw.rng)
    case = rng.choice(("updated", "another network", "earlier pass", "loaded", "another optimizer"))

    def run(backend, x):
        net, other, optimizer, work = build(backend), build(backend, 2), ir.Adam(1e-2), ir.Workspace()
        if backend == REFERENCE:
            return passes(net, x)[3][2]
        y, _, tape = net.forward(x, work=work)
        if case in ("updated", "another optimizer"):
            optimizer.update(net, net.backward(wave(y), tape)[2])
        if case == "another optimizer":
            return train(other, optimizer, x)
        if case == "earlier pass":
            net.forward(x[::-1].copy(), work=work)
        if case == "loaded":
            net.load_state_dict(other.state_dict())
        return (other if case == "another network" else net).backward(wave(y), tape)[2].flat.copy()

    return f"{case}, {name}", {"x": x}, run


FAMILIES = (built, training, inference, copies, owners)
