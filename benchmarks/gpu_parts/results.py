"""The results of all parts, written as JSON and as Markdown after each event."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .targets import targets


class Results:
    """Results so far, in the files `name`.json and `name`.md of a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.page_path = folder / f"{name}.md"
        self.parts: dict[str, dict[str, Any]] = {}

    def part(self, name: str) -> dict[str, Any]:
        """Return the results of a part, empty before its first event."""
        empty = {
            "part": name,
            "seconds": 0.0,
            "limit": 0.0,
            "done": False,
            "tables": [],
            "failures": [],
            "notes": [],
        }
        return self.parts.setdefault(name, empty)

    def apply(self, event: dict[str, Any]) -> None:
        """Add an event of a worker."""
        part, kind = self.part(event["part"]), event["event"]
        part["seconds"] = round(event["seconds"], 1)
        if kind == "begin":
            part["limit"] = round(event["limit"], 1)
        elif kind == "table":
            part["tables"].append({"title": event["title"], "header": event["header"], "rows": []})
        elif kind == "row":
            part["tables"][event["table"]]["rows"].append({"cells": event["cells"]} | event["values"])
        elif kind == "end":
            part["done"] = True
        else:
            part[f"{kind}s"].append(event["text"])

    @property
    def failures(self) -> list[str]:
        """All failures, each with its part."""
        return [f"{part['part']}: {text}" for part in self.parts.values() for text in part["failures"]]

    def write(self) -> None:
        """Replace both files."""
        parts = list(self.parts.values())
        replace(self.page_path.with_suffix(".json"), json.dumps({"parts": parts}, indent=1) + "\n")
        replace(self.page_path, "\n".join(page(parts)) + "\n")


def replace(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old or the new content, even if this process is killed."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def page(parts: list[dict[str, Any]]) -> list[str]:
    """Return the lines of the Markdown page."""
    failures = sum(len(part["failures"]) for part in parts)
    lines = ["# On a GPU", "", f"Written by `python benchmarks/gpu.py`; {failures or 'no'} failures.", ""]
    lines += ["| target | expected | measured | |", "| --- | --- | --- | --- |"]
    lines += [f"| {' | '.join(row)} |" for row in targets(parts)]
    for part in parts:
        lines += [
            "",
            f"## {part['part']} ({part['seconds']:.0f} s{'' if part['done'] else ', not finished'})",
        ]
        for kind, word in (("failures", "**failed**"), ("notes", "note")):
            lines += ["", *(f"- {word}: {text}" for text in part[kind])] if part[kind] else []
        for table in part["tables"]:
            lines += ["", f"**{table['title']}**", "", f"| {' | '.join(table['header'])} |"]
            lines += ["|" + " --- |" * len(table["header"])]
            lines += [f"| {' | '.join(row['cells'])} |" for row in table["rows"]]
    return lines
