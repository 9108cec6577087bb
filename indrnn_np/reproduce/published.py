"""Published numbers for comparison: curves read from figures, and the authors' learning curves.

Sources: Li et al. 2018, arXiv:1803.04831, figure 2 (adding); the training logs in the repository of
the authors' PyTorch code (sequential MNIST, validation with batch statistics).
"""

from __future__ import annotations

# {T: {iteration: (lowest, highest) mean squared error}}
ADDING: dict[int, dict[int, tuple[float, float]]] = {
    100: {1000: (0.07, 0.07), 2000: (0.005, 0.005), 3000: (0.001, 0.001)},
    500: {1000: (0.04, 0.04), 2000: (0.01, 0.01), 3000: (0.0035, 0.0035), 5000: (0.0015, 0.0015)},
    1000: {1000: (0.07, 0.07), 2000: (0.02, 0.02), 3000: (0.01, 0.01), 5000: (0.004, 0.017), 10_000: (0.002, 0.002)},
    5000: {1000: (0.17, 0.17), 2000: (0.07, 0.14), 5000: (0.05, 0.05), 8000: (0.027, 0.027), 10_000: (0.02, 0.035),
           15_000: (0.01, 0.01), 21_000: (0.001, 0.002)},
}  # fmt: skip
EPOCH = 1700 * 32
EPOCHS = (1, 2, 5, 10, 20, 50, 100, 200)  # of 1700 batches of 32


def _log(*accuracies: float) -> dict[int, float]:
    return dict(zip(EPOCHS, accuracies, strict=True))


# number of parameters of the networks below
COUNTS = {86_410: "plain-6", 187_786: "plain-12", 170_890: "residual-12", 256_514: "dense"}
# {task: {network: {epoch: accuracy in %}}}
MNIST: dict[str, dict[str, dict[int, float]]] = {
    "mnist": {
        "plain-6": _log(78.8, 85.5, 93.6, 96.5, 97.2, 97.8, 98.5, 98.5),
        "plain-12": _log(82.3, 88.9, 95.9, 97.9, 98.1, 98.7, 99.2, 99.2),
        "residual-12": _log(89.6, 95.4, 96.9, 98.2, 98.2, 99.0, 98.7, 98.8),
        "dense": _log(87.5, 93.7, 96.8, 97.8, 98.6, 99.0, 99.6, 99.5),
    },
    "mnist-permuted": {
        "plain-6": _log(64.5, 70.4, 78.2, 85.1, 89.2, 93.1, 93.2, 94.1),
        "plain-12": _log(70.0, 75.4, 83.7, 88.1, 91.3, 94.1, 95.5, 96.2),
        "residual-12": _log(70.0, 78.0, 87.2, 90.6, 93.4, 95.0, 95.7, 96.0),
        "dense": _log(61.7, 77.1, 86.9, 90.7, 92.3, 94.3, 95.3, 96.0),
    },
}
