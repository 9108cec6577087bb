"""Symbols out of a language model, one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from . import _check


def sample(
    net: Any, prompt: Sequence[int], length: int, temperature: float = 1.0, seed: int = 0, top_k: int = 0
) -> Iterator[int]:
    """Yield `length` symbols that go on from the prompt, each drawn from the network's scores for the next one.

    Equation   P(v) = exp(score_v / temperature) / Σ exp(score / temperature); temperature 0: the highest score
    Raises     ValueError if the network reads no symbols or gives no score for each, for a prompt without symbols or
               with unknown ones, and for scores that are not finite

    A pure function of its arguments: the same ones give the same symbols. The network runs in inference, with batch
    norm's running statistics (per step: by position from the prompt's start); it is not changed.

    Parameters
    ----------
    net
        A network with an Embedding as its first layer and a score for each symbol at every step.
    prompt
        Numbers of the symbols to go on from, at least one.
    length
        Symbols to draw.
    temperature
        Below 1 the likely symbols become likelier, above 1 all become more alike.
    seed
        Of the draws.
    top_k
        Draw among the k highest scores only; 0: among all.
    """
    ids = _prompt(net, prompt)
    _check.at_least("sample", "length", length, 0)
    _check.at_least("sample", "temperature", temperature, 0.0)
    _check.at_least("sample", "top_k", top_k, 0)
    return _draw(net, ids, length, temperature, np.random.default_rng(seed), top_k)


def _prompt(net: Any, prompt: Sequence[int]) -> np.ndarray:
    """The prompt as the network reads it, (T, 1)."""
    if net.symbols is None:
        first = type(net.layers[0]).__name__
        _check.fail("sample", f"the first layer of the network is {first}", "an Embedding", "to read symbols")
    ids = np.asarray(prompt)
    if ids.ndim != 1 or ids.size == 0:
        _check.fail("sample", f"prompt has shape {ids.shape}", "(T,): at least one symbol", "to go on from")
    _check.symbols("sample", "prompt", ids, net.symbols)
    return ids.reshape(-1, 1)


def _draw(
    net: Any, ids: np.ndarray, length: int, temperature: float, rng: np.random.Generator, top_k: int
) -> Iterator[int]:
    if length == 0:
        return
    y, state = net.infer(ids)
    for i in range(length):
        scores = net.ops.to_host(y).astype(np.float64).reshape(-1, y.shape[-1])[-1]
        if scores.size != net.symbols:
            _check.fail(
                "sample", f"the network gives {scores.size} scores", f"{net.symbols}", "one for each symbol"
            )
        symbol = _choose(scores, temperature, rng, top_k)
        yield symbol
        if i + 1 < length:
            y, state = net.step(np.array([symbol]), state)


def _choose(scores: np.ndarray, temperature: float, rng: np.random.Generator, top_k: int) -> int:
    """One symbol; of equal scores the lower number is taken first."""
    _check.finite("sample", "the scores", scores)
    if temperature == 0:
        return int(np.argmax(scores))
    among = np.argsort(-scores, kind="stable")[: top_k or None]
    share = np.cumsum(np.exp((scores[among] - scores[among[0]]) / temperature))
    drawn = np.searchsorted(share, rng.random() * share[-1], side="right")
    return int(among[min(int(drawn), len(among) - 1)])  # rounding may carry a draw beyond the last
