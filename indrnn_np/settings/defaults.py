"""Defaults of `indrnn train` that differ between tasks, and presets: settings by name.

A preset replaces the defaults of its task; a config file and the command line take precedence over it.
"""

from __future__ import annotations

from typing import Any

Settings = dict[str, Any]

# Language models, after Li et al. 2019, arXiv:1910.06251, sections 5.1 and 5.3.
LANGUAGE: Settings = {
    "gamma": 1.0, "last_init": "uniform", "input_init": "kaiming", "batchnorm": True, "norm_place": "before",
    "per_step": True, "reset": 0.1, "lr": 2e-3, "schedule": "cosine", "clip_norm": 5.0, "evaluation_batch": 32,
    "bn_batch": 100,
}  # fmt: skip
# 60 epochs of a small set are few iterations, so the number of iterations is at least `least_iterations`.
SERIES: Settings = {
    "epochs": 60.0, "least_iterations": 3000, "batchnorm": True, "dropout": 0.1, "input_init": "kaiming", "lr": 2e-3,
    "schedule": "one-cycle",
}  # fmt: skip
# The settings of the papers, or of the authors' code.
PAPER: dict[str, Settings] = {
    "adding": {"iterations": 10_000, "batch": 50, "validate_every": 100, "lr_every": 20_000},
    "mnist": {
        "held_out": None, "epochs": 20.0, "layers": 6, "batchnorm": True, "dropout": 0.1, "gamma": 5.0,
        "input_init": "kaiming", "weight_decay": 1e-4, "clip_value": 10.0, "bn_batch": 500, "standardise": False,
    },
    "skeleton": {
        "epochs": 500.0, "steps": 20, "held_out": 0.05, "layers": 6, "hidden": 512, "batchnorm": True, "dropout": 0.25,
        "gamma": 5.0, "input_init": "kaiming", "batch": 128, "weight_decay": 1e-4, "clip_value": 10.0,
        "lr": 2e-4, "schedule": "plateau", "evaluation_batch": 2000, "bn_batch": 1000, "standardise": False,
        "least_iterations": 0,
    },
    # A stream is unlimited: |u| <= 1. Causal batch norm needs windows that start from the initial state.
    "chars": LANGUAGE | {"epochs": 10.0, "hidden": 256},
    "words": LANGUAGE | {"epochs": 40.0, "hidden": 256, "embedding": 256, "tied": True, "dropout": 0.4},
}  # fmt: skip
# Defaults of each task that differ from the defaults in SETTINGS.
DEFAULTS: dict[str, Settings] = {
    "adding": PAPER["adding"],
    "mnist": PAPER["mnist"],
    "copying": {
        "iterations": 10_000, "batch": 50, "validate_every": 500, "batchnorm": True, "input_init": "kaiming",
        "last_init": "uniform", "lr": 2e-3, "schedule": "one-cycle", "clip_norm": 1.0,
    },
    "uea": SERIES,
    "sequences": SERIES,
    "skeleton": PAPER["skeleton"] | {
        "held_out": None, "epochs": 100.0, "lr": 2e-3, "schedule": "one-cycle", "standardise": True,
        "least_iterations": 3000,
    },
    "chars": PAPER["chars"],
    "words": PAPER["words"],
}  # fmt: skip
# Recipes of docs/records.md, by task and name.
PRESETS: dict[str, dict[str, Settings]] = {task: {"paper": settings} for task, settings in PAPER.items()}
PRESETS["adding"] |= {
    "fast": {
        "steps": 1000, "iterations": 400, "lr": 4e-3, "lr_u": 0.05, "schedule": "one-cycle", "clip_norm": 1.0,
        "batchnorm": True, "input_init": "kaiming",
    },
    "long": {
        "steps": 5000, "iterations": 500, "lr": 4e-3, "lr_u": 0.02, "schedule": "one-cycle", "clip_norm": 1.0,
        "batchnorm": True, "input_init": "kaiming",
    },
}  # fmt: skip
PRESETS["mnist"]["fast"] = {"epochs": 2.6, "batch": 64, "lr": 2e-3, "schedule": "one-cycle", "dropout": 0.0}
PRESETS["mnist"]["long"] = PRESETS["mnist"]["fast"] | {"epochs": 8.0}
PRESETS["chars"]["fast"] = {
    "epochs": 30.0, "layers": 3, "hidden": 384, "dropout": 0.1, "layernorm": True, "norm_place": "after", "lr": 6e-3,
    "schedule": "one-cycle",
}  # fmt: skip
# Settings that runs of version 0.1.0 lack and whose default differs from their behaviour.
OLDER: dict[str, Settings] = {task: {"standardise": False} for task in ("sequences", "skeleton")}
# Defaults of backend cuda in numba's simulator, where adding and copying end within a minute.
IN_SIMULATOR: Settings = {
    "steps": 10, "delay": 2, "layers": 1, "hidden": 8, "batch": 4, "iterations": 20, "validate_every": 10,
    "log_every": 5, "evaluation_size": 20,
}  # fmt: skip
