"""The checks find faulty PTX: a barrier removed, an address changed, a loop with another end."""

import contextlib
import itertools

import pytest

from ptx import comparison, findings, program, settings
from ptx.calls import drawn
from ptx.mutants import mutants
from ptx.special_calls import small_constants

# (op, function, sizes, options). 128 time steps fill the groups that the recurrence loads; a load beyond the last time
# step is discarded, so that its address would not matter.
CALLS = (
    ("recurrence", "forward", {"T": 128, "B": 3, "H": 12}, {"activation": "tanh", "lengths": True, "reverse": True}),
    ("indrnn", "backward", {"T": 128, "B": 3, "D": 2, "H": 36},
     {"activation": "relu", "lengths": True, "reverse": False}),
    ("affine", "forward", {"T": 14, "B": 5, "D": 33, "K": 129}, {"every": True}),
    ("batchnorm", "forward", {"T": 9, "B": 17, "H": 33}, {"lengths": True, "per_step": False}),
    ("batchnorm", "backward", {"T": 40, "B": 5, "H": 3}, {"lengths": False, "per_step": True}),
    ("layernorm", "forward", {"T": 5, "B": 2, "H": 40}, {}),
    ("layernorm", "backward", {"T": 5, "B": 2, "H": 40}, {}),
    ("softmax_cross_entropy", "loss", {"T": 9, "B": 5, "K": 40}, {"every": True, "mask": True}),
    ("mse", "loss", {"T": 9, "B": 5, "K": 3}, {"every": True, "mask": True}),
    ("embedding", "backward", {"T": 50, "B": 3, "H": 2, "K": 700}, {"factors": True}),
    ("gradient", "clip_norm", {"T": 40, "H": 16}, {"limit": 0.5}),
    ("dropout", "forward", {"T": 70, "B": 7, "H": 33}, {"rate": 0.3}),
    ("rows", "join", {"T": 5, "B": 3, "D": 2, "H": 4}, {}),
)  # fmt: skip
FEW, MANY = 2, 20  # mutants of a kind of each kernel
DRAWS = 5  # another element of a mask may have the same value
FUEL = 1_000_000  # jumps; a loop without an end is found after them


@pytest.mark.parametrize(
    ("op", "name", "size", "options"), CALLS, ids=[f"{op}.{name}" for op, name, *_ in CALLS]
)
def test_every_mutant_is_found(op, name, size, options, monkeypatch):
    small_constants(op, monkeypatch)
    monkeypatch.setattr(program, "_programs", {})
    monkeypatch.setattr(settings, "fuel", FUEL)
    calls = drawn(op, name, "float32", (size,) * DRAWS, **options)
    expected = [(call, comparison.check(call)) for call in calls]
    changed = [
        mutant for one in program.programs() for mutant in mutants(one, MANY if comparison.long else FEW)
    ]
    missed = [mutant for mutant in changed if not is_found(mutant, expected, monkeypatch)]
    program.counts["mutants"] += len(changed)
    program.counts["mutants found"] += len(changed) - len(missed)
    assert changed and not missed


def is_found(mutant, expected, monkeypatch):
    """Return whether a call has a finding, other bits or an error in one of four orders."""
    monkeypatch.setattr(settings, "mutate", mutant.mutate)
    for (call, bits), seed in itertools.product(expected, range(len(settings.ORDERS))):
        monkeypatch.setattr(settings, "seed", seed)
        results = None
        with contextlib.suppress(ValueError):  # a loss refuses labels that it counted as wrong
            results = b"".join(result.tobytes() for result in call.run("cuda"))
        found = findings.kinds()
        findings.clear()
        if found or results != bits:
            return True
    return False
