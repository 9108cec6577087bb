"""Read untrusted .skeleton text files of NTU RGB+D.

    number of frames; for each frame: number of bodies; for each body: its id and 9 more values, the
    number of joints (25), and for each joint 12 values, the first three of which are x y z in
    metres

The output has two places for bodies. Bodies are sorted by the number of frames in which they appear
(ties: by first appearance). Each body takes the first place that is free in all of its frames, so a
person whom the camera loses and detects again under another id returns to the same place. A body
that fits in neither place is dropped. An empty place of a frame contains zeros. Source of the data:
Shahroudy et al. 2016, arXiv:1604.02808.
"""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import numpy as np

from .. import _check
from .._files import forms
from .._types import Array
from . import _lines

WHERE = "skeleton_file.read"
BODIES, JOINTS = 2, 25
SIZE = BODIES * JOINTS * 3
EXCLUDE = "the list of samples with missing skeletons excludes it (--exclude)"
LARGEST = float(np.finfo(np.float32).max)
Body = dict[int, list[float]]  # frame: the 75 coordinates


def read(path: str | Path) -> Array:
    """Return the coordinates (frames, 150) in float32, ordered by body, joint and axis."""
    path = Path(path)
    lines = _Lines(path)
    frames = lines.count("the number of frames")
    bodies: dict[str, Body] = {}
    for frame in range(frames):
        for _ in range(lines.count("the number of bodies")):
            _read_body(lines, frame, bodies)
    lines.end()
    if not bodies:
        _check.fail(WHERE, f"{path} has {frames} frames and no body", "at least one body", f"; {EXCLUDE}")
    return _places(bodies, frames)


def frame_count(path: Path) -> int:
    """Return the number of frames on the first line of a file, without reading the rest."""
    forms.file(WHERE, path, "a .skeleton file")
    with path.open("rb") as file:
        text = file.readline(100).decode("latin-1").strip()
    frames = _lines.count(WHERE, _lines.at(path, 1), "the number of frames", text)
    if frames > path.stat().st_size:  # before the caller allocates memory for them
        _check.fail(WHERE, f"{path} has {path.stat().st_size} bytes", f"more for {frames} frames")
    return frames


class _Lines:
    """An iterator over the lines of a file that checks their format."""

    def __init__(self, path: Path):
        self._path, self._lines, self._next = path, _lines.read(WHERE, path), 0

    def fields(self, content: str, number: int) -> list[str]:
        """Return the `number` values of the next line."""
        if self._next == len(self._lines):
            hint = f"; {EXCLUDE}, if it is incomplete"
            _check.fail(WHERE, f"{self._path} ends after line {self._next}", content, hint)
        values = self._lines[self._next].split()
        self._next += 1
        if len(values) != number:
            self.fail(f"has {len(values)} values", f"{number} for {content}")
        return values

    def count(self, quantity: str) -> int:
        """Return the number on the next line."""
        (text,) = self.fields(quantity, 1)
        return _lines.count(WHERE, _lines.at(self._path, self._next), quantity, text)

    def fail(self, problem: str, expected: str) -> NoReturn:
        """Raise ValueError with the number of the last line read."""
        _check.fail(WHERE, f"{_lines.at(self._path, self._next)} {problem}", expected)

    def end(self) -> None:
        """Check that only white space remains."""
        while self._next < len(self._lines):
            self.fields("the file to end", 0)


def _read_body(lines: _Lines, frame: int, bodies: dict[str, Body]) -> None:
    """Add a body in a frame to `bodies`."""
    name = lines.fields("a body", 10)[0]
    body = bodies.setdefault(name, {})
    if frame in body:
        lines.fail(f"repeats body {name}", "each body once per frame")
    joints = lines.count("the number of joints")
    if joints != JOINTS:
        lines.fail(f"has {joints} joints", f"{JOINTS}")
    body[frame] = place = []
    for _ in range(JOINTS):
        texts = lines.fields("a joint", 12)[:3]
        values = [_lines.number(text) for text in texts]
        if not all(abs(value) <= LARGEST for value in values):  # False for NaN
            lines.fail(f"has x y z {' '.join(texts)}", "three finite numbers that float32 can hold")
        place += values


def _places(bodies: dict[str, Body], frames: int) -> Array:
    """Assign each body to a place and return the coordinates."""
    x = np.zeros((frames, BODIES, JOINTS * 3), np.float32)
    taken = np.zeros((BODIES, frames), np.bool_)
    for body in sorted(bodies.values(), key=len, reverse=True):  # stable: ties keep the order of appearance
        seen = list(body)
        free = [place for place in range(BODIES) if not taken[place, seen].any()]
        if free:
            x[seen, free[0]] = list(body.values())
            taken[free[0], seen] = True
    return x.reshape(frames, SIZE)
