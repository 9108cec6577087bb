"""Every function of the catalogue on the backend "cuda", against the reference; and which kernels were launched."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import registers
from stop_flag_check import wrong_flags

from indrnn_np._cuda import arrays, cublas, launch, target
from indrnn_np._cuda import products as _products
from indrnn_np._gradcheck.hosted import STAY, hosted
from indrnn_np.backend import get
from indrnn_np.bench import iteration
from indrnn_np.bench.agreement import WrongResult
from indrnn_np.ops import catalogue
from indrnn_np.ops.catalogue import Entry
from indrnn_np.ops.layernorm.cuda import ONE_THREAD
from indrnn_np.optim.losses import LOSSES
from indrnn_np.tasks.adding import Adding

from .forms import CHOSEN, forms, scan_forms
from .judge import Judge
from .part import Part
from .plan import SHORTEST
from .register_check import register_check
from .sizes import Shape, Sizes

PLAIN = "plain_cuda"
SCANS = (("recurrence", "forward"), ("recurrence", "backward"))
CHUNKS = 4  # of the scan over time


class Draw(catalogue.Draw):
    """Arrays as in the catalogue, but for the lengths of samples."""

    def lengths(self) -> np.ndarray:
        """Draw lengths (B,) of which half are T: a step with few samples has hardly a variance."""
        lengths = super().lengths()
        lengths[1 : 1 + self.B // 2] = self.T
        return lengths


def small_checks(part: Part) -> None:
    """Compare every function in float32 at one shape."""
    with part.surviving("checks in float32"):
        compare(part, "float32", part.sizes.small_checked)


def checks(part: Part) -> None:
    """Compare every function in float64 at the small shape, then in both dtypes at all shapes; list idle kernels."""
    ran: set[Any] = set()
    original = launch.Kernel.launch

    def recorded(kernel: launch.Kernel, *args: Any, **options: Any) -> None:
        ran.add(kernel)
        original(kernel, *args, **options)

    launch.Kernel.launch = recorded  # type: ignore[method-assign]
    try:
        runs = (
            ("float64", part.sizes.small_checked),
            ("float32", part.sizes.checked),
            ("float64", part.sizes.checked),
        )
        for dtype, shapes in dict.fromkeys(runs):
            with part.surviving(f"checks in {dtype}"):
                compare(part, dtype, shapes)
        with part.surviving("network"):
            network(part)
        with part.surviving("stop flag"):
            for wrong in wrong_flags():
                part.fail(f"stop flag: {wrong}")
    finally:
        launch.Kernel.launch = original  # type: ignore[method-assign]
    with part.surviving("registers"):
        register_check(part, ran)
    known = {kernel: name for name, kernel in registers.kernels()}
    idle = sorted(name for kernel, name in known.items() if kernel not in ran)
    table = part.table("Kernels", "variants", "launched above", "not launched")
    table.row(len(known), len(known) - len(idle), ", ".join(idle) or "none", idle=idle)


def compare(part: Part, dtype: str, shapes: tuple[Shape, ...]) -> None:
    """Compare every function of a dtype with the reference; what does not fit the time limit is left out."""
    if part.sizes.dry:
        _products.SEGMENT = 8  # so that few terms are cut into segments
    judge = Judge(part, dtype, f"at {', '.join(map(str, shapes))}")
    served = [entry for entry in catalogue.entries() if get("cuda").serves(entry.op)]
    for number, entry in enumerate(served):
        for d in draws(entry.op, part.sizes, shapes, dtype):
            if part.left < SHORTEST:
                part.note(f"{dtype} {judge.title}: left out, no time left: {entry.op}.{entry.name} and the "
                          f"{len(served) - number - 1} functions after it")  # fmt: skip
                return
            with part.surviving(f"{entry.op}.{entry.name}, {dtype}, {(d.T, d.B, d.D, d.H, d.K)}"):
                function(judge, entry, d)
        judge.write()
    d = draws("recurrence", part.sizes, shapes, dtype)[0]
    for check in (in_place, adding, products):
        with part.surviving(f"{check.__name__}, {dtype}"):
            check(judge, d)
        judge.write()


def libraries() -> Iterator[str]:
    """Yield each library of products, in use meanwhile; the last one stays in use."""
    for name in ("tiled", "cublas") if cublas.find()[0] is not None else ("tiled",):
        _products.use(name)
        yield name


def each_library(values: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Yield each library, in use meanwhile, with each value. (itertools.product takes all libraries at once.)"""
    for library in libraries():
        for value in values:
            yield library, value


def draws(op: str, sizes: Sizes, shapes: tuple[Shape, ...], dtype: str) -> list[Draw]:
    """Return the sizes and random arrays with which the functions of an op are called."""
    all_draws = [Draw(np.random.default_rng(0), dtype, *shape) for shape in shapes]
    d, n = all_draws[0], sizes.parameters
    if op in (*LOSSES, "embedding"):
        return [replace(d, K=K, T=max(1, d.T * sizes.classes[0] // K)) for K in sizes.classes]
    if op == "layernorm":
        return [replace(d, H=H) for H in (d.H, 7, ONE_THREAD + 1)]
    if op in ("sgd", "adam"):
        return [replace(d, K=n // d.H)]
    if op in ("gradient", "random"):
        return [replace(d, T=n // d.H)]
    return {"project": [replace(d, H=n)], "finite": [replace(d, T=n // d.B)]}.get(op, all_draws)


def function(judge: Judge, entry: Entry, d: Draw) -> None:
    """Compare a function, its plain twin and its scan, with all options and in every way in which they run."""
    name, fast = f"{entry.op}.{entry.name}", entry.function(hosted("cuda"))
    for title, arguments in calls(entry, d):
        results, expected = [], judge.expected(entry, arguments)
        for library, form in ways(entry.op):
            row = f"{name}, {library}" if library else name
            results.append(judge.calls(row, entry, fast, f"{form} {title}", arguments, expected))
        if (entry.op, entry.name) in SCANS:
            scan = getattr(hosted("cuda").parallel(entry.op), entry.name)
            scan = functools.partial(scan, chunk=max(1, d.T // CHUNKS))
            for form in scan_forms(entry.name, arguments["activation"]):
                judge.calls(f"{name}, scan", entry, scan, f"{form} {title}", arguments, expected)
        for number, arrays_of_forms in enumerate(
            zip(*results, strict=True) if entry.op == "recurrence" else ()
        ):
            for other in arrays_of_forms[1:]:
                judge.same_bits("recurrence, all forms", f"{entry.name} {title}, array {number}", other,
                                arrays_of_forms[0])  # fmt: skip
    if PLAIN in entry.leaves_out:
        module = importlib.import_module(f"indrnn_np.ops.{entry.op}.{PLAIN}")
        plain = hosted("cuda").hosted(getattr(module, entry.name))
        for title, arguments in calls(entry, d, entry.leaves_out[PLAIN]):
            judge.calls(f"{name}, plain", entry, plain, title, arguments, judge.expected(entry, arguments))


def calls(entry: Entry, d: Draw, left_out: Iterable[str] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each call of a function, in words and by its arguments, without the arguments `left_out`.

    A backward pass also gets one gradient without the other, and labels and symbols have each dtype that holds them.
    """
    for options in entry.variants("cuda"):
        if any(options.get(name) for name in left_out):
            continue
        drawn = entry.arguments(d, **options)
        arguments = {name: value for name, value in drawn.items() if name not in left_out}
        yield f"{options}", arguments
        for absent in ("dh", "dhT") if {"dh", "dhT"} <= set(arguments) else ():
            yield f"{options}, no {absent}", arguments | {absent: None}
        for name, value in arguments.items():
            if isinstance(value, np.ndarray) and value.dtype.kind in "iu" and name not in STAY:
                for integer in target.INTEGERS:
                    if value.max() <= np.iinfo(integer).max:
                        yield f"{options}, {integer}", arguments | {name: value.astype(integer)}


def ways(op: str) -> Iterator[tuple[str, str]]:
    """Yield the library of products and the form of the recurrence's kernels, each in use meanwhile.

    The cell meets all forms with the last library only, which stays in use.
    """
    library = ""
    for library in libraries() if op in ("indrnn", "affine") else ("",):
        yield library, CHOSEN if op in ("indrnn", "recurrence") else ""
    for form in forms() if op in ("indrnn", "recurrence") else ():
        if form != CHOSEN:
            yield library, form


def in_place(judge: Judge, d: Draw) -> None:
    """The recurrence with a where h will be."""
    a, u, h0 = d.real(d.T, d.B, d.H), d.recurrent_weight(), d.real(d.B, d.H)
    ops = get("cuda")
    h = ops.device.empty((d.T + 1, d.B, d.H), a.dtype)
    ops.device.assign(h[1:], a)
    ops.recurrence.forward(h[1:], ops.device.asarray(u), ops.device.asarray(h0), out=h)
    other = hosted("cuda").recurrence.forward(a, u, h0)
    judge.same_bits("recurrence.forward, in place", f"{a.shape}", h.to_host(), other)


def adding(judge: Judge, d: Draw) -> None:
    """The adding problem's sequences, bit for bit as on the CPU."""
    drawn = {}
    for name in ("cuda", "cpu"):
        task, host = (
            Adding(max(2, d.T), 3, d.dtype, name, evaluation_size=2 * d.B + 1),
            get(name).device.to_host,
        )
        batches = [task.batch(5, d.B), *task.evaluation("test", d.B + 1, 7)]
        drawn[name] = [host(array) for batch in batches for array in (batch.x, batch.target)]
    for number, (one, other) in enumerate(zip(drawn["cuda"], drawn["cpu"], strict=True)):
        judge.same_bits("tasks.Adding", f"array {number}", one, other)


def products(judge: Judge, d: Draw) -> None:
    """Products of all four forms, and sums of columns."""
    for library, (M, N, K) in each_library(judge.part.sizes.matrices):
        a, b = d.real(M, K), d.real(K, N)
        expected = a.astype(np.float64) @ b.astype(np.float64)
        for transposed in product((False, True), repeat=2):
            out = arrays.empty((M, N), d.dtype)
            operands = (
                arrays.asarray(x.T if transpose else x)
                for x, transpose in zip((a, b), transposed, strict=True)
            )
            _products.matmul(*operands, out, *transposed)
            judge.compare(
                f"product, {library}", f"{(M, N, K)}, transposed {transposed}", (out.to_host(), expected)
            )
        sums = arrays.empty(K, d.dtype)
        _products.column_sums(arrays.asarray(a), sums)
        judge.compare("sums of columns", f"{a.shape}", (sums.to_host(), a.astype(np.float64).sum(axis=0)))


def network(part: Part) -> None:
    """Updates of a whole network against the reference, and the same bits from two runs."""
    case = part.sizes.network
    table = part.table("A whole network", "what", "result", "")
    try:
        agreement = iteration.check(case, "cuda")
        text = f"error {agreement.error:.1e} of the largest entry, tolerance {agreement.tolerance:.0e}"
        title = f"{iteration.UPDATES} updates, cut to {agreement.steps} time steps"
        table.row(title, text, "ok", error_of_network=agreement.error)
    except WrongResult as error:
        part.fail(str(error))
        table.row(f"{iteration.UPDATES} updates", str(error), "WRONG")
    runs = []
    for _ in range(2):
        training = iteration.Training(case, "cuda")
        for _ in range(part.sizes.two_runs):
            training.iterate()
        runs.append(training.net.flat.to_host())
    equal, title = runs[0].tobytes() == runs[1].tobytes(), f"two runs of {part.sizes.two_runs} iterations"
    if not equal:
        part.fail(f"{title} differ in {np.count_nonzero(runs[0] != runs[1])} of {runs[0].size} parameters")
    table.row(title, "equal bits" if equal else "other bits", "ok" if equal else "WRONG")
