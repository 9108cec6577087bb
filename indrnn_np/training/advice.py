"""Advice at the end of a run whose metric is not clearly better than a blind guess (`Task.baseline`).

With the metric m and the baseline b of the blind guess, m is clearly better if

    accuracy                     m > b + 0.2 min(b, 1 - b)
    bits, cross-entropy          m < 0.97 b
    perplexity                   log m < 0.97 log b
    other metrics, such as mse   m < 0.9 b

The rule for the accuracy asks for a fifth more right predictions, or a fifth fewer mistakes where
the most common class has more than half of the samples.
"""

from __future__ import annotations

import math

from .._types import Json

SHARE = 0.2  # of the right predictions or of the mistakes of the blind guess
SETTINGS = (
    "a longer run (--iterations), another --lr, --schedule one-cycle, --batchnorm, or standardised inputs"
)


def clearly_better(metric: str, value: float, baseline: float) -> bool:
    """Return whether a metric is clearly better than that of the blind guess.

    Examples
    --------
    >>> clearly_better("accuracy", 0.55, 0.5), clearly_better("mse", 0.05, 0.167)
    (False, True)
    """
    if metric == "accuracy":
        return value > baseline + SHARE * min(baseline, 1 - baseline) or value == 1
    if metric == "perplexity":
        return math.log(value) < 0.97 * math.log(baseline)
    return value < (0.97 if metric in ("bits", "softmax_cross_entropy") else 0.9) * baseline


def of_run(summary: Json) -> str:
    """Return the advice for a run with this summary, "" if its metric is clearly better or has no baseline.

    The accuracy of a run with class weights gets no advice: they trade it for the recall of rare classes.

    The rule applies to the test data, or to the validation data without test data.
    """
    metric, baseline, final = summary["metric"], summary["baseline"], summary["final"]
    means = final.get("test") or final.get("validation") or {}
    value = means.get(metric)
    if value is None or not baseline or clearly_better(metric, value, baseline):
        return ""
    if metric == "accuracy" and summary.get("plan", {}).get("class_weights"):
        return ""
    compared = f"{metric} {value:.3g}, a blind guess {baseline:.3g}"
    return f"not clearly better than a blind guess ({compared}); try {SETTINGS} (docs/runs.md)"
