"""Reading PTX: its instructions, its loops, and what is loaded in them before it is computed with."""

import re
from collections import Counter

INSTRUCTION = re.compile(r"\s+(?:@!?%p\d+\s+)?([a-z][\w.]*)\s*([^;]*);")
MOVES = {"ld", "st", "mov", "cvt"}


def instructions(text):
    """Yield (opcode, operands) of each instruction, and ("label", name) where one stands."""
    for line in text.splitlines():
        if found := re.match(r"(\$\w+):", line):
            yield "label", found[1]
        elif found := INSTRUCTION.match(line):
            yield found[1], found[2]


def uses_local_memory(text):
    return any(".local" in op for op, _ in instructions(text))


def double_arithmetic(text):
    """The kinds of arithmetic in float64: add, fma, ..."""
    return {op.split(".")[0] for op, _ in instructions(text) if ".f64" in op} - MOVES


def bytes_of(access):
    """How many bytes a load or store moves: ld.global.v4.f32 does 16."""
    numbers, bits = re.search(r"(?:\.v(\d))?\.[a-z](\d+)$", access).groups()
    return int(numbers or 1) * int(bits) // 8


def arithmetic(loop, kind):
    """How many instructions of each kind a loop has in f32 or f64; a kind is (mul, rn): how it is rounded, too."""
    found = (re.match(rf"(add|sub|mul|fma|div)\.(?:(\w+)\.)?{kind}$", op) for op, _ in loop)
    return Counter(match.groups() for match in found if match)


def flow(text):
    """The blocks of instructions that run as a whole, and for each the numbers of those that may come next."""
    blocks, place = [[]], {}
    for op, operands in instructions(text):
        if op == "label":
            place[operands] = len(blocks)
            blocks.append([])
        else:
            blocks[-1].append((op, operands))
            if op.startswith("bra"):
                blocks.append([])
    follows = []
    for number, block in enumerate(blocks):
        op, operands = block[-1] if block else ("", "")
        jumps = {place[operands]} if op.startswith("bra") else set()
        follows.append(jumps if op in ("bra.uni", "ret") else jumps | {number + 1} - {len(blocks)})
    return blocks, follows


def reach(follows, start):
    """The blocks that come some time after one."""
    found, ahead = set(), [start]
    while ahead:
        new = follows[ahead.pop()] - found
        found |= new
        ahead += new
    return found


def in_order(follows, loop, entry):
    """The blocks of a loop, each behind all that lead to it in the same turn."""
    seen, order = set(), []

    def visit(number):
        seen.add(number)
        for after in follows[number] & loop:
            if after not in seen:
                visit(after)
        order.insert(0, number)

    visit(entry)
    return order


def loops(text):
    """The instructions of each loop, in the order in which they run; a loop inside another is a part of it."""
    blocks, follows = flow(text)
    reached = [reach(follows, number) for number in range(len(blocks))]
    live = {0} | reached[0]
    found = []
    for loop in {frozenset(j for j in reached[i] if i in reached[j]) for i in live if i in reached[i]}:
        entry = next(after for before in live - loop for after in follows[before] & loop)
        found.append([line for number in in_order(follows, loop, entry) for line in blocks[number]])
    return found


def main_loop(text):
    """The loop that loads the most numbers at once."""
    return max(loops(text), key=lambda loop: max((len(loaded) for loaded, _, _ in groups(loop)), default=0))


def groups(loop):
    """A loop as groups of loads and what comes after them: [registers loaded, registers computed with, stores]."""
    found, loading = [], False
    for op, operands in loop:
        registers = set(re.findall(r"%fd?\d+", operands))
        if op.startswith("ld.global"):
            if not loading:
                found.append([set(), set(), 0])
            loading = True
            found[-1][0] |= registers
        elif found and re.match(r"st\.global|(add|sub|mul|fma|div|ex2|rcp)\..*f(32|64)$", op):
            loading = False
            found[-1][1] |= registers
            found[-1][2] += op.startswith("st")
    return found
