"""Check the fields of a Plan that depend on each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .. import _check
from .._types import Json, Value
from ..gradients.online import EXACT, RULES
from ..networks.recompute import KEEP
from ..tasks.targets import loss_name
from . import metrics, ranks

BPTT, ONLINE = GRADIENTS = ("bptt", "online")
# Names in the lines of a run, which functions of the user cannot have.
TAKEN = ("kind", "split", "iteration", *metrics.MEASURED, *metrics.LARGER_IS_BETTER)


def gradients(plan: Value) -> None:
    """Check the fields about online gradients, and the fields that do not go with them."""
    _check.choice("Plan", "gradients", plan.gradients, GRADIENTS)
    _check.choice("Plan", "rule", plan.rule, RULES)
    needed: Json = {"rule": EXACT, "update_every": 0}
    because = f"because gradients={BPTT!r} has no such option"
    if plan.gradients == ONLINE:
        needed = {"memory": KEEP, "graph": False}
        because = f"because gradients={ONLINE!r} stores no states over time and has no kernels for a GPU"
    _need(plan, needed, because)
    if plan.gradients == ONLINE and callable(plan.loss):
        because = "because online gradients add up the losses of single time steps"
        _check.fail("Plan", f"loss is the function {loss_name(plan.loss)}", "the name of a loss", because)


def shards(plan: Value) -> None:
    """Check the shards against the batch and the ranks, and the fields that do not go with them."""
    ranks.check_communicator("Plan", plan.comm)
    size = plan.ranks.size
    count = size if plan.shards is None else plan.shards
    if count % size:
        because = f"because each of the {size} ranks computes as many shards"
        _check.fail("Plan", f"shards is {count}", f"a multiple of {size}", because)
    if count > plan.batch:
        because = "because each shard needs a sample"
        _check.fail("Plan", f"shards is {count} with batch {plan.batch}", f"at most {plan.batch}", because)
    if plan.sync_bn and count != size:
        because = "because the shards whose statistics are shared run at the same time, one on each rank"
        _check.fail("Plan", f"shards is {count} with sync_bn=True and ranks: {size}", f"{size}", because)
    if count > 1:
        _need(plan, {"graph": False}, f"because shards is {count}, and a graph runs the whole batch")
        _need(
            plan,
            {"gradients": BPTT},
            f"because shards is {count}, and only {BPTT!r} adds the gradients of shards",
        )


def _need(plan: Value, needed: Json, because: str) -> None:
    """Check that fields have the needed values."""
    for name, expected in needed.items():
        if getattr(plan, name) != expected:
            _check.fail("Plan", f"{name} is {getattr(plan, name)!r}", repr(expected), because)


def functions(plan: Value) -> None:
    """Check the functions of the user and their names, which are keys in the lines of a run."""
    own: object = {} if plan.metrics is None else plan.metrics
    if not isinstance(own, Mapping):
        expected = 'a dict of functions, such as {"largest error": f}'
        _check.fail("Plan", f"metrics is a {type(own).__name__}", expected, error=TypeError)
    taken = {*TAKEN}
    if callable(plan.loss):
        _check_name("the loss", loss_name(plan.loss), taken)
        taken.add(loss_name(plan.loss))
    for name, function in own.items():
        _check_name("a metric", name, taken)
        if not callable(function):
            expected = "a function f(y, target)"
            _check.fail("Plan", f"metric {name} is {function!r:.40}", expected, error=TypeError)


def _check_name(kind: str, name: object, taken: Iterable[str]) -> None:
    if not isinstance(name, str) or name in taken:
        because = "because the lines of a run have entries of that name"
        _check.fail("Plan", f"{kind} is called {name!r:.40}", "another name", because)
