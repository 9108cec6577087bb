"""Calls of losses, optimizers, schedules, tasks, files of networks and instruments: families, as api.py describes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import indrnn_np as ir
from indrnn_np import study, tasks
from indrnn_np.ops.catalogue import BOTH
from indrnn_np.optim.losses import LOSSES
from indrnn_np.optim.optimizers import Optimizer
from indrnn_np.optim.schedules import Schedule

from .damage import strange
from .networks import ANY, REFERENCE, SYMBOLS, stack_of, valid


def loss(rng, draw):
    """A loss and its gradient."""
    name, shape = rng.choice([*LOSSES]), rng.choice(((4, 3), (3,)))
    labels = name == "softmax_cross_entropy"
    target = draw.rng.integers(0, 3, shape) if labels else draw.rng.random((*shape, 3))
    arguments = {"labels" if labels else "target": target, "y": draw.rng.random((*shape, 3)),
                 "mask": rng.choice((None, draw.mask(*shape)))}  # fmt: skip
    return name, arguments, lambda backend, **given: getattr(ir, name)(**given, backend=backend)


def update(rng, draw):
    """An optimizer by its signature, with clipped gradients."""
    kind, clip = rng.choice(Optimizer.__subclasses__()), rng.choice((ir.clip_norm, ir.clip_value))
    x = draw.rng.standard_normal((5, 3, 2))

    def run(backend, limit, **given):
        net, optimizer = ir.Sequential([ir.IndRNN(2, 4, "tanh")], 5, backend, "float64"), kind(**given)
        for _ in range(2):
            y, _, tape = net.forward(x)
            grads = net.backward(y, tape)[2]
            clip(grads, limit)
            optimizer.update(net, grads)
        return net.flat

    arguments = {"limit": rng.choice((0.5, 100.0)), **valid(kind, rng)}
    return f"{clip.__name__} and {kind.__name__}", arguments, run


def schedule(rng, draw):
    """A rate of a schedule: from 0 to lr."""
    kind = rng.choice(Schedule.__subclasses__())
    at = rng.randrange(20)

    def run(backend, **given):
        rate = kind(**given)(at)
        return min(max(rate, 0.0), float(given["lr"])) if backend == REFERENCE else rate

    return f"{kind.__name__} at {at}", valid(kind, rng), run


def formula(rng, draw):
    """The bound on |u|, or the mask of lengths."""
    name, arguments, right = rng.choice((
        ("recurrent_bound", {"activation": "relu", "gamma": 5.0, "steps": 5}, lambda activation, gamma, steps:
         float(gamma) ** (1 / (steps or 1)) if activation == "relu" else ANY),
        ("length_mask", {"lengths": draw.lengths(), "T": 5}, lambda lengths, T:
         np.array([[t < n for n in lengths] for t in range(T)], bool).reshape(T, len(lengths))),
    ))  # fmt: skip

    def run(backend, **given):
        return right(**given) if backend == REFERENCE else getattr(ir, name)(**given)

    return name, arguments, run


def batch(rng, draw):
    """A batch of a task, a function of seed and iteration."""
    name, options = rng.choice((("adding", {"steps": 6}), ("copying", {"delay": 3})))
    at = rng.randrange(50)

    def run(backend, size, **options):
        task = tasks.get(name, **options, **({"backend": backend} if name == "adding" else {}))
        drawn = [task.batch(at, size), *task.evaluation("validation", 2, 3)]
        return [[np.array(part.x), np.array(part.target)] for part in drawn]

    options |= {"evaluation_size": 5, "size": rng.choice((1, 3)), "seed": 1, "dtype": "float64"}
    return f"batch of {name}", options, run


def sample(rng, draw):
    """Symbols of a language model; without temperature, the likeliest after all before it."""
    stack = [ir.Embedding(SYMBOLS, 4), ir.IndRNN(4, 6, input_init=0.5), ir.Linear(6, SYMBOLS)]
    seed = rng.randrange(9)

    def run(backend, prompt, length, temperature, **given):
        net = ir.Sequential(stack, 8, backend, "float64", seed)
        if backend != REFERENCE or temperature:
            return list(ir.sample(net, prompt, length, temperature, **given))
        text = [int(symbol) for symbol in prompt]
        for _ in range(length):
            text.append(int(net(np.array(text)[:, None])[-1, 0].argmax()))
        return text[len(prompt) :]

    prompt = draw.rng.integers(0, SYMBOLS, 3)
    return "sample", {"prompt": prompt, "length": 4, "temperature": 0.0, "seed": 0, "top_k": 0}, run


def import_torch(rng, draw):
    """Arrays of PyTorch: each lands where its name says; biases are added."""
    shapes = {"weight_ih": (4, 4), "weight_hh": (4,), "bias_ih": (4,), "bias_hh": (4,)}
    arrays = {f"cells.{i}.{name}": draw.real(*shape) for i in range(2) for name, shape in shapes.items()}
    if rng.random() < 0.5:  # drop an array, or rename it; a matrix of another name is taken for weight_ih
        array, other = arrays.pop(rng.choice([*arrays])), rng.choice(("norm.0.weight", "cells.9.u"))
        arrays |= {other: array} if array.ndim == 1 and rng.random() < 0.5 else {}

    def run(backend, **given):
        if backend != REFERENCE:
            return ir.import_torch(given)
        right = {}
        for i in range(2):
            biases = [given.pop(f"cells.{i}.bias_{end}", 0) for end in ("ih", "hh")]
            right |= {f"{i}.W": given.pop(f"cells.{i}.weight_ih"), f"{i}.b": np.add(*biases),
                      f"{i}.u": np.ravel(given.pop(f"cells.{i}.weight_hh"))}  # fmt: skip
        return right if not given else f"no place for {list(given)}"

    return "import_torch", arrays, run


def instrument(rng, draw):
    """Instruments and the gradient check, on networks without kinks."""
    cell = rng.choice((ir.IndRNN(2, 4, "tanh"), ir.RNN(2, 4), ir.LSTM(2, 4), ir.GRU(2, 4)))
    stack = [ir.BatchNorm(2), cell, *[ir.LastStep()] * rng.choice(BOTH), ir.Linear(4, 3)]
    way = rng.choice(("gradient_flow", "traces", "gradcheck"))

    def run(backend, x, lengths):
        net = ir.Sequential(stack, 5, backend, "float64", 1)
        if way == "gradcheck":
            rows = ir.gradcheck(net, x, lengths=lengths, raises=False).rows
            return [] if backend == REFERENCE else [row for row in rows if row.status == "failed"]
        if backend == REFERENCE:
            x = np.asarray(x, np.float64)
        table = getattr(study, way)(net, x, lengths=lengths).table()
        return [np.asarray(column).tolist() for column in table.values()], net.flat

    arguments = {"x": draw.rng.standard_normal((5, 3, 2)), "lengths": None}
    return f"{way} of {type(cell).__name__}", arguments, run


def fit(rng, draw):
    """Gradient norms of `ir.fit` on arrays."""
    labels, every = rng.choice(BOTH), rng.choice(BOTH)
    shape = (5, 6) if every else (6,)
    stack = [ir.IndRNN(2, 4), *[ir.LastStep()] * (not every), ir.Linear(4, 3)]
    numbers = partial(draw.rng.standard_normal, dtype="float32")

    def run(backend, x, y, lengths, **given):
        data = (x, y) if lengths is None else (x, y, lengths)
        result = ir.fit(ir.Sequential(stack, 5, backend, seed=1), data, ir.SGD(0.1), progress=False, **given)
        return [np.array(line["gradient_norm"]) for line in result.history if line["kind"] == "train"]

    arguments = {"x": numbers((5, 6, 2)), "y": draw.rng.integers(0, 3, shape) if labels else numbers((*shape, 3)),
                 "lengths": rng.choice((None, draw.rng.integers(1, 6, 6))), "iterations": 2, "batch": 4,
                 "clip_norm": 1.0, "log_every": 1, "seed": 0, "validation": rng.choice((None, 0.3))}  # fmt: skip
    return "fit in float32", arguments, run


def state_dict(rng, draw):
    """`load_state_dict`, and the arrays that the network then holds."""
    name, build = stack_of(rng, draw.dtype)

    def run(backend, **given):
        net = build(backend)
        if backend == REFERENCE:
            return {key: np.asarray(given[key], net.dtype) for key in given}
        net.load_state_dict(given)
        return net.state_dict()

    return f"load_state_dict, {name}", build(seed=2).state_dict(), run


def saved(rng, draw):
    """`save` and `load`: the network, arrays and notes."""
    name, build = stack_of(rng, draw.dtype)

    def run(backend, own, note):
        net = build(backend)
        if backend == REFERENCE:
            return net.state_dict(), np.asarray(own), note
        with TemporaryDirectory() as folder:
            loaded = ir.load(ir.save(Path(folder) / "a.npz", net, ir.Adam(), {"own": own}, note=note))
        own = loaded.arrays["own"]
        return loaded.net.state_dict(), own.astype(own.dtype.newbyteorder("=")), loaded.meta["note"]

    return f"save, {name}", {"own": np.arange(4.0), "note": strange(rng)}, run


OF_NUMBERS = (update, schedule, formula)
FAMILIES = (*OF_NUMBERS, loss, batch, sample, import_torch, instrument, fit, state_dict, saved)
