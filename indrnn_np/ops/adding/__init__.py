"""The sequences of the adding problem, as a function of a key (ops/random), made where they are needed.

    x_t = (value_t, marker_t)       value: number t · size + b of the key's uniform stream; marker: 1 at two steps,
                                    0 elsewhere
    first marker                    step ⌊place · half⌋,               half = ⌊T / 2⌋
    second marker                   step half + ⌊place · (T - half)⌋
    target                          the sum of the two marked values

The places are float64 numbers of the stream after the key's: number b for the first marker of sample b, number size + b
for the second. Any part of the samples can be drawn by itself, with the same numbers.
"""

TWINS = ("reference", "cpu", "cuda")
