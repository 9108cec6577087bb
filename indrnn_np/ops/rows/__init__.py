"""Moving rows about: what layers do with arrays around the operations. Nothing is computed but sums.

    fill(out, value)                       out = value
    spread(a, out)                         out[i] = a for every i, out (N, ...) over the shape of a
    add(a, b)                              a + b
    total(a)                               Σ_n a_n over the first axis, accumulated in float64
    last(x, lengths, before)               row lengths - 1 of each sample; `before` where a sample has no step
    at_last(row, steps, lengths)           zeros (T, B, H) but `row` at each sample's last step
    reached(row, lengths, wanted)          `row` of samples that have steps (wanted=True), or of those that have none
    without_padding(x, lengths)            x with zeros after each sample's end
    join(first, second), part(x, j, size)  two arrays side by side along the last axis, and one of them out of it

The reference serves the CPU, where NumPy does this as fast as memory allows.
"""

TWINS = ("reference", "cuda")
