"""What all kinds of case share: the prepared candidates, and the name of the BLAS that multiplies for NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

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


def blas() -> str:
    """NumPy's BLAS as `OpenBLAS 0.3.31.188.0 SkylakeX`: library, version, and the kernels that it chose."""
    found = [lib for lib in threadpool_info() if lib["user_api"] == "blas"]
    own = [lib for lib in found if "numpy" in lib["filepath"]] or found
    if not own:
        return "a BLAS that threadpoolctl does not know"
    names = {"openblas": "OpenBLAS", "mkl": "MKL", "blis": "BLIS"}
    parts = [
        names.get(own[0]["internal_api"], own[0]["internal_api"]),
        own[0]["version"],
        own[0].get("architecture"),
    ]
    return " ".join(str(part) for part in parts if part)
