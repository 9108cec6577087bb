"""Compare the rungs of an op: the reference, the plain and the tuned njit twin, and the two CUDA twins.

Each rung runs the forward and the backward pass of the op on the same numbers; adam runs one
update. The CUDA rungs need a GPU; the simulator is left out.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from .. import _check
from ..backend import backends, get
from ..device import Device
from ..init import recurrent_bound
from .agreement import Agreement, WrongResult, compare
from .cases import Case
from .runner import Parts, Progress, described, lines, prepare_machine
from .setup import CHECKED_STEPS, DTYPE, GAMMA
from .timing import Candidate, measure

LADDER = "ladder"
# The backend of each rung.
RUNGS = {"reference": "reference", "plain_cpu": "cpu", "cpu": "cpu", "plain_cuda": "cuda", "cuda": "cuda"}
Arrays = dict[str, Any]
Results = tuple[Any, ...]


@dataclass(frozen=True)
class Op:
    """Op on the ladder.

    Parameters
    ----------
    name : str
        Name of the op.
    sizes : tuple of int
        T, B, D, H; adam has H parameters.
    shapes : callable
        Returns the shape of each array for T, B, D, H.
    forward, backward : callable
        Call the passes of a twin and return all results; backward takes the results of forward.
    """

    name: str
    sizes: tuple[int, int, int, int]
    shapes: Callable[..., dict[str, tuple[int, ...]]]
    forward: Callable[[Any, Arrays], Results]
    backward: Callable[[Any, Arrays, Results], Results]

    def draw(self, T: int) -> Arrays:
        """Return arrays of T steps with constant random numbers."""
        _, B, D, H = self.sizes
        rng, arrays = np.random.default_rng(0), {}
        for name, shape in self.shapes(T, B, D, H).items():
            arrays[name] = rng.standard_normal(shape, DTYPE)
        if "u" in arrays:
            bound = DTYPE(recurrent_bound("relu", GAMMA, max(T, 1)))
            arrays["u"] = rng.uniform(-1, 1, H).astype(DTYPE) * bound
        if "v" in arrays:
            arrays["v"] = np.abs(arrays["v"])
        return arrays


def _update(twin: Any, d: Arrays) -> Results:
    twin.update(d["p"], d["g"], d["m"], d["v"], 1, 1e-3)
    return d["p"], d["m"], d["v"]


OPS = {op.name: op for op in (
    Op("recurrence", (784, 32, 0, 128),
       lambda T, B, D, H: {"a": (T, B, H), "dh": (T, B, H), "u": (H,), "h0": (B, H)},
       lambda twin, d: (twin.forward(d["a"], d["u"], d["h0"]),),
       lambda twin, d, f: twin.backward(d["dh"], f[0], d["u"])),
    Op("indrnn", (784, 32, 128, 128),
       lambda T, B, D, H: {"x": (T, B, D), "dh": (T, B, H), "W": (H, D), "u": (H,), "b": (H,), "h0": (B, H)},
       lambda twin, d: (twin.forward(d["x"], d["W"], d["u"], d["b"], d["h0"]),),
       lambda twin, d, f: twin.backward(d["dh"], d["x"], f[0], d["W"], d["u"])),
    Op("batchnorm", (784, 32, 0, 128),
       lambda T, B, D, H: {"x": (T, B, H), "dy": (T, B, H), "scale": (H,), "shift": (H,)},
       lambda twin, d: twin.forward(d["x"], d["scale"], d["shift"]),
       lambda twin, d, f: twin.backward(d["dy"], d["x"], f[1], f[2], d["scale"])),
    Op("adam", (0, 0, 0, 1_000_000), lambda T, B, D, H: dict.fromkeys("pgmv", (H,)), _update, lambda twin, d, f: ()),
)}  # fmt: skip


def run_ladder(
    ops: Iterable[str] | None = None,
    threads: int = 0,
    seconds: float = 1.0,
    rounds: int = 5,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Check and time the reference, plain and tuned twins of ops, and return a dict that JSON can hold.

    Parameters
    ----------
    ops : iterable of str, optional
        "recurrence", "indrnn", "batchnorm" and "adam". By default all.
    threads, seconds, rounds, progress
        As in `bench.run`.

    Raises
    ------
    ValueError
        If a number is out of range or an op has no plain twin.
    """
    names = list(OPS if ops is None else ops)
    for name in names:
        _check.choice("bench", "the op", name, OPS)
    conditions = prepare_machine(threads, seconds, rounds)
    rungs = dict(_rungs())
    parts = Parts(len(names) * (len(rungs) + rounds + 1), progress)
    return conditions | {"cases": [run_op(OPS[name], rungs, seconds, rounds, parts) for name in names]}


def _rungs() -> Iterator[tuple[str, Device]]:
    """Yield the rungs that this machine can run, with the device of their arrays."""
    from .._cuda.target import SIMULATED

    for rung, name in RUNGS.items():
        if name in backends() and not (SIMULATED and get(name).device.arrays is not np.ndarray):
            yield rung, get(name).device


def run_op(op: Op, rungs: dict[str, Device], seconds: float, rounds: int, parts: Parts) -> dict[str, Any]:
    """Check the rungs of an op, time the correct ones, and return the dict of the op."""
    case = Case(op.name, LADDER, *op.sizes, "the rungs of an op")
    checks: dict[str, Agreement] = {}
    wrong, candidates = {}, {}
    for rung, device in rungs.items():
        parts.begin(f"{op.name}: check {rung}")
        twin = importlib.import_module(f"{__package__.rpartition('.')[0]}.ops.{op.name}.{rung}")
        try:
            checks[rung] = check(op, rung, twin, device)
            candidates[rung] = candidate(op, twin, device)
        except WrongResult as error:
            wrong[rung] = str(error)
        parts()
    parts.text = f"{op.name}: {len(candidates)} rungs"
    timings = measure(candidates, seconds, rounds, parts)
    return described(case, checks, wrong, {}, with_factors(lines(candidates, timings, max(case.T, 1))))


def candidate(op: Op, twin: ModuleType, device: Device) -> Candidate:
    """Return the candidate that runs both passes and waits for the device."""
    arrays = {name: device.bring(array) for name, array in op.draw(op.sizes[0]).items()}

    def both() -> None:
        op.backward(twin, arrays, op.forward(twin, arrays))
        device.synchronize()

    return Candidate(both)


def check(op: Op, rung: str, twin: ModuleType, device: Device) -> Agreement:
    """Compare both passes of a rung with the reference in float64 on the first steps; raise WrongResult."""
    reference, host = getattr(get("reference"), op.name), device.to_host
    numbers = op.draw(min(op.sizes[0], CHECKED_STEPS))
    there = {name: device.bring(array.copy()) for name, array in numbers.items()}
    exact = {name: array.astype(np.float64) for name, array in numbers.items()}
    results = op.forward(twin, there)
    states = tuple(np.array(host(result)) for result in results)
    expected = op.forward(reference, exact)
    forward = compare(f"{op.name}, {rung}", CHECKED_STEPS, _numbered(expected), _numbered(states))
    # The reference starts from the states of the rung, because rounding may open or close a relu gate.
    gradients = tuple(host(array) for array in op.backward(twin, there, results))
    expected = op.backward(reference, exact, tuple(state.astype(np.float64) for state in states))
    backward = compare(f"{op.name}, {rung}", CHECKED_STEPS, _numbered(expected), _numbered(gradients))
    return max(forward, backward, key=lambda agreement: agreement.error)


def _numbered(arrays: Results) -> dict[str, np.ndarray]:
    return {f"result {number}": array for number, array in enumerate(arrays)}


def with_factors(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add to each line its speed relative to the rung before and to the reference."""
    for before, line in zip([None, *lines], lines, strict=False):
        line["times_before"] = None if before is None else before["ms"] / line["ms"]
        line["times_reference"] = lines[0]["ms"] / line["ms"]
    return lines
