"""The .skeleton text files of NTU RGB+D, read without trusting them.

    number of frames; of each: number of bodies; of each: its id and 9 more values, the number of joints (25), and for
    each joint 12 values, the first three of which are x y z in metres

A body keeps its place from frame to frame by its id: bodies are taken by the number of frames that they are seen in (if
equal, by who came first), and each goes to the first of the two places that is free in all of its frames, so that
a person whom the camera lost and found again under another id comes back to the place that was left. A body that fits
in neither is dropped. A frame's empty place is all zeros. Source of the data: Shahroudy et al. 2016, arXiv:1604.02808.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NoReturn

import numpy as np

from .. import _check
from . import _lines

WHERE = "skeleton_file.read"
BODIES, JOINTS = 2, 25
SIZE = BODIES * JOINTS * 3
EXCLUDE = "the list of samples with missing skeletons leaves it out (--exclude)"
Body = dict[int, list[float]]  # frame: the 75 coordinates


def read(path: str | Path) -> np.ndarray:
    """Return the coordinates (frames, 150) in float32: body, joint, axis; ValueError names file and line."""
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
    """Return the number of frames that a file's first line names, without reading on."""
    with path.open("rb") as file:
        text = file.readline(100).decode("latin-1").strip()
    frames = _lines.count(WHERE, _lines.at(path, 1), "the number of frames", text)
    if frames > path.stat().st_size:  # before somebody asks for as much memory
        _check.fail(WHERE, f"{path} has {path.stat().st_size} bytes", f"more for {frames} frames")
    return frames


class _Lines:
    """The lines of a file, one after the other."""

    def __init__(self, path: Path):
        self._path, self._lines, self._next = path, _lines.read(WHERE, path), 0

    def fields(self, what: str, number: int) -> list[str]:
        """Return the `number` values of the next line."""
        if self._next == len(self._lines):
            _check.fail(
                WHERE, f"{self._path} ends after line {self._next}", what, f"; {EXCLUDE}, if it is incomplete"
            )
        found = self._lines[self._next].split()
        self._next += 1
        if len(found) != number:
            self.fail(f"has {len(found)} values", f"{number} for {what}")
        return found

    def count(self, what: str) -> int:
        """Return the number on the next line."""
        (text,) = self.fields(what, 1)
        return _lines.count(WHERE, _lines.at(self._path, self._next), what, text)

    def fail(self, what: str, expected: str) -> NoReturn:
        """Raise ValueError about the line read last."""
        _check.fail(WHERE, f"{_lines.at(self._path, self._next)} {what}", expected)

    def end(self) -> None:
        """Check that nothing but white space is left."""
        while self._next < len(self._lines):
            self.fields("the file to end", 0)


def _read_body(lines: _Lines, frame: int, bodies: dict[str, Body]) -> None:
    """Take one body of one frame."""
    name = lines.fields("a body", 10)[0]
    body = bodies.setdefault(name, {})
    if frame in body:
        lines.fail(f"names body {name} again", "each body once in a frame")
    joints = lines.count("the number of joints")
    if joints != JOINTS:
        lines.fail(f"has {joints} joints", f"{JOINTS}")
    body[frame] = place = []
    for _ in range(JOINTS):
        texts = lines.fields("a joint", 12)[:3]
        values = [_lines.number(text) for text in texts]
        if any(math.isnan(value) for value in values):
            lines.fail(f"has x y z {' '.join(texts)}", "three finite numbers")
        place += values


def _places(bodies: dict[str, Body], frames: int) -> np.ndarray:
    """Give each body a place, and return the coordinates."""
    x = np.zeros((frames, BODIES, JOINTS * 3), np.float32)
    taken = np.zeros((BODIES, frames), np.bool_)
    for body in sorted(bodies.values(), key=len, reverse=True):  # stable: of equals who came first is first
        seen = list(body)
        free = [place for place in range(BODIES) if not taken[place, seen].any()]
        if free:
            x[seen, free[0]] = list(body.values())
            taken[free[0], seen] = True
    return x.reshape(frames, SIZE)
