"""Small texts, tasks and runs of language models for tests."""

import numpy as np

import indrnn_np as ir
from indrnn_np import tasks

SYMBOLS = "\n abcde"


def text(length=900, seed=0, symbols=SYMBOLS):
    """A text in which each symbol occurs from the start on, and often follows the one before it in the alphabet."""
    rng = np.random.default_rng(seed)
    ids = [*range(len(symbols))]
    while len(ids) < length:
        ids.append((ids[-1] + 1) % len(symbols) if rng.random() < 0.7 else int(rng.integers(len(symbols))))
    return "".join(symbols[i] for i in ids)


def write(folder, **options):
    """Write one, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "text.txt"
    path.write_bytes(text(**options).encode())
    return path


def chars(folder, steps=8, **options):
    """A task of characters."""
    return tasks.get("chars", data=write(folder), steps=steps, seed=0, **options)


def model(task, **options):
    """A network for it: batch norm before the recurrence and per step, dropout, a tied read-out."""
    V, H = task.input_size, 6
    stack = [ir.Embedding(V, H, 0.3, embedding_dropout=0.2), ir.BatchNorm(H, per_step=True, positions=20),
             ir.IndRNN(H, H, gamma=1.0, input_init="kaiming", learn_h0=True), ir.Dropout(0.2), ir.LayerNorm(H),
             ir.Tied(H, V)]  # fmt: skip
    return ir.Sequential(stack, **{"steps": task.steps, "backend": "reference", "seed": 1} | options)


def run(folder, iterations, memory="keep", schedule=None, **options):
    """A run with every part of the loop at work on a text, and windows that start anew."""
    task = chars(folder.parent / "data", reset=0.4)
    return ir.fit(
        model(task), task, ir.Adam(1e-2), iterations=iterations, batch=4, clip_norm=1.0, log_every=3,
        validate_every=5, checkpoint_every=4, evaluation_batch=3, out=folder, memory=memory,
        schedule=schedule and schedule(), progress=False, **options,
    )  # fmt: skip
