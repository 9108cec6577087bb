"""`indrnn info --explain T,B,D,H`: the strategy of the CPU cell for a shape, and the sizes behind it."""

from __future__ import annotations

import sys

from . import options


def explain(shape: str, as_json: bool) -> int:
    """Print the strategy that the CPU cell takes for the shape T,B,D,H; return 0."""
    from .. import _check
    from ..ops.indrnn.explain import explain as facts_of

    sizes = [int(part) for part in shape.split(",") if part.isascii() and part.isdigit()]
    if len(sizes) != 4 or shape.count(",") != 3 or not all(0 < size < 2**31 for size in sizes):
        expected = "T,B,D,H, four integers from 1 to 2**31 - 1"
        _check.fail("info", f"--explain is {shape!r}", expected, "such as 784,32,128,128")
    T, B, D, H = sizes
    facts = {"shape": {"T": T, "B": B, "D": D, "H": H}, **facts_of(T, B, D, H)}
    if as_json:
        options.print_json(facts)
        return 0
    facts["shape"] = f"T = {T}, B = {B}, D = {D}, H = {H}"
    facts["W"] = f"{facts['W'] / 2**10:.4g} KiB"
    L2 = facts["L2 cache"]
    facts["L2 cache"] = "unknown, 1 MiB assumed" if L2 is None else f"{L2 / 2**10:.4g} KiB"
    sys.stdout.write("CPU cell, float32\n" + "".join(f"    {name}: {fact}\n" for name, fact in facts.items()))
    return 0
