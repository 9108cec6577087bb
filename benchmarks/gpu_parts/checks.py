"""Every operation of the backend "cuda" at sizes as they occur, against the reference; and which kernels ran."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Any

import numpy as np
import ptx

from indrnn_np import _cublas, _cuda, _device, _products
from indrnn_np.backend import get
from indrnn_np.bench import iteration
from indrnn_np.bench.agreement import WrongResult
from indrnn_np.gradcheck.hosted import hosted
from indrnn_np.ops.layernorm.cuda import FEW
from indrnn_np.ops.recurrence import ACTIVATIONS
from indrnn_np.tasks.adding import Adding

from .forms import forms
from .judge import Judge
from .part import Part
from .sizes import Shape

KEY = (3, 2, 1)
RATE = 0.3


class Draw:
    """Arrays of one size and dtype, from a seed."""

    def __init__(self, shape: Shape, dtype: str) -> None:
        self.T, self.B, self.D, self.H = shape
        self.rng, self.dtype = np.random.default_rng(0), dtype

    def real(self, *shape: int) -> np.ndarray:
        return self.rng.standard_normal(shape).astype(self.dtype)

    def u(self) -> np.ndarray:
        """|u| <= 1, with 1, -1 and 0 among them."""
        u = self.rng.uniform(-1, 1, self.H)
        u[:3] = (1, -1, 0)[: self.H]
        return u.astype(self.dtype)

    def lengths(self) -> np.ndarray:
        """From 0 to T, both among them."""
        lengths = self.rng.integers(0, self.T + 1, self.B)
        lengths[0], lengths[-1] = 0, self.T
        return lengths

    def mask(self, *shape: int) -> np.ndarray:
        mask = self.rng.random(shape) < 0.7
        mask.flat[0] = True
        return mask


def checks(part: Part) -> None:
    """Compare everything in both dtypes, then say which kernels did not run."""
    sizes, ran = part.sizes, set()
    if sizes.dry:
        _products.SEGMENT = 8  # so that few terms are cut into segments
    recorded = functools.partial(_record, ran)
    launch = _cuda.Kernel.launch
    _cuda.Kernel.launch = lambda *given, **options: recorded(launch, *given, **options)  # type: ignore[method-assign]
    try:
        for dtype in ("float32", "float64"):
            judge = Judge(part, dtype)
            for check in (*OF_SIZES, *OTHERS):
                for shape in sizes.checked if check in OF_SIZES else sizes.checked[:1]:
                    with part.surviving(f"{check.__name__}, {dtype}, {shape}"):
                        check(judge, Draw(shape, dtype))
            judge.write()
        with part.surviving("network"):
            network(part)
    finally:
        _cuda.Kernel.launch = launch  # type: ignore[method-assign]
    known = {kernel: name for name, kernel in ptx.kernels()}
    idle = sorted(name for kernel, name in known.items() if kernel not in ran)
    table = part.table("Kernels", "variants", "ran above", "did not")
    table.row(len(known), len(known) - len(idle), ", ".join(idle) or "none", idle=idle)


def _record(ran: set[Any], launch: Callable[..., None], kernel: Any, *given: Any, **options: Any) -> None:
    ran.add(kernel)
    launch(kernel, *given, **options)


def libraries() -> Iterator[str]:
    """Each way of computing products that is there, in use meanwhile."""
    found = [name for name, there in (("cublas", _cublas.find()[0] is not None), ("tiled", True)) if there]
    for name in reversed(found):  # the one that is taken by itself comes last
        _products.use(name)
        yield name


def each_library(values: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Each library, in use meanwhile, with each value. (itertools.product takes them all before the first round.)"""
    for library in libraries():
        for value in values:
            yield library, value


# operations at each of the sizes


def recurrence(judge: Judge, draw: Draw) -> None:
    """Both forms of the kernels, which give the same bits."""
    T, B, H = draw.T, draw.B, draw.H
    a, dh, h0, dhT, u = draw.real(T, B, H), draw.real(T, B, H), draw.real(B, H), draw.real(B, H), draw.u()
    padding = draw.lengths()
    for activation, (lengths, reverse) in product(ACTIVATIONS, ((None, False), (padding, True))):
        if reverse and activation != "relu":
            continue
        ends = {"lengths": lengths, "reverse": reverse}
        how = {"activation": activation, **ends}
        found = []
        for form in forms():
            told = f"{form}, {activation}, {'lengths, reverse' if reverse else 'whole'}"
            h = judge("recurrence.forward", told, activation == "relu", a=a, u=u, h0=h0, **how)
            judge("recurrence.last", told, h=h, **ends)
            found.append([h])
            for given in ({"dh": dh, "dhT": dhT}, {"dh": dh, "dhT": None}, {"dh": None, "dhT": dhT}):
                found[-1] += judge("recurrence.backward", told, h=h, u=u, **given, **how)
        for number, (one, other) in enumerate(zip(*found, strict=True)):
            judge.same_bits("recurrence, both forms", f"{activation} {a.shape}, array {number}", one, other)
    in_place(judge, draw, a, u, h0)


def in_place(judge: Judge, draw: Draw, a: np.ndarray, u: np.ndarray, h0: np.ndarray) -> None:
    """The form in which a stands where h will be."""
    ops = get("cuda")
    h = ops.empty((draw.T + 1, draw.B, draw.H), a.dtype)
    ops.assign(h[1:], a)
    ops.recurrence.forward(h[1:], ops.asarray(u), ops.asarray(h0), out=h)
    other = hosted("cuda").recurrence.forward(a, u, h0)
    judge.same_bits("recurrence.forward, in place", f"{a.shape}", h.to_host(), other)


def indrnn(judge: Judge, draw: Draw) -> None:
    T, B, D, H = draw.T, draw.B, draw.D, draw.H
    x, W, u, b = draw.real(T, B, D), draw.real(H, D) / D**0.5, draw.u(), draw.real(H)
    h0, dh, dhT = draw.real(B, H), draw.real(T, B, H), draw.real(B, H)
    padding = draw.lengths()
    for library, activation in each_library(ACTIVATIONS):
        for ends in ({}, {"lengths": padding, "reverse": True})[: 1 + (activation == "relu")]:
            how = {"activation": activation, **ends}
            for form in forms():
                told, gates = f"{library}, {form}, {activation}", activation == "relu"
                h = judge(f"indrnn.forward, {library}", told, gates, x=x, W=W, u=u, b=b, h0=h0, **how)
                judge(f"indrnn.backward, {library}", told, dh=dh, x=x, h=h, W=W, u=u, dhT=dhT, **how)


def affine(judge: Judge, draw: Draw) -> None:
    x, W, b = draw.real(draw.T, draw.B, draw.D), draw.real(draw.H, draw.D), draw.real(draw.H)
    dy = draw.real(draw.T, draw.B, draw.H)
    for library in libraries():
        for steps in (slice(None), 0):
            judge(f"affine.forward, {library}", library, x=x[steps], W=W, b=b)
            judge(f"affine.backward, {library}", library, dy=dy[steps], x=x[steps], W=W)


def batchnorm(judge: Judge, draw: Draw) -> None:
    T, B, H = draw.T, draw.B, draw.H
    x, dy = (2 + 3 * draw.real(T, B, H)).astype(draw.dtype), draw.real(T, B, H)
    scale, shift = draw.real(H), draw.real(H)
    padding = draw.lengths()
    padding[: (B + 1) // 2] = T  # few samples at a step have hardly a variance
    running = [draw.real(T + 2, H), np.abs(draw.real(T + 2, H))]
    for lengths, per_step in product((None, padding), (False, True)):
        how: dict[str, Any] = {"lengths": lengths, "per_step": per_step}
        told = f"lengths {lengths is not None}, per step {per_step}"
        _, mean, var = judge("batchnorm.forward", told, x=x, scale=scale, shift=shift, **how)
        judge("batchnorm.statistics", told, x=x, **how)
        judge("batchnorm.backward", told, dy=dy, x=x, mean=mean, var=var, scale=scale, **how)
        judge("batchnorm.apply", told, x=x, mean=mean, var=var, scale=scale, shift=shift, lengths=lengths)
        judge("batchnorm.update", told, running_mean=running[0].copy(), running_var=running[1].copy(), mean=mean,
              var=var, counts=np.arange(len(mean)) % 5, t0=1, momentum=0.1)  # fmt: skip
    judge("batchnorm.rows", running=running[0], t0=2, T=T)


def dropout(judge: Judge, draw: Draw) -> None:
    """Values against the reference, masks against the CPU's, bit for bit."""
    x = draw.real(draw.T, draw.B, draw.H)
    judge("dropout.forward", x=x, rate=RATE, key=KEY)
    judge("dropout.backward", dy=x, rate=RATE, key=KEY)
    shape = (draw.B, draw.H)
    found, right = (hosted(name).dropout.mask(shape, RATE, KEY, draw.dtype) for name in ("cuda", "cpu"))
    judge.same_bits("dropout.mask", f"{shape}", found, right)


def rows(judge: Judge, draw: Draw) -> None:
    T, B, D, H = draw.T, draw.B, draw.D, draw.H
    x, other, row, lengths = draw.real(T, B, H), draw.real(T, B, H), draw.real(B, H), draw.lengths()
    judge("rows.fill", out=draw.real(T, B), value=3)
    judge("rows.spread", a=row, out=draw.real(T, B, H))
    judge("rows.add", a=x, b=other)
    judge("rows.total", a=x)
    judge("rows.without_padding", x=draw.real(T, B, D), lengths=lengths)
    judge("rows.join", first=x, second=other)
    judge("rows.part", x=draw.real(T, B, 2 * H), j=1, size=H)
    for ends, before in product((None, lengths), (None, row)):
        judge("rows.last", x=x, lengths=ends, before=before)
        judge("rows.at_last", row=row, steps=T, lengths=ends)
    for wanted in (False, True):
        judge("rows.reached", row=row, lengths=lengths, wanted=wanted)


OF_SIZES = (recurrence, indrnn, affine, batchnorm, dropout, rows)


# operations that have sizes of their own


def losses(judge: Judge, draw: Draw) -> None:
    B, classes = draw.B, judge.part.sizes.classes
    for K in classes:
        T = max(1, draw.T * classes[0] // K)
        y, mask, labels = 3 * draw.real(T, B, K), draw.mask(T, B), draw.rng.integers(0, min(K, 100), (T, B))
        few = slice(1 + B // 8)
        for integer in _cuda.INTEGERS:
            given = {"y": y[0, few], "target": labels[0, few].astype(integer)}
            judge("softmax_cross_entropy.loss", f"{K} classes, {integer}", **given)
        judge("softmax_cross_entropy.loss", f"{K} classes, masked", y=y, target=labels, mask=mask)
        for some in (None, mask):
            judge("mse.loss", f"masked {some is not None}", y=y, target=draw.real(T, B, K), mask=some)


def optimizers(judge: Judge, draw: Draw) -> None:
    n = judge.part.sizes.parameters
    p, g, m, v, decay, rate = (draw.real(n) for _ in range(6))
    v = np.abs(v)
    for weights, rates in product((None, np.abs(decay)), (None, np.abs(rate))):
        shared = {"g": g, "lr": 0.1, "weight_decay": 0.01, "decay": weights, "rate": rates}
        told = f"decay {weights is not None}, rate {rates is not None}"
        for nesterov in (False, True):
            judge("sgd.update", told, p=p.copy(), m=m.copy(), momentum=0.9, nesterov=nesterov, **shared)
        for decoupled in (False, True):
            judge("adam.update", told, p=p.copy(), m=m.copy(), v=v.copy(), t=3, decoupled=decoupled, **shared)


def gradients(judge: Judge, draw: Draw) -> None:
    g = draw.real(judge.part.sizes.parameters)
    judge("gradient.norm", g=g)
    for limit in (0.5, 1e9):
        judge("gradient.clip_norm", g=g.copy(), limit=limit)
    judge("gradient.clip_value", g=g.copy(), limit=0.5)
    judge("project.project", u=g.copy(), bound=0.5)
    for place in (None, 0, len(g) // 2, len(g) - 1):
        broken = g.copy()
        broken[slice(0, 0) if place is None else place] = np.nan
        found = hosted("cuda").finite.first(broken)
        judge.same_bits("finite.first", f"NaN at {place}", found, -1 if place is None else place)


def randoms(judge: Judge, draw: Draw) -> None:
    """Bit for bit as on the CPU."""
    n, gpu, cpu = judge.part.sizes.parameters, hosted("cuda"), hosted("cpu")
    judge.same_bits("random.bits", f"{n}", gpu.random.bits(KEY, n), cpu.random.bits(KEY, n))
    given = KEY, (7, n // 7), draw.dtype
    judge.same_bits("random.uniform", f"{n}", gpu.random.uniform(*given), cpu.random.uniform(*given))


def adding(judge: Judge, draw: Draw) -> None:
    """The adding problem's sequences, bit for bit as on the CPU."""
    found = {}
    for name in ("cuda", "cpu"):
        task, host = (
            Adding(max(2, draw.T), 3, draw.dtype, name, evaluation_size=2 * draw.B + 1),
            get(name).to_host,
        )
        batches = [task.batch(5, draw.B), *task.evaluation("test", draw.B + 1, 7)]
        found[name] = [host(array) for batch in batches for array in (batch.x, batch.target)]
    for number, (one, other) in enumerate(zip(found["cuda"], found["cpu"], strict=True)):
        judge.same_bits("tasks.Adding", f"array {number}", one, other)


def products(judge: Judge, draw: Draw) -> None:
    """Products of all four forms, and sums of columns."""
    for library, (M, N, K) in each_library(judge.part.sizes.matrices):
        a, b = draw.real(M, K), draw.real(K, N)
        right = a.astype(np.float64) @ b.astype(np.float64)
        for turned in product((False, True), repeat=2):
            out = _device.empty((M, N), draw.dtype)
            given = (
                _device.asarray(one.T if turn else one) for one, turn in zip((a, b), turned, strict=True)
            )
            _products.matmul(*given, out, *turned)
            judge.compare(f"product, {library}", f"{(M, N, K)}, transposed {turned}", (out.to_host(), right))
        sums = _device.empty(K, draw.dtype)
        _products.column_sums(_device.asarray(a), sums)
        judge.compare("sums of columns", f"{a.shape}", (sums.to_host(), a.astype(np.float64).sum(axis=0)))


def language(judge: Judge, draw: Draw) -> None:
    """Rows by symbol, with few symbols and many, one of them in every other place; and layer norm of each row."""
    T, B, H = draw.T, draw.B, draw.H
    for V in judge.part.sizes.classes:
        ids = np.where(draw.mask(T, B), V - 1, draw.rng.integers(0, V, (T, B)))
        E, dy, factors = draw.real(V, H), draw.real(T, B, H), draw.real(V)
        for dropped in (None, factors):
            told = f"{V} symbols, factors {dropped is not None}"
            judge("embedding.forward", told, ids=ids, E=E, factors=dropped)
            judge("embedding.backward", told, dy=dy, ids=ids, symbols=V, factors=dropped)
        for integer in _cuda.INTEGERS:
            few = ids[:, :2] % min(V, 100)
            judge("embedding.forward", f"{V} symbols, {integer}", ids=few.astype(integer), E=E)
    for width in (H, 7, FEW + 1):
        x, dy = (3 + draw.real(T, B, width)).astype(draw.dtype), draw.real(T, B, width)
        scale, shift = draw.real(width), draw.real(width)
        _, mean, rstd = judge("layernorm.forward", x=x, scale=scale, shift=shift)
        judge("layernorm.backward", dy=dy, x=x, mean=mean, rstd=rstd, scale=scale)


OTHERS = (losses, optimizers, gradients, randoms, adding, products, language)


def network(part: Part) -> None:
    """Updates of a whole network against the reference, and the same bits from two runs."""
    case = part.sizes.network
    table = part.table("A whole network", "what", "found", "")
    try:
        found = iteration.check(case, "cuda")
        told = f"error {found.error:.1e} of the largest entry, tolerated {found.tolerance:.0e}"
        table.row(f"{iteration.UPDATES} updates, cut to {found.steps} steps", told, "ok", error=found.error)
    except WrongResult as error:
        part.fail(str(error))
        table.row(f"{iteration.UPDATES} updates", str(error), "WRONG")
    runs = []
    for _ in range(2):
        training = iteration.Training(case, "cuda")
        for _ in range(part.sizes.two_runs):
            training.iterate()
        runs.append(training.net.flat.to_host())
    equal, what = runs[0].tobytes() == runs[1].tobytes(), f"two runs of {part.sizes.two_runs} iterations"
    if not equal:
        part.fail(f"{what} differ in {np.count_nonzero(runs[0] != runs[1])} of {runs[0].size} parameters")
    table.row(what, "equal bits" if equal else "other bits", "ok" if equal else "WRONG")
