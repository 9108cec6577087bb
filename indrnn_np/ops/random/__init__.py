"""Random numbers as a function of (seed, stream, iteration, index), without state.

The numbers are the same on every backend and in any order.

    bits        word 4 i + k = word k of Philox4x32-10(counter = (i, stream, iteration), key = seed)
    uniform     float32: (word >> 8) · 2⁻²⁴
                float64: ((word >> 5) · 2²⁶ + (next word >> 6)) · 2⁻⁵³

Uniform numbers are in [0, 1). Philox is the generator of Salmon, Moraes, Dror & Shaw 2011,
"Parallel random numbers: as easy as 1, 2, 3". The four words of the counter are i, stream, and the
low and high halves of the iteration. The two words of the key are the halves of the seed.
"""

TWINS = ("reference", "cpu", "cuda")
