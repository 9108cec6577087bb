"""Numbers that the papers and the authors' logs give, for comparison: curves read off figures, and learning curves.

Li et al. 2018, arXiv:1803.04831, figure 2 (adding); the training logs beside the authors' PyTorch code (sequential
MNIST, validation with batch statistics).
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
# {epoch of 1700 batches of 32: accuracy in %}
EPOCH = 1700 * 32
MNIST: dict[str, dict[int, float]] = {
    "mnist": {1: 78.8, 2: 85.5, 5: 93.6, 10: 96.5, 20: 97.2, 50: 97.8, 100: 98.5, 200: 98.5},
    "mnist-permuted": {1: 64.5, 2: 70.4, 5: 78.2, 10: 85.1, 20: 89.2, 50: 93.1, 100: 93.2, 200: 94.1},
}
