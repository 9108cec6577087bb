"""Judge one answer of the package: a refusal in its grammar, a result that equals the reference's, or a finding."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import re
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

REFUSED, COMPARED = GOOD = ("refused", "compared")
SILENT, FOREIGN, SLOW, CRASH = BAD = ("silent", "foreign", "slow", "crash")
LIMIT = 10.0  # seconds for one input
PATIENCE = 120.0  # seconds without an answer until a forked process is killed; it may have to compile kernels
GRAMMAR = re.compile(r".+: .+, expected .+", re.DOTALL)  # where: what has which value, expected which
RAISED = (ValueError, TypeError, OSError, MemoryError, RuntimeError)  # by the package
NEVER_RAISED = (UnicodeError, RecursionError, ConnectionError)  # subclasses of those above
BOOLS, REALS = (bool, np.bool_), (float, np.floating)
FORK = multiprocessing.get_context("fork")


class TooSlow(BaseException):
    """An input took longer than its limit, or a forked process than its patience."""


class Declined(ValueError):
    """The `indrnn` command returned a non-zero exit code; the text is its message."""


class Died(Exception):
    """A forked process ended with an exit code other than 0."""


class Attempt(NamedTuple):
    """One input: its description, the call, and a function that returns how a result is wrong, "" for not at all."""

    what: str
    call: Callable[[], Any]
    wrong: Callable[[Any], str]


class Verdict(NamedTuple):
    """A kind from `GOOD` or `BAD`, the message, and the function of the package that raised it."""

    kind: str
    message: str = ""
    place: str = ""


def judge(attempt: Attempt, limit: float = LIMIT) -> Verdict:
    """Pass an input to the package and judge the answer."""
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, limit)
    compared = ""
    try:
        result = attempt.call()
        compared = "accepted, but the reference raises "
        wrong = attempt.wrong(result)
        return Verdict(SILENT, wrong) if wrong else Verdict(COMPARED)
    except TooSlow as error:
        return Verdict(SLOW, f"no answer after {limit:.0f} s", place(error))
    except Exception as error:  # noqa: BLE001  the kind of error is what is judged
        kind = SILENT if compared else REFUSED if is_refusal(error) else FOREIGN
        return Verdict(kind, f"{compared}{type(error).__name__}: {text(error)}", place(error))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def interrupt(*signal_and_frame):
    """Interrupt a slow input. Compiling a kernel does not count, because it happens once."""
    from numba.core.compiler_lock import global_compiler_lock

    if not global_compiler_lock.is_locked():
        raise TooSlow
    signal.setitimer(signal.ITIMER_REAL, LIMIT)


def is_refusal(error: BaseException) -> bool:
    """Return whether an error has a kind that the package raises, and a message in its grammar."""
    kind = isinstance(error, RAISED) and not isinstance(error, NEVER_RAISED)
    return kind and GRAMMAR.fullmatch(text(error)) is not None


def text(error: BaseException) -> str:
    return str(error.strerror if isinstance(error, OSError) and error.strerror else error)


def place(error: BaseException) -> str:
    """Return file and function of the innermost frame in the package, else of the innermost frame."""
    frames = [(Path(frame.filename).parts, frame.name) for frame in traceback.extract_tb(error.__traceback__)]
    parts, name = ([frame for frame in frames if "indrnn_np" in frame[0]] or frames)[-1]
    return f"{'/'.join(parts[-2:])}:{name}"


def difference(found: Any, right: Any, at: str = "result", tolerance: float = 0.0, more: bool = False) -> str:
    """Return the first place where two values differ, "" if they are equal. NaN equals NaN; True is not 1.

    tolerance: relative to the largest entry of an array; 0 compares the bits and dtypes of arrays. more: mappings in
    `found` may have more keys than those in `right`.
    """
    if isinstance(found, Mapping) and isinstance(right, Mapping):
        pairs = [(found[key], right[key], f"{at}/{key}") for key in right if key in found]
        sizes = sorted(str(key) for key in found if key in right or not more), sorted(map(str, right))
    elif isinstance(found, list | tuple) and isinstance(right, list | tuple):
        pairs = [(*pair, f"{at}/{i}") for i, pair in enumerate(zip(found, right, strict=False))]
        sizes = len(found), len(right)
    elif isinstance(found, np.ndarray) or isinstance(right, np.ndarray):
        return array_difference(np.asarray(found), np.asarray(right), at, tolerance)
    else:
        same = found == right or (found != found and right != right)
        if isinstance(found, REALS) and isinstance(right, (*REALS, int)):
            same = same or abs(found - right) <= tolerance * max(1.0, abs(right))
        same = same and isinstance(found, BOOLS) == isinstance(right, BOOLS)
        return "" if same else f"{at} is {found!r:.200}, right {right!r:.200}"
    if sizes[0] != sizes[1]:
        return f"{at} has the keys or the length {sizes[0]}, right {sizes[1]}"
    return next(filter(None, (difference(*pair, tolerance, more) for pair in pairs)), "")


def array_difference(found: np.ndarray, right: np.ndarray, at: str, tolerance: float) -> str:
    if found.shape != right.shape:
        return f"{at} has shape {found.shape}, right {right.shape}"
    if not tolerance or found.dtype.kind not in "fiu":
        same = found.dtype == right.dtype and found.tobytes() == right.tobytes()
        return "" if same else f"{at} is {found.dtype} {found!r:.120}, right {right.dtype} {right!r:.120}"
    with np.errstate(all="ignore"):
        right = right.astype(found.dtype) if found.dtype.kind == right.dtype.kind == "f" else right
        finite = np.isfinite(right)
        close = np.abs(found - right) <= tolerance * np.abs(right[finite]).max(initial=1.0)
        off = np.where(finite, ~close, np.isfinite(found))
    where = np.unravel_index(off.argmax(), off.shape) if off.size else ()
    return f"{at} is {found[where]} at {where}, right {right[where]}, {off.sum()} differ" if off.any() else ""


def command(*words: object) -> str:
    """Run an `indrnn` command line in this process and return its stdout; raise Declined for exit codes 1 and 2.

    matplotlib is hidden, because a plot takes longer than the rest of a small run.
    """
    from indrnn_np.commands import cli

    out, err = io.StringIO(), io.StringIO()
    plots = sys.modules.get("matplotlib")
    sys.modules["matplotlib"] = None  # type: ignore[assignment]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main([str(word) for word in words])
    except SystemExit as error:
        last = err.getvalue().strip().rpartition("\n")[2]
        if error.code == 2 and ": error: " in last:  # the grammar of argparse
            raise Declined(f"{last}, expected what --help lists") from error
        raise RuntimeError(f"the command left with {error.code!r} and {err.getvalue()!r}") from error
    finally:
        del sys.modules["matplotlib"]
        sys.modules.update({} if plots is None else {"matplotlib": plots})
    if code:
        raise Declined(err.getvalue().strip().rpartition("indrnn: ")[2])
    return out.getvalue()


def forked(function: Callable[[Callable[[Any], None]], None]) -> Iterator[Any]:
    """Call function(send) in a forked process and yield each object that it sends.

    Raise Died(exit code) if the process fails, and TooSlow if it sends nothing for `PATIENCE`.
    """
    reads, writes = FORK.Pipe(duplex=False)
    process = FORK.Process(target=function, args=(writes.send,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads (Python 3.12); no child needs one
        process.start()
    writes.close()
    try:
        with contextlib.suppress(EOFError):
            while reads.poll(PATIENCE):
                yield reads.recv()
            raise TooSlow
        process.join()
        if process.exitcode:
            raise Died(process.exitcode)
    finally:
        process.kill()
