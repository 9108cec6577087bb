"""Files that are whole or not there: written beside, synced, renamed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NoReturn


def replace(where: str, path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file through `write(file)` so that `path` holds the old or the new one, whatever happens in between."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        _remove(temporary)
        kept = "; the file that was there before is untouched" if path.is_file() else ""
        explain(where, f"{path} can't be written", error, kept)
    except BaseException:  # Ctrl-C in the middle, say
        _remove(temporary)
        raise


def explain(where: str, what: str, error: OSError, more: str = "") -> NoReturn:
    """Raise the same OSError with a sentence that says where and what."""
    reason = error.strerror or str(error)
    raise type(error)(
        error.errno, f"{where}: {what} ({reason}), expected a folder to write to with space left{more}"
    ) from error


def _remove(path: Path) -> None:
    if path.parent.is_dir():
        path.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Make a rename last through a power cut; Windows can't open folders and syncs them itself."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
