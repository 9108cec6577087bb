"""Prepared candidates of a case, shared by all kinds of case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .agreement import Agreement
from .timing import Candidate

DTYPE = np.float32
GAMMA = 2.0  # |u| <= γ^(1/T)
CHECKED_STEPS = 200  # steps that are compared, because the reference is a Python loop


@dataclass(frozen=True)
class Setup:
    """Case that agrees with the reference and can be timed.

    Parameters
    ----------
    candidates : dict of str to Candidate
        Candidates by name.
    agreements : dict of str to Agreement
        Passed comparisons by name.
    data, checked
        For rivals: the arrays to time, and the arrays to compare.
    steps : int
        T of the timed arrays if it differs from that of the case, else 0.
    note : str
        Remark on the results.
    """

    candidates: Mapping[str, Candidate]
    agreements: Mapping[str, Agreement]
    data: Any = None
    checked: Any = None
    steps: int = 0
    note: str = ""
