"""Search for the file that holds the best state of a run.

The meta of a checkpoint stores `best`, the value and the iteration of the best validation so far.
If that iteration is an earlier one, the meta also stores `best_sha256`, the digest of its
checkpoint file. best.npz is a copy of that file. A run that is killed before it has replaced the
copy leaves an outdated best.npz. The digest detects this, and resuming the run restores the file.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from .. import _check
from . import checkpoint


def iteration_of(contents: checkpoint.Contents) -> int | None:
    """Return the iteration of the best validation up to a checkpoint, None before the first validation."""
    best = contents.header["meta"].get("best")
    if best is None:
        return None
    if not isinstance(best, dict) or not isinstance(best.get("iteration"), int):
        _check.fail("run", f"{contents.path} has best={best!r}", "its value and iteration")
    return best["iteration"]


def read(path: Path) -> int | None:
    """Return the iteration of the best validation for a checkpoint file, None if it is damaged."""
    try:
        return iteration_of(checkpoint.read(path))
    except ValueError:
        return None


def file_of(contents: checkpoint.Contents, best: Path, numbered: Path | None) -> Path | None:
    """Return the file of the best state up to a checkpoint: `best`, `numbered`, or None if neither matches."""
    iteration, digest = iteration_of(contents), contents.header["meta"].get("best_sha256")
    if iteration == contents.header["iteration"]:
        numbered, digest = contents.path, sha256(contents.path.read_bytes())
    files = (path for path in (best, numbered) if path is not None and path.is_file())
    return next((path for path in files if _matches(path, iteration, digest)), None)


def sha256(content: bytes) -> str:
    """Return the SHA-256 digest of a file's content as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _matches(path: Path, iteration: int | None, digest: str | None) -> bool:
    """Return whether a file has the digest, or the iteration in runs of 0.1.0, which stored no digest."""
    if digest is not None:
        return sha256(path.read_bytes()) == digest
    try:
        return checkpoint.read(path).header["iteration"] == iteration
    except ValueError:  # damaged
        return False
