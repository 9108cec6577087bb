"""What gpu.py runs on a GPU, in parts: each is a module's function (part) that fills in tables and names what failed.

part.py holds what a part writes, sizes.py how large everything is, on a GPU and (dry) in the simulator. The parts stand
in `PARTS`, in the order in which they run, with the most seconds that each may take.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

PARTS = {
    "about": ("about", 60),
    "checks": ("checks", 280),
    "large": ("large", 60),
    "launches": ("speed", 60),
    "graphs": ("graphs", 60),
    "scans": ("speed", 60),
    "layers": ("beside", 60),
    "iterations": ("speed", 60),
    "products": ("speed", 60),
    "crossover": ("beside", 180),
    "rivals": ("beside", 200),
    "tests": ("suite", 560),
}
TRAINING = {"adding": ("training", 3600), "mnist": ("training", 3600)}
EXTRA = ("tests",)  # only when asked for


def file_of(folder: Path, name: str) -> Path:
    """Where a part leaves its results."""
    return folder / "parts" / f"{name}.json"


def nothing_yet(name: str) -> dict[str, Any]:
    """The results of a part that has found nothing so far."""
    return {"part": name, "seconds": 0.0, "done": False, "tables": [], "failures": [], "notes": []}
