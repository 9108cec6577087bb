"""Names of the keywords of `fit`, and the equivalents of names that other packages use."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable
from dataclasses import fields

from .. import _check
from .._types import Json
from .plan import Plan

ELSEWHERE = {
    "batch_size": "use batch", "verbose": "use progress", "random_state": "use seed",
    "early_stopping": "use patience",
    "validation_data": "use validation", "validation_split": "use validation",
    "max_epochs": "use epochs", "num_epochs": "use epochs", "n_epochs": "use epochs",
    "steps_per_epoch": "use iterations", "learning_rate": "set it in the optimizer, as in ir.Adam(lr)",
    "lr": "set it in the optimizer, as in ir.Adam(lr)", "scheduler": "use schedule",
    "lr_scheduler": "use schedule", "shuffle": "each epoch always has a new sample order",
    "gradient_clip_val": "use clip_norm", "class_weight": "use class_weights", "max_grad_norm": "use clip_norm",
    "device": "set backend in the network", "log_dir": "use out", "checkpoint_dir": "use out",
    "time": "set it in the network, as in ir.plain(..., time='parallel')",
}  # fmt: skip

# Keywords of version 0.1.0 that are not fields of a plan, and their replacements.
OLD = {
    "stop": "an entry of callbacks, which returns True to interrupt the run",
    "watch": "an entry of callbacks",
    "reporter": "progress",
    "settings": "an argument of indrnn_np.training.fit.train",
    "notes": "an argument of indrnn_np.training.fit.train",
}


def check(names: Iterable[str], known: Iterable[str]) -> None:
    """Check that additional keywords of `fit` are fields of a Plan; `known` are the parameters of `fit`."""
    field_names = [field.name for field in fields(Plan)]
    possible = list(dict.fromkeys([*known, *field_names]))
    for name in names:
        if name not in field_names:
            close = difflib.get_close_matches(name, possible, 3)
            hint = ELSEWHERE.get(name) or (f"did you mean {' or '.join(close)}?" if close else "")
            problem, expected = f"an argument is called {name!r}", "one of " + ", ".join(possible)
            _check.fail("fit", problem, expected, f"({hint})" if hint else "", error=TypeError)


def replace_old(fields: Json) -> Json:
    """Remove the keywords of version 0.1.0 from `fields`, and return them as arguments of `train`."""
    old = {name: fields.pop(name) for name in OLD if name in fields}
    for name in old:
        warnings.warn(f"fit: {name} is now {OLD[name]}", DeprecationWarning, stacklevel=3)
    stop, watch = old.pop("stop", None), old.pop("watch", None)
    for name in ("clip_norm", "clip_value"):
        if name in fields and fields[name] is None:
            del fields[name]  # None meant no limit

    def callback(iteration: int) -> bool:
        if watch is not None:
            watch(iteration)
        return stop is not None and stop()

    if (reporter := old.pop("reporter", None)) is not None:
        old["progress"] = reporter
    return old | {"callbacks": [callback]}
