"""The index of the first NaN or Inf of an array, which explains a diverging run."""

TWINS = ("reference", "cpu", "cuda")
