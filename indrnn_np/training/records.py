"""Read and check the JSON of runs: metrics.jsonl, summary.json, and the `meta` of checkpoints."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from .. import _check, _files
from .._files import forms
from .._files.forms import AMOUNT, ANY, COUNT, FINITE, OBJECT, POSITIVE, REAL, TEXT, Each, Maybe
from .._types import Json

KINDS = ("train", "validation", "final")
BEST: forms.Form = Maybe({"value": FINITE, "iteration": COUNT})
TOTALS: forms.Form = {"loss": FINITE, "norm": FINITE, "iterations": COUNT, "steps": COUNT, "seconds": AMOUNT}
PLAN: forms.Form = {
    "batch": POSITIVE, "evaluation_batch": POSITIVE, "bn_batch": COUNT, "clip_norm": AMOUNT, "clip_value": AMOUNT,
    "loss": TEXT, "memory": TEXT,
}  # fmt: skip
META: dict[str, forms.Form] = {
    "totals": TOTALS, "best": BEST, "elapsed": AMOUNT, "schedule": OBJECT, "task": Maybe({"task": Maybe(TEXT)}),
    "settings": Maybe(OBJECT), "plan": Maybe(PLAN),
}  # fmt: skip
NEEDED = ("totals", "best", "elapsed", "schedule")  # required to resume a run
SUMMARY: forms.Form = {
    "task": {"task": TEXT, "steps": Maybe(COUNT)}, "ended": TEXT, "iterations": COUNT, "parameters": COUNT,
    "seconds": AMOUNT, "loss": TEXT, "final": Each(Each(Maybe(REAL))), "metric": TEXT, "best": BEST,
    "baseline": Maybe(FINITE), "backend": TEXT, "dtype": TEXT, "plan": {"batch": POSITIVE},
    "machine": {"cpu": TEXT, "threads": COUNT}, "versions": Each(ANY),
}  # fmt: skip


def read_metrics(path: Path) -> list[Json]:
    """Return the lines of metrics.jsonl, without an incomplete last line of a killed run."""
    forms.file("run", path, "the metrics of a run")
    data = path.read_bytes()
    lines, metrics = data.splitlines(), []
    for number, line in enumerate(lines, start=1):
        if number == len(lines) and not data.endswith(b"\n") and not _is_json(line):
            break
        place = f"{path} line {number}"
        entry = forms.json_object("run", place, line, {"kind": TEXT, "iteration": COUNT})
        _check.choice(f"run: {place}", "kind", entry["kind"], KINDS)
        measured = {name: value for name, value in entry.items() if name not in ("kind", "split")}
        forms.check("run", place, measured, Each(Maybe(REAL)))
        metrics.append(entry)
    return metrics


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def until(path: Path, iteration: int) -> list[Json]:
    """Return the metrics of a run up to an iteration, without final evaluations."""
    return [line for line in read_metrics(path) if line["iteration"] <= iteration and line["kind"] != "final"]


def read_summary(path: Path) -> Json:
    """Return the content of summary.json."""
    forms.file("run", path, "the summary of a run")
    return forms.json_object("run", str(path), path.read_bytes(), SUMMARY)


def check_meta(path: Path, meta: Json, *names: str) -> None:
    """Check the entries `names` of a checkpoint's `meta`, by default all entries of META."""
    form = {name: META[name] for name in names or META}
    absent = sorted(name for name in form if name in NEEDED and name not in meta)
    if absent:
        _check.fail("train", f"{path} holds no {absent}", "a checkpoint of a training run")
    forms.check("train", str(path), meta, form, "meta")


def check_plan(path: Path, meta: Json, loss: str, update_every: int) -> None:
    """Check that a run is resumed with its loss and its `update_every`."""
    plan = meta.get("plan") or {}
    stored, every = plan.get("loss", loss), plan.get("update_every", 0)
    new = "; ir.load starts a new run"
    if loss != stored:
        because = f"as in {path}, because the best value belongs to that loss{new}"
        _check.fail("fit", f"the loss is {loss!r}", repr(stored), because)
    if update_every != every:
        because = f"as in {path}, because it determines the batch of each iteration{new}"
        _check.fail("fit", f"update_every is {update_every}", str(every), because)


def write_config(path: Path, used: Json) -> list[str]:
    """Write settings to config.toml; without tomli-w there is no file, and the result is a note."""
    if importlib.util.find_spec("tomli_w") is None:
        return [f"no {path.name}: tomli-w is not installed (pip install tomli-w)"]
    _files.replace_text("train", path, to_toml(used))
    return []


def to_toml(used: Json) -> str:
    """Return settings as TOML, without settings that are None."""
    import tomli_w

    head = "# The settings of this run."
    head += " Repeat it with: indrnn train TASK --config THIS_FILE\n" if "task" in used else "\n"
    return head + tomli_w.dumps({name: value for name, value in used.items() if value is not None})
