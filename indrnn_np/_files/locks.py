"""Lock a folder so that it has one writer; a lock ends with the process that holds it.

The lock is `flock` on a hidden file in the folder; on Windows it is a locked byte of that file. The
system releases the lock when the process is killed. The text of the file names the process.
"""

from __future__ import annotations

import errno
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from .. import _check, _files

RUN, RESULTS = ".indrnn.lock", ".indrnn.results.lock"
OFF = "INDRNN_LOCKS"  # environment variable; 0 disables locks, for file systems without them
HELD = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}  # errors if another writer holds the lock
BYTE = 2**20  # offset of the byte that is locked on Windows, beyond the text
_held: set[int] = set()  # descriptors of the locks that this process holds


@contextmanager
def only_writer(where: str, folder: Path, new: bool = False, results: bool = False) -> Iterator[None]:
    """Lock a folder, created if absent, against other writers in any process or thread.

    Folders that this call creates are removed at the end if they are empty.

    Parameters
    ----------
    where : str
        Name of the caller in error messages. The messages call the folder `out`.
    folder : Path
        Folder to lock.
    new : bool
        Whether the folder must not exist yet.
    results : bool
        Use a second lock, which is independent of a training run in the same folder. Writers of
        results wait for each other.

    Raises
    ------
    FileExistsError
        If `new` and the folder exists.
    BlockingIOError
        If another writer has locked the folder; the message names its process.
    OSError
        If the folder cannot be created, or its file system has no locks and INDRNN_LOCKS is not 0.
    """
    created: list[Path] = []
    descriptor, pid = None, os.getpid()
    try:
        path = folder / (RESULTS if results else RUN)
        descriptor = _acquire(where, path, new, wait=results, created=created)
        yield
    finally:
        if os.getpid() == pid:  # a forked child holds no lock
            if descriptor is not None:
                _release(descriptor, path)
            for empty in reversed(created):
                with suppress(OSError):  # the folder is not empty, or was removed
                    empty.rmdir()


def holder(folder: Path) -> str | None:
    """Return the name of the process that trains, or was killed, in a folder; None without its lock file."""
    try:
        return (folder / RUN).read_text("utf-8", "replace")
    except OSError:
        return None


def is_held(folder: Path) -> bool:
    """Return whether a training run writes into a folder, judged by its lock file without locking it.

    The file of a killed process stays, but a process that this machine does not have writes nothing.
    Without locks (INDRNN_LOCKS=0) the answer is True.
    """
    if os.environ.get(OFF) == "0":
        return True
    text = holder(folder)
    if text is None:
        return False
    match = re.fullmatch(r"process (\d+) on (.*)", text)
    if match is None or match[2] != platform.node() or os.name != "posix":
        return True
    try:
        os.kill(int(match[1]), 0)  # signal 0 only looks for the process
    except ProcessLookupError:
        return False
    except PermissionError:  # the process of another user
        return True
    return True


def _acquire(where: str, path: Path, new: bool, wait: bool, created: list[Path]) -> int | None:
    """Lock `path`, return its descriptor (None without locks), and add new folders to `created`."""
    folder = path.parent
    while True:
        try:
            created += _files.make_folder(folder.parent if new else folder)
            if new:
                folder.mkdir()
                created.append(folder)
                new = False
        except OSError as error:
            if new and folder.exists():
                raise
            _files.explain(where, f"{_subject(folder)} can't be written", error)
        if os.environ.get(OFF) == "0":
            return None
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        except OSError as error:
            if folder.is_dir():
                _files.explain(where, f"{_subject(folder)} can't be written", error)
            continue  # another writer removed the folder in the meantime
        _held.add(descriptor)
        try:
            _lock(descriptor, wait)
            if _is_open_file(descriptor, path):
                _write_holder(descriptor)
                return descriptor
        except OSError as error:
            _fail_to_lock(where, path, error, descriptor)
        except BaseException:  # for example Ctrl-C during the wait
            _close(descriptor)
            raise
        _close(descriptor)  # the previous holder removed the file: lock the new file


def _subject(folder: Path) -> str:
    """Return the start of a message about the folder."""
    return f"out is {str(folder)!r}, which"


def _fail_to_lock(where: str, path: Path, error: OSError, descriptor: int) -> NoReturn:
    """Close the file after a failed lock, and raise an error with the reason."""
    subject = _subject(path.parent)
    if error.errno in HELD:
        problem = f"{subject} {_read_holder(descriptor) or 'another process'} is writing into"
        _close(descriptor)
        _check.fail(where, problem, "another folder, or the end of that process", error=BlockingIOError)
    _release(descriptor, path)
    problem = f"{subject} can't be locked ({error.strerror})"
    because = f"because two writers would mix their files; {OFF}=0 disables locks"
    _check.fail(where, problem, "a file system with locks", because, error=OSError)


def _release(descriptor: int, path: Path) -> None:
    """Remove the lock file and release the lock, in this order: the next holder has a new file."""
    if os.name == "posix":
        try:
            path.unlink(missing_ok=True)
        finally:
            _close(descriptor)
    else:  # Windows cannot remove open files
        _close(descriptor)
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _write_holder(descriptor: int) -> None:
    """Write the name of this process into the lock file."""
    with suppress(OSError):  # the lock works without its text, for example on a full disk
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {platform.node()}".encode())


def _read_holder(descriptor: int) -> str:
    """Return the name of the process that holds the lock."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, 200).decode(errors="replace")


def _is_open_file(descriptor: int, path: Path) -> bool:
    """Return whether `path` still refers to the open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _close(descriptor: int) -> None:
    _held.discard(descriptor)
    os.close(descriptor)


def _close_in_child() -> None:
    """Close the descriptors that a forked child inherited: the locks belong to the parent."""
    for descriptor in tuple(_held):
        _close(descriptor)


if os.name == "posix":
    import fcntl

    os.register_at_fork(after_in_child=_close_in_child)

    def _lock(descriptor: int, wait: bool) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))

else:
    import msvcrt
    import time

    def _lock(descriptor: int, wait: bool) -> None:
        while True:
            os.lseek(descriptor, BYTE, os.SEEK_SET)
            try:
                return msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
            except OSError as error:
                if not wait or error.errno not in HELD:
                    raise
            time.sleep(0.1)
