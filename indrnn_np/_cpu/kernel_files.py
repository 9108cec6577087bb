"""Store compiled kernels on disk, one file for each kernel and signature.

An entry begins with a checksum of its key and content, which detects a file that is truncated,
empty, overwritten, or belongs to another kernel. The kernel is then compiled again and the entry
replaced. If a folder or file cannot be read or written, kernels are compiled at each start, and a
process warns once for each folder. A failure never stops a start.
"""

from __future__ import annotations

import hashlib
import os
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

from .. import _files

CHECKSUM = hashlib.sha256().digest_size  # bytes at the start of a file
SUFFIX = ".nbc"
STALE = 3600.0  # seconds; older temporary files were left by killed processes and are removed

_warned: set[Path] = set()  # folders


def usage(folder: Path) -> tuple[int, int]:
    """Return the number and the total bytes of the kernels below a folder, which may not exist."""
    sizes = [path.stat().st_size for path in folder.glob(f"**/*{SUFFIX}") if path.is_file()]
    return len(sizes), sum(sizes)


def writable(folder: Path) -> bool:
    """Return whether the folder can be written, or created if it does not exist yet."""
    existing = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


@dataclass(frozen=True)
class Entry:
    """An entry of the cache.

    Parameters
    ----------
    folder
        The folder of the cache.
    label
        Readable start of the file's name.
    key
        Bytes that identify the compiled code.
    """

    folder: Path
    label: str
    key: bytes

    @property
    def path(self) -> Path:
        """The path of the entry's file; it contains a digest of the key."""
        label = "".join(letter for letter in self.label if letter.isalnum() or letter in "._-")[-80:]
        return self.folder / f"{label}-{hashlib.sha256(self.key).hexdigest()[:24]}{SUFFIX}"

    def read(self) -> bytes | None:
        """Return the stored content; None if the file is missing or damaged."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self.warn(f"can't be read ({error.strerror})")
            return None
        content = data[CHECKSUM:]
        if data[:CHECKSUM] != self._checksum(content):
            self.warn("is damaged")
            return None
        return content

    def write(self, content: bytes) -> None:
        """Store the content and replace an existing file, if the folder can be written."""
        try:
            self._remove_stale()
            data = self._checksum(content) + content
            _files.replace("kernel cache", self.path, lambda file: file.write(data))
        except OSError as error:
            self.warn(f"can't be written ({error.__cause__ or error.strerror})")

    def warn(self, problem: str) -> None:
        """Warn that the entry is not used, once for each folder and process."""
        if self.folder not in _warned:
            _warned.add(self.folder)
            warnings.warn(
                f"kernel cache in {self.folder}: {self.path.name} {problem}; the kernel is compiled again",
                RuntimeWarning,
                stacklevel=2,
            )

    def _checksum(self, content: bytes) -> bytes:
        return hashlib.sha256(b"%d %s %s" % (len(self.key), self.key, content)).digest()

    def _remove_stale(self) -> None:
        """Remove temporary files of this entry that killed processes left."""
        for path in self.folder.glob(f".{self.path.name}.*.tmp"):
            if time.time() - path.stat().st_mtime > STALE:
                path.unlink(missing_ok=True)
