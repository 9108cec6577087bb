"""Copies, sums and concatenations of rows, which layers use between the other operations.

    fill(out, value)                       out = value
    spread(a, out)                         out[i] = a for every i, out (N, ...) over the shape of a
    add(a, b)                              a + b
    total(a)                               Σ_n a_n over the first axis, accumulated in float64
    last(x, lengths, before)               row lengths - 1 of each sample; `before` for length 0
    at_last(row, steps, lengths)           zeros (T, B, H), with `row` at each sample's last step
    reached(row, lengths, wanted)          `row` if (length > 0) == wanted, else 0
    without_padding(x, lengths)            x with zeros after each sample's end
    join(first, second), part(x, j, size)  two arrays joined along the last axis, and a part of one

The reference serves the CPU, where NumPy runs at the speed of the memory.
"""

TWINS = ("reference", "cuda")
