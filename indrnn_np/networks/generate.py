"""Generate symbols with a language model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .. import _check
from .._check import convert
from .._types import AnyArray
from .sequential import Sequential


def sample(
    net: Sequential,
    prompt: Sequence[int],
    length: int,
    temperature: float = 1.0,
    seed: int = 0,
    top_k: int = 0,
) -> Iterator[int]:
    """Yield `length` symbols that continue the prompt, each drawn from the scores of the network.

    The same arguments give the same symbols. The network runs in inference and does not change.
    Batch norm uses its running statistics; with `per_step`, positions count from the start of the
    prompt.

    Parameters
    ----------
    net : Sequential
        Network whose first layer is an Embedding, with a score for each symbol at every step.
    prompt : sequence of int
        Symbols to continue, at least one.
    length : int
        Number of symbols to draw.
    temperature : float
        Values below 1 favour likely symbols; values above 1 flatten the distribution. 0 selects the
        symbol with the highest score.
    seed : int
        Seed of the draws.
    top_k : int
        Draw among the k highest scores only; 0 draws among all.

    Yields
    ------
    int
        The next symbol.

    Raises
    ------
    ValueError
        If the network does not read symbols or has no score for each symbol, if the prompt is empty
        or has unknown symbols, or if scores are not finite.

    Notes
    -----
    P(v) = exp(score_v / temperature) / Σ exp(score / temperature)
    """
    ids = _prompt(net, prompt)
    _check.at_least("sample", "length", length, 0)
    _check.at_least("sample", "temperature", temperature, 0.0)
    _check.at_least("sample", "top_k", top_k, 0)
    _check.between("sample", "seed", seed, 0, 2**64)
    return _draw(net, ids, length, temperature, np.random.default_rng(seed), top_k)


def _prompt(net: Sequential, prompt: Sequence[int]) -> AnyArray:
    """Return the prompt as an array (T, 1)."""
    if net.symbols is None:
        first = type(net.layers[0]).__name__
        _check.fail("sample", f"the first layer of the network is {first}", "an Embedding", "to read symbols")
    ids = convert.array("sample", "prompt", prompt)
    if ids.ndim != 1 or ids.size == 0:
        _check.fail("sample", f"prompt has shape {ids.shape}", "(T,): at least one symbol", "to continue")
    _check.symbols("sample", "prompt", ids, net.symbols)
    return ids.reshape(-1, 1)


def _draw(
    net: Sequential, ids: AnyArray, length: int, temperature: float, rng: np.random.Generator, top_k: int
) -> Iterator[int]:
    if length == 0:
        return
    y, state = net.infer(ids)
    for i in range(length):
        scores = net.device.to_host(y).astype(np.float64).reshape(-1, y.shape[-1])[-1]
        if scores.size != net.symbols:
            problem = f"the network gives {scores.size} scores"
            _check.fail("sample", problem, f"{net.symbols}", "one for each symbol")
        symbol = _choose(scores, temperature, rng, top_k)
        yield symbol
        if i + 1 < length:
            y, state = net.step(np.array([symbol]), state)


def _choose(scores: AnyArray, temperature: float, rng: np.random.Generator, top_k: int) -> int:
    """Draw a symbol; of equal scores, the symbol with the lower number ranks first."""
    _check.finite("sample", "the scores", scores)
    if temperature == 0:
        return int(np.argmax(scores))
    ranked = np.argsort(-scores, kind="stable")[: top_k or None]
    cumulative = np.cumsum(np.exp((scores[ranked] - scores[ranked[0]]) / temperature))
    drawn = np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")
    return int(ranked[min(int(drawn), len(ranked) - 1)])  # rounding may place a draw beyond the end
