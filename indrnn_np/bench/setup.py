"""What all kinds of case share: the prepared candidates, ready to be timed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .agreement import Agreement
from .timing import Candidate

DTYPE = np.float32
GAMMA = 2.0  # |u| <= γ^(1/T)
CHECKED_STEPS = 200  # of a case, from its first: the reference is a loop in Python


@dataclass(frozen=True)
class Setup:
    """A case that agrees with the reference and is ready to be timed.

    Parameters
    ----------
    candidates
        By name.
    agreements
        What was compared first, by what it was.
    data, checked
        For rivals: the arrays to time with, and those to compare on.
    steps
        T of the timed arrays where it is not the case's.
    note
        What a reader of the case's lines should know.
    """

    candidates: Mapping[str, Candidate]
    agreements: Mapping[str, Agreement]
    data: Any = None
    checked: Any = None
    steps: int = 0
    note: str = ""
