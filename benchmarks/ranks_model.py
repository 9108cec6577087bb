"""A model of how many ranks pay for the networks of the papers; a table in Markdown. Only its rate is measured.

    python benchmarks/ranks_model.py

    t(1) = f / r                             f operations of the products, r operations per second
    t(N) = t(1) / N + log2(N) (a + 4 W / b)  a latency and b bandwidth of a link, W weights of 4 bytes

N ranks pay while t(1) / t(N) is at least 3/4 of N. Each rank is one thread with rate r, that of the iteration in
results/iteration-profile-1-thread.json. The model leaves out the update, which every rank makes by itself, batches that
every rank generates, and products that slow down with fewer samples.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

MEASURED = Path(__file__).parent / "results" / "iteration-profile-1-thread.json"
EFFICIENCY = 0.75  # smallest share of N that still pays
MOST = 64  # ranks
# Link: seconds of latency of a message, bytes a second. Usual values, not measured.
LINKS = {
    "1 Gbit/s Ethernet": (50e-6, 0.118e9), "10 Gbit/s Ethernet": (20e-6, 1.1e9),
    "100 Gbit/s InfiniBand": (2e-6, 12e9),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A network of a paper: layers of H units with D inputs and K outputs, and its batch."""

    D: int
    H: int
    K: int
    layers: int
    T: int
    B: int

    @property
    def weights(self) -> int:
        """Weights of the products."""
        return self.D * self.H + (self.layers - 1) * self.H**2 + self.H * self.K

    @property
    def operations(self) -> int:
        """Operations of the products of an iteration: forward, and twice backward except for the input."""
        return (6 * self.weights - 2 * self.D * self.H) * self.T * self.B


CASES = {
    "adding, 2 x 128": Case(2, 128, 1, 2, 1000, 50),
    "sequential MNIST, 6 x 128": Case(1, 128, 10, 6, 784, 32),
    "skeleton, 6 x 512": Case(150, 512, 60, 6, 20, 128),
    "characters, 6 x 2000": Case(600, 2000, 50, 6, 150, 128),
}


def seconds(case: Case, N: int, rate: float, link: tuple[float, float]) -> float:
    """Return the seconds of an iteration on N ranks."""
    latency, bandwidth = link
    message = latency + 4 * case.weights / bandwidth
    return case.operations / rate / N + (N.bit_length() - 1) * message


def paying(case: Case, rate: float, link: tuple[float, float]) -> int:
    """Return the largest number of ranks that pays."""
    best, N = 1, 2
    while min(MOST, case.B) >= N:
        speedup = seconds(case, 1, rate, link) / seconds(case, N, rate, link)
        if speedup >= EFFICIENCY * N:
            best = N
        N *= 2
    return best


def measured_rate() -> float:
    """Return the operations a second of one thread, from a measured iteration without its small read-out."""
    found = json.loads(MEASURED.read_text(encoding="utf-8"))
    T, B, D, H = found["shape"]
    return Case(D, H, 0, found["layers"], T, B).operations / (1e-3 * found["median_ms"]["iteration"])


def main() -> None:
    rate = measured_rate()
    print(f"rate of a thread: {rate / 1e9:.1f} G operations a second\n")
    print("| network, batch | iteration | gradient | " + " | ".join(LINKS) + " |")
    print("|---|---|---|" + "---|" * len(LINKS))
    for name, case in CASES.items():
        ranks = [f"{paying(case, rate, link)} ranks" for link in LINKS.values()]
        size = f"{4 * case.weights / 1e6:.2g} MB"
        print(f"| {name}, {case.B} | {case.operations / rate:.3g} s | {size} | " + " | ".join(ranks) + " |")


if __name__ == "__main__":
    main()
