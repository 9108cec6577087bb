"""Penn Treebank: characters (Li et al. 2018, arXiv:1803.04831, table 2; 2019, arXiv:1910.06251, table 3) and words
(tables 3 and 4). The files may not be redistributed; `--data chars=DIR` and `--data words=DIR`
name their folder.

Networks have 2000 units, batches of 128, and batch norm with statistics per time step before the
recurrence. Word models tie the embedding and the read-out. Epochs start at random offsets. The
normal initialiser of u in the first paper's word model is not available. The budgeted form is ten
epochs; its range comes from the authors' logs (validation).
"""

from __future__ import annotations

from typing import Any

from .rows import Row

COMMON = {
    "hidden": 2000, "batch": 128, "batchnorm": True, "norm_place": "before", "per_step": True, "schedule": "plateau",
    "lr_factor": 0.2, "epochs": 500.0, "input_init": "kaiming",
}  # fmt: skip
DENSE = "embedding=0.65,dense=0.5,bottleneck=0.1,transition=0.4,last=0.65"
CHARS: dict[str, tuple[float, str, dict[str, Any]]] = {
    "plain-6-t50": (1.26, "2018, table 2", {"layers": 6, "steps": 50, "dropout": 0.25}),
    "plain-6-t150": (1.23, "2018, table 2", {"layers": 6, "steps": 150, "dropout": 0.25}),
    "residual-21-t50": (1.21, "2018, table 2", {"network": "residual", "blocks": 10, "steps": 50, "dropout": 0.3}),
    "residual-11-t150": (1.19, "2018, table 2", {"network": "residual", "blocks": 5, "steps": 150, "dropout": 0.3}),
    "dense-t50": (1.19, "2019, table 3", {"network": "dense", "growth": 256, "embedding": 600, "steps": 50,
                                          "dropout_places": "dense=0.5,bottleneck=0.1,transition=0.4,last=0.3"}),
    "dense-t100": (1.18, "2019, table 3", {"network": "dense", "growth": 256, "embedding": 600, "steps": 100,
                                           "dropout_places": "dense=0.5,bottleneck=0.1,transition=0.4,last=0.3"}),
}  # fmt: skip
WORDS: dict[str, tuple[float, str, dict[str, Any]]] = {
    "residual-11": (65.3, "2018, table 3", {"network": "residual", "blocks": 5, "lr": 5e-4,
                                            "dropout_places": "embedding=0.35,block=0.35,last=0.8"}),
    "residual-12": (58.99, "2019, table 4", {"network": "residual", "blocks": 5, "embedding_dropout": 0.2,
                                             "dropout_places": "embedding=0.65,block=0.45,last=0.5"}),
    "dense": (56.37, "2019, table 4", {"network": "dense", "growth": 256, "embedding_dropout": 0.2,
                                       "dropout_places": DENSE}),
}  # fmt: skip
# Validation in the authors' logs by epoch: six layers at T = 50, and the dense network on words.
LOG_CHARS = {10: 1.670, 20: 1.469, 50: 1.395, 100: 1.364, 200: 1.343, 300: 1.336}
LOG_WORDS = {10: 548.0, 20: 302.0, 50: 248.0, 100: 84.5, 200: 71.4, 400: 66.9, 1000: 64.0}
SYMBOLS = {"chars": 5_017_483, "words": 929_589}  # symbols of the training text


def _row(task: str, model: str, value: float, where: str, changes: dict[str, Any]) -> Row:
    unit = "bits per character" if task == "chars" else "perplexity"
    words = {"embedding": 600, "tied": True, "steps": 50, "reset": 0.1} if task == "words" else {}
    full = {"task": task, "preset": "paper", **COMMON, **words, **changes}
    log, logged = (LOG_CHARS, "plain-6-t50") if task == "chars" else (LOG_WORDS, "dense")
    epoch = SYMBOLS[task] // (full["batch"] * full["steps"])
    return Row(
        f"ptb-{task}/{model}", value, f"Li et al. {where}: {value} {unit}", full, {"epochs": 10.0},
        (log[20], 1.2 * log[10]) if model == logged else None,
        f"{log[10]} after ten epochs in the authors' log, and {log[20]} after twenty" if model == logged else "",
        {round(i * epoch): v for i, v in log.items()} if model == logged else {},
    )  # fmt: skip


ROWS = tuple(_row("chars", model, *known) for model, known in CHARS.items()) + tuple(
    _row("words", model, *known) for model, known in WORDS.items()
)
