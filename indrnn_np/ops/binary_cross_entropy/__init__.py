"""Binary cross-entropy of independent labels and its gradient, at the last time step or at every time step.

    L  = -mean [t log σ(y) + (1 - t) log(1 - σ(y))],   σ(y) = 1 / (1 + exp(-y))
    dy = (σ(y) - t) / n

The mean is over all elements, or over the rows where `mask` is true. A target t is the probability
of its label, from 0 to 1. The twins compute L from |y|, so no finite score overflows:

    L = mean [m |y| + log(1 + exp(-|y|))],   m = 1 - t if y > 0, else t

m is the part of the target on the other side of 0. An infinite score with m = 0 has the loss 0; with
m > 0 its loss is infinite.
"""

TWINS = ("reference", "cpu", "cuda")
