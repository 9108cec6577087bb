"""What one part of gpu.py writes: tables, sentences about failures, notes; on disk after every line."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import file_of, nothing_yet
from .sizes import Sizes


class Part:
    """The results of a part.

    failures: what was wrong in this package, which gpu.py's exit code tells. notes: everything else that a reader
    should know, such as a rival that broke.
    """

    def __init__(
        self, name: str, folder: Path, sizes: Sizes, seconds: float, options: dict[str, Any]
    ) -> None:
        self.name, self.sizes, self.folder, self.options = name, sizes, folder, options
        self._start = time.monotonic()
        self._end = self._start + seconds
        self.found = nothing_yet(name)
        self._save()

    @property
    def left(self) -> float:
        """Seconds that the part may still take."""
        return self._end - time.monotonic()

    def table(self, title: str, *header: str) -> Table:
        """A new table."""
        made = {"title": title, "header": list(header), "rows": []}
        self.found["tables"].append(made)
        return Table(self, made)

    def fail(self, sentence: str) -> None:
        """Say what is wrong in this package."""
        self._say("failures", sentence)

    def note(self, sentence: str) -> None:
        """Say what a reader should know."""
        self._say("notes", sentence)

    @contextmanager
    def surviving(self, what: str, ours: bool = True) -> Iterator[None]:
        """Go on after an error of the block, and say what it was: a failure if it is `ours`, else a note."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  whatever it is, the rest should be measured
            where = traceback.extract_tb(error.__traceback__)[-1]
            told = " ".join(str(error).split())[:400]
            sentence = f"{what}: {type(error).__name__}: {told} ({Path(where.filename).name}:{where.lineno})"
            (self.fail if ours else self.note)(sentence)
            traceback.print_exc()

    def end(self) -> None:
        """Mark the part as done."""
        self.found["done"] = True
        self._save()

    def _say(self, kind: str, sentence: str) -> None:
        print(f"    {kind}: {sentence}", flush=True)
        self.found[kind].append(sentence)
        self._save()

    def _save(self) -> None:
        self.found["seconds"] = round(time.monotonic() - self._start, 1)
        path = file_of(self.folder, self.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.found, indent=1) + "\n", encoding="utf-8")


class Table:
    """Rows of words, and of the numbers behind them."""

    def __init__(self, part: Part, made: dict[str, Any]) -> None:
        self._part, self._made = part, made

    def row(self, *cells: Any, **values: Any) -> None:
        """One more row; `values` stand in the JSON only."""
        words = [str(cell) for cell in cells]
        print("    " + "  ".join(words), flush=True)
        self._made["rows"].append({"cells": words} | values)
        self._part._save()
