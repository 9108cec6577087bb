"""Index of the first NaN or infinity of an array, which explains a diverging run."""

TWINS = ("reference", "cpu", "cuda")
