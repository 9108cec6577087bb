"""Sequences of the adding problem, as a function of a key (ops/random).

    x_t = (value_t, marker_t)       value: number t · size + b of the key's uniform stream;
                                    marker: 1 at two time steps, 0 elsewhere
    first marker                    step ⌊place · half⌋,               half = ⌊T / 2⌋
    second marker                   step half + ⌊place · (T - half)⌋
    target                          the sum of the two marked values

`place` is a float64 number of the next stream: number b for the first marker of sample b, number
size + b for the second marker. You can draw any range of samples alone; the numbers are the same.
"""

TWINS = ("reference", "cpu", "cuda")
