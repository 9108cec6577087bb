"""Where the first number of an array stands that is NaN or Inf: how a diverging run is explained."""

TWINS = ("reference", "cpu", "cuda")
