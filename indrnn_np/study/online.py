"""Online rules against BPTT: the cosine of their gradients, by parameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import _check
from .._types import Array, ArrayInput
from ..gradients.cells import exact_fits, stack_of
from ..gradients.online import EXACT, RULES
from ..gradients.online import online as online_gradients
from ..gradients.problem import Problem
from ..networks.sequential import Sequential
from .finding import Finding, Table

WHERE = "study.online"
ALL = "all"  # name of the whole gradient


@dataclass(frozen=True, repr=False, eq=False)
class OnlineRules(Finding):
    """Result of `online`.

    Attributes
    ----------
    rules : tuple of str (R,)
        Rules of the online gradients.
    names : tuple of str (P,)
        "all", then the names of the parameters.
    cosine : array (R, P) of float64
        Cosine between the gradient of a rule and the gradient of BPTT; NaN where one of them is 0
        or the rule has no gradient.
    error : array (R, P) of float64
        Norm of their difference over the norm of the gradient of BPTT.
    """

    kind: ClassVar[str] = "online"

    rules: tuple[str, ...]
    names: tuple[str, ...]
    cosine: Array
    error: Array
    title: str = ""

    def words(self) -> str:
        """Return the cosine of the whole gradient, and the lowest one of a parameter, for each rule."""
        parts = (self._words(rule, cosine) for rule, cosine in zip(self.rules, self.cosine, strict=True))
        return "cosine with the gradient of BPTT: " + ", ".join(parts)

    def _words(self, rule: str, cosine: Array) -> str:
        if np.isnan(cosine).all():
            return f"{rule} undefined"
        whole = "undefined" if np.isnan(cosine[0]) else f"{cosine[0]:.3f}"
        lowest = int(np.nanargmin(cosine))
        return f"{rule} {whole} (lowest: {cosine[lowest]:.3f} of {self.names[lowest]})"

    def table(self) -> Table:
        """Return one row for each rule and parameter."""
        R, P = self.cosine.shape
        return {
            "rule": np.repeat(self.rules, P),
            "parameter": np.tile(self.names, R),
            "cosine": self.cosine.ravel(),
            "relative error": self.error.ravel(),
        }


def online(
    net: Sequential, x: ArrayInput, target: ArrayInput, loss: str | None = None, lengths: ArrayInput = None,
    mask: ArrayInput = None, rules: Sequence[str] | None = None, title: str = "",
) -> OnlineRules:  # fmt: skip
    """Compare the gradients of online rules with that of BPTT on one batch, in float64.

    Parameters
    ----------
    net : Sequential
        Network with online gradients (`ir.online`). It does not change; dropout is active.
    x : array (T, B, D)
        Input.
    target, loss, lengths, mask
        Targets and loss, as in `ir.online` and `Online.run`.
    rules : sequence of str, optional
        Rules to compare. By default all, but "exact" only if the network is small enough for it.
    title : str
        Title of the figures.

    Returns
    -------
    OnlineRules

    Raises
    ------
    ValueError
        If a layer has no online gradients, or a network is too large for a rule in `rules`.

    Notes
    -----
    cos = <g, g_rule> / (‖g‖ ‖g_rule‖). "exact" is the gradient of BPTT, so its cosine is 1 to
    rounding. "traces" is exact for the top recurrent layer (Zucchet et al. 2023,
    arXiv:2305.15947).

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_np as ir
    >>> net = ir.plain(2, 8, 1, layers=1, steps=30, input_init="kaiming")
    >>> x = np.random.default_rng(0).random((30, 4, 2), np.float32)
    >>> found = ir.study.online(net, x, x.sum(axis=(0, 2))[:, None])
    >>> found.rules, found.cosine[:2, 0].round(6).tolist()
    (('exact', 'traces', 'depth-only'), [1.0, 1.0])
    """
    double = net.astype("float64")
    cells = stack_of(double).cells
    if rules is None:
        fits = exact_fits([len(double.params[cell.u]) for cell in cells])
        rules = [rule for rule in RULES if fits or rule != EXACT]
    for rule in rules:
        _check.choice(WHERE, "a rule", rule, RULES)
    problem = Problem(WHERE, double, x, target, loss, lengths, mask)
    bptt = problem.gradient()[2]
    rows = []
    for rule in rules:
        learner = online_gradients(double, rule, problem.loss)
        learner.run(problem.x, problem.target, problem.lengths, mask)
        rows.append(_compared(learner.gradient(), bptt.by_name))
    cosine, error = np.array(rows).transpose(1, 0, 2)
    return OnlineRules(tuple(rules), (ALL, *bptt), cosine, error, title)


def _compared(found: dict[str, Array], expected: dict[str, Array]) -> tuple[list[float], list[float]]:
    """Return cosine and relative error of the whole gradient and of each parameter; NaN where one is missing."""
    pairs = [(found.get(name, np.full_like(g, np.nan)).ravel(), g.ravel()) for name, g in expected.items()]
    whole = tuple(np.concatenate(arrays) for arrays in zip(*pairs, strict=True))
    cosines, errors = [], []
    for a, b in (whole, *pairs):
        size, other = (float(np.linalg.norm(array)) for array in (b, a))
        cosines.append(float(a @ b) / (size * other) if size * other else np.nan)
        errors.append(float(np.linalg.norm(a - b)) / size if size else np.nan)
    return cosines, errors
