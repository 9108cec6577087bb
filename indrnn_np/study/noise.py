"""Noise of the gradient: noise scale, signal-to-noise by parameter, and cosines between samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .._types import Array
from ..gradients.per_sample import per_sample
from ..networks.sequential import Sequential
from ..tasks import Batch
from .finding import Finding, Table


@dataclass(frozen=True, repr=False, eq=False)
class Noise(Finding):
    """Result of `noise` for B samples and N parameters.

    Attributes
    ----------
    names : tuple of str (N,)
        Names of the parameters.
    ratios : array (N,)
        Signal-to-noise of each parameter: norm of the gradient over the standard deviation of the
        mean of a batch; infinite without noise.
    variance, signal : array (N,)
        Unbiased estimates of tr Σ, with Σ the covariance of a sample's gradient, and of the squared
        norm of the expected gradient. An estimate of the signal may be negative.
    scale : float
        Noise scale tr Σ / |g|² in samples; infinite if the estimate of |g|² is not positive.
    norms : array (B,)
        Norms of the samples' gradients.
    cosines : array (B (B - 1) / 2,)
        Cosines between the gradients of each pair of samples; NaN for a gradient of zero.
    """

    kind: ClassVar[str] = "noise"

    names: tuple[str, ...]
    ratios: Array
    variance: Array
    signal: Array
    scale: float
    norms: Array
    cosines: Array
    title: str = ""

    @property
    def samples(self) -> int:
        """Number of samples B."""
        return len(self.norms)

    @property
    def scale_in_words(self) -> str:
        """The noise scale in words."""
        return f"{self.scale:.3g} samples" if np.isfinite(self.scale) else "infinite (no signal found)"

    def words(self) -> str:
        """Return the noise scale, the mean cosine, and the parameters with most and least signal."""
        known = self.cosines[np.isfinite(self.cosines)]
        cosine = f"{known.mean():.2f} on average" if known.size else "not defined"
        best, worst = int(np.argmax(self.ratios)), int(np.argmin(self.ratios))
        return (
            f"the noise scale is {self.scale_in_words}, from a batch of {self.samples}; the cosine of two samples' "
            f"gradients is {cosine}; the signal-to-noise ratio is largest for {self.names[best]} "
            f"({self.ratios[best]:.3g}) and smallest for {self.names[worst]} ({self.ratios[worst]:.3g})"
        )

    def table(self) -> Table:
        """Return one row for each parameter."""
        return {
            "parameter": list(self.names),
            "signal-to-noise": self.ratios,
            "trace of the covariance": self.variance,
            "squared norm of the gradient": self.signal,
        }


def noise(
    net: Sequential, batch: Batch, loss: str | None = None, statistics: str = "batch", title: str = ""
) -> Noise:
    """Measure how much the gradients of the samples of one batch differ.

    The network is not changed.

    Parameters
    ----------
    net : Sequential
        Network on a CPU backend.
    batch : Batch
        Batch of a task with at least two samples, which start from the initial state.
    loss : str, optional
        Name of the loss. By default by the dtype of the target.
    statistics : {"batch", "running"}
        Statistics of batch norm. A network with batch norm needs "running".
    title : str
        Title of the figures.

    Raises
    ------
    ValueError
        If the batch has one sample, or a layer mixes samples.

    Notes
    -----
    With B g_b the gradients of the samples' losses and g their mean, the estimates are
    tr Σ = Σ_b |B g_b - g|² / (B - 1) and |g|² - tr Σ / B, and the noise scale is their quotient
    (McCandlish et al. 2018, arXiv:1812.06162, eq. 2.9 and appendix A.1): the batch size at which
    the noise of the gradient has the size of the gradient.

    Examples
    --------
    >>> import indrnn_np as ir
    >>> subject = ir.study.from_settings("adding", steps=10, hidden=4)
    >>> found = ir.study.noise(subject.net, subject.batch(8))
    >>> found.samples, len(found.cosines)
    (8, 28)
    """
    samples = per_sample(
        net, batch.x, batch.target, loss, lengths=batch.lengths, mask=batch.mask, statistics=statistics
    )
    variance, ratios = samples.variance(), samples.signal_to_noise()
    pairs = np.triu_indices(samples.samples, 1)
    return Noise(
        samples.names, np.array(list(ratios.values())), variance, samples.signal(), samples.noise_scale(),
        samples.norms, samples.cosines()[pairs], title,
    )  # fmt: skip
