"""Expand user paths and write files atomically: under a temporary name, synced, then renamed.

Text files are UTF-8. A file name that is not UTF-8 keeps its bytes in the text ("surrogateescape").
"""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NoReturn


def user_path(where: str, name: str, value: str | os.PathLike[str]) -> Path:
    """Return a path from the user with a leading `~` or `~user` replaced by the home directory.

    The path need not exist. The call is idempotent: `./~` becomes an absolute path.

    Raises
    ------
    OSError, ValueError, TypeError
        If the system cannot look up the path: it is too long, lies in a folder without search
        permission, contains a null character, or is not a path.
    """
    try:
        path = Path(os.path.expanduser(value))
        path = Path.cwd() / path if path.parts[:1] and path.parts[0].startswith("~") else path
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return path
    except OSError as error:
        problem = f"{where}: {name} is {_short(value)} ({error.strerror})"
        raise type(error)(error.errno, f"{problem}, expected a path that can be looked up") from error
    except (TypeError, ValueError) as error:
        raise type(error)(f"{where}: {name} is {_short(value)} ({error}), expected a path") from error
    return path


def _short(value: object) -> str:
    """Return the repr of a value, without its middle if it is long."""
    text = repr(os.fspath(value)) if isinstance(value, os.PathLike) else repr(value)
    return text if len(text) <= 200 else f"{text[:90]}...{text[-90:]}"


def replace_text(where: str, path: Path, text: str) -> None:
    """Write a text file atomically (see `replace`)."""
    replace(where, path, lambda file: file.write(text.encode("utf-8", "surrogateescape")))


def replace(where: str, path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Call `write(file)` to write a file atomically: `path` holds the old or the new content.

    If several processes or threads write at once, the last one to finish determines the content.
    """
    temporary = path.with_name(f"{_prefix(path)}{os.getpid()}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        make_folder(path.parent)
        with open(temporary, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        _remove(temporary)
        addition = "; the previous file is unchanged" if path.is_file() else ""
        explain(where, f"{path} can't be written", error, addition)
    except BaseException:  # for example Ctrl-C
        _remove(temporary)
        raise


def leftovers(path: Path) -> list[Path]:
    """Return the temporary files that killed writers of `path` left; its name may contain `*`."""
    return list(path.parent.glob(f"{_prefix(path)}*.tmp"))


def make_folder(folder: Path) -> list[Path]:
    """Create a folder and its missing parents; return the created folders, outermost first."""
    if folder.is_dir():
        return []
    created = make_folder(folder.parent)
    try:
        folder.mkdir()
    except FileExistsError:
        if folder.is_dir():  # another process created it
            return created
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder)) from None
    _sync_folder(folder.parent)
    return [*created, folder]


def sync(path: Path) -> None:
    """Flush a file to disk, so that appended data survives a power failure."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def explain(where: str, problem: str, error: OSError, addition: str = "") -> NoReturn:
    """Raise an OSError of the same type with a message in the form of the package."""
    problem = f"{where}: {problem} ({error.strerror or error})"
    expected = f"expected a folder to write to with space left{addition}"
    raise type(error)(error.errno, f"{problem}, {expected}") from error


def _prefix(path: Path) -> str:
    """Return the prefix of temporary names, shortened so that long names stay within the limit."""
    return f".{path.name[:40]}."


def _remove(path: Path) -> None:
    """Remove a file if it and its folder exist."""
    if path.parent.is_dir():
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Flush a folder to disk; Windows cannot open folders and does so itself."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
