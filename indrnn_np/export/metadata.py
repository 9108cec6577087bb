"""Carry the settings, class names and standardisation of a run with an exported network."""

from __future__ import annotations

import json
from pathlib import Path

from .. import _check
from .._files import forms
from .._types import Json
from ..networks.sequential import Sequential
from ..training import records

RUN = ("settings", "plan", "task")  # entries of a checkpoint's meta that describe its run
NUMBERS = forms.Each(forms.FINITE, list)
FORM: dict[str, forms.Form] = {
    "classes": forms.Maybe(forms.Each(forms.TEXT, list)),
    "mean": forms.Maybe(NUMBERS),
    "deviation": forms.Maybe(NUMBERS),
    "target_mean": forms.Maybe(NUMBERS),
    "target_deviation": forms.Maybe(NUMBERS),
}


def of_run(path: str | Path, meta: Json) -> Json:
    """Return the entries of a checkpoint's `meta` that an exported network carries.

    Parameters
    ----------
    path : str or Path
        Checkpoint, for error messages.
    meta : dict
        `ir.load(path).meta`.

    Returns
    -------
    dict
        `settings` and `plan` of the run, the description `task` of its data, and from it, where
        they exist: `classes`, the name of each output, `mean` and `deviation`, by which the inputs
        were standardised, and `target_mean` and `target_deviation`, those of real targets.

    Examples
    --------
    >>> from indrnn_np import export
    >>> export.of_run("best.npz", {"task": {"task": "uea", "classes": ["walk", "run"]}, "elapsed": 3.0})
    {'task': {'task': 'uea', 'classes': ['walk', 'run']}, 'classes': ['walk', 'run']}
    """
    records.check_meta(Path(path), meta, *RUN)
    carried = {name: meta[name] for name in RUN if meta[name]}
    task = carried.get("task", {})
    names = task.get("classes", task.get("vocabulary"))
    if isinstance(names, list):  # some tasks store the number of their classes
        carried["classes"] = list(map(str, names))
    targets = {f"target_{name}": value for name, value in task.get("targets", {}).items()}
    return carried | {name: task[name] for name in ("mean", "deviation") if name in task} | targets


def checked(where: str, net: object, meta: Json | None) -> Json:
    """Return a copy of `meta` after checking that `net` is a network, and that `meta` can be written."""
    if not isinstance(net, Sequential):
        expected = "a network, such as ir.load(path).net"
        _check.fail(where, f"net is a {type(net).__name__}", expected, error=TypeError)
    try:
        copied = json.loads(json.dumps(meta or {}, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        _check.fail(where, f"meta is not JSON ({error})", "values that JSON can hold", error=TypeError)
    forms.check(where, "meta", copied, FORM)
    return {name: value for name, value in copied.items() if value is not None}


def texts(meta: Json) -> dict[str, str]:
    """Return the entries as texts, in JSON unless they are texts already."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in meta.items()}
