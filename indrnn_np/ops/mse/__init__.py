"""Mean squared error and its gradient.

L  = mean (y - target)²                 over all elements, or over the rows where `mask` is true
dy = 2 (y - target) / n
"""

TWINS = ("reference", "cpu", "cuda")
