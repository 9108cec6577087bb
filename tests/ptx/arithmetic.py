"""A table of the instructions that compute: opcode -> type of the result, types of the operands, C expression."""

from collections.abc import Iterator

from .reader import Unsupported

INTEGER_TESTS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
INTEGER_TESTS |= {"lo": "<", "ls": "<=", "hi": ">", "hs": ">="}
FLOAT_TESTS = {name: INTEGER_TESTS[name] for name in ("eq", "ne", "lt", "le", "gt", "ge")}
TO_INTEGER = {"rni": "rint", "rzi": "trunc", "rmi": "floor", "rpi": "ceil"}
DIRECTED = {"rm": "FE_DOWNWARD", "rp": "FE_UPWARD", "rz": "FE_TOWARDZERO"}
SIZES = (16, 32, 64)

Form = tuple[str, tuple[str, ...], str]


def expression(opcode: str) -> Form:
    """Return the types of the result and the operands of an instruction, and its C expression.

    {0}, {1}, {2} stand for the operands, {line} for the line of PTX.
    """
    try:
        return TABLE[opcode]
    except KeyError:
        raise Unsupported(opcode) from None


def _table() -> Iterator[tuple[str, Form]]:
    for bits in SIZES:
        yield from _integers(bits)
    for bits in (16, 32):
        yield from _wide_products(bits)
    for kind in ("f32", "f64"):
        yield from _floats(kind)
    yield from _single_precision()
    yield from _conversions()
    yield from _comparisons()
    yield from _moves()


def _integers(bits: int) -> Iterator[tuple[str, Form]]:
    """Sums and products wrap around, so they are unsigned."""
    u, s, b = f"u{bits}", f"s{bits}", f"b{bits}"
    for kind in (u, s):
        yield f"add.{kind}", (u, (u, u), "{0} + {1}")
        yield f"sub.{kind}", (u, (u, u), "{0} - {1}")
        yield f"mul.lo.{kind}", (u, (u, u), "{0} * {1}")
        yield f"mad.lo.{kind}", (u, (u, u, u), "{0} * {1} + {2}")
        yield f"min.{kind}", (kind, (kind, kind), "{0} < {1} ? {0} : {1}")
        yield f"max.{kind}", (kind, (kind, kind), "{0} > {1} ? {0} : {1}")
    for name, operator in (("and", "&"), ("or", "|"), ("xor", "^")):
        yield f"{name}.{b}", (u, (u, u), f"{{0}} {operator} {{1}}")
    yield f"not.{b}", (u, (u,), "~{0}")
    yield f"neg.{s}", (u, (u,), "0 - {0}")
    yield f"abs.{s}", (s, (s,), "{0} < 0 ? -{0} : {0}")
    yield f"shl.{b}", (u, (u, "u32"), f"{{1}} >= {bits} ? 0 : {{0}} << {{1}}")
    for kind in (u, b):
        yield f"shr.{kind}", (u, (u, "u32"), f"{{1}} >= {bits} ? 0 : {{0}} >> {{1}}")
    yield f"shr.{s}", (s, (s, "u32"), f"{{0}} >> ({{1}} >= {bits} ? {bits - 1} : {{1}})")
    zero = "is_zero(L, T, {1}, {line})"
    yield f"div.{u}", (u, (u, u), f"{zero} ? ({u})-1 : {{0}} / {{1}}")
    yield f"rem.{u}", (u, (u, u), f"{zero} ? ({u})-1 : {{0}} % {{1}}")
    yield f"div.{s}", (s, (s, s), f"{zero} ? -1 : {{1}} == -1 ? ({s})(0 - ({u}){{0}}) : {{0}} / {{1}}")
    yield f"rem.{s}", (s, (s, s), f"{zero} ? -1 : {{1}} == -1 ? 0 : {{0}} % {{1}}")


def _wide_products(bits: int) -> Iterator[tuple[str, Form]]:
    for sign in "us":
        kind, wide, u = f"{sign}{bits}", f"{sign}{2 * bits}", f"u{2 * bits}"
        yield f"mul.wide.{kind}", (wide, (kind, kind), f"({wide}){{0}} * ({wide}){{1}}")
        yield f"mad.wide.{kind}", (u, (kind, kind, u), f"({u})(({wide}){{0}} * ({wide}){{1}}) + {{2}}")
        if bits == 32:
            yield f"mul.hi.{kind}", (kind, (kind, kind), f"(({wide}){{0}} * ({wide}){{1}}) >> 32")
            twice = "__int128" if sign == "s" else "unsigned __int128"
            kind = f"{sign}64"
            yield f"mul.hi.{kind}", (kind, (kind, kind), f"({kind})((({twice}){{0}} * ({twice}){{1}}) >> 64)")


def _floats(kind: str) -> Iterator[tuple[str, Form]]:
    f, bits, u = ("f", 32, "u32") if kind == "f32" else ("", 64, "u64")
    sign = f"((u{bits})1 << {bits - 1})"
    for name, operator in (("add", "+"), ("sub", "-"), ("mul", "*"), ("div", "/")):
        for rounding in (".rn", "") if name != "div" else (".rn",):
            yield f"{name}{rounding}.{kind}", (kind, (kind, kind), f"{{0}} {operator} {{1}}")
    yield f"fma.rn.{kind}", (kind, (kind, kind, kind), f"fma{f}({{0}}, {{1}}, {{2}})")
    yield f"sqrt.rn.{kind}", (kind, (kind,), f"sqrt{f}({{0}})")
    yield f"rcp.rn.{kind}", (kind, (kind,), f"({kind})1 / {{0}}")
    yield f"rcp.approx.ftz.{kind}", (kind, (kind,), f"reciprocal_{kind}(L, {{0}})")
    yield f"neg.{kind}", (u, (u,), f"{{0}} ^ {sign}")
    yield f"abs.{kind}", (u, (u,), f"{{0}} & ~{sign}")
    yield f"copysign.{kind}", (kind, (kind, kind), f"copysign{f}({{1}}, {{0}})")  # the sign of the first
    yield f"min.{kind}", (kind, (kind, kind), f"fmin{f}({{0}}, {{1}})")  # NaN is missing data
    yield f"max.{kind}", (kind, (kind, kind), f"fmax{f}({{0}}, {{1}})")


def _single_precision() -> Iterator[tuple[str, Form]]:
    yield "add.rz.f32", ("f32", ("f32", "f32"), "add_toward_zero({0}, {1})")
    yield "ex2.approx.ftz.f32", ("f32", ("f32",), "power_of_two(L, {0})")
    yield "lg2.approx.ftz.f32", ("f32", ("f32",), "logarithm(L, {0})")
    for mode, rounding in DIRECTED.items():
        yield f"fma.{mode}.f32", ("f32", ("f32",) * 3, f"fma_rounded({{0}}, {{1}}, {{2}}, {rounding})")
    for name, c in (("min", "fminf"), ("max", "fmaxf")):
        yield (
            f"{name}.NaN.f32",
            ("f32", ("f32", "f32"), f"either_nan({{0}}, {{1}}) ? NAN : {c}({{0}}, {{1}})"),
        )


def _conversions() -> Iterator[tuple[str, Form]]:
    integers = [f"{sign}{bits}" for sign in "us" for bits in (8, *SIZES)]
    for source in integers:
        for result in integers:
            yield f"cvt.{result}.{source}", (result, (source,), "{0}")
        for real in ("f32", "f64"):
            yield f"cvt.rn.{real}.{source}", (real, (source,), f"({real}){{0}}")
    for mode, function in TO_INTEGER.items():
        for real, f in (("f32", "f"), ("f64", "")):
            yield f"cvt.{mode}.{real}.{real}", (real, (real,), f"{function}{f}({{0}})")
            for result in ("s32", "s64", "u32", "u64"):
                yield f"cvt.{mode}.{result}.{real}", (result, (real,), f"{result}_of({function}((f64){{0}}))")
    yield "cvt.f64.f32", ("f64", ("f32",), "(f64){0}")
    yield "cvt.rn.f32.f64", ("f32", ("f64",), "(f32){0}")
    yield "cvt.sat.f32.f32", ("f32", ("f32",), "saturated({0})")


def _comparisons() -> Iterator[tuple[str, Form]]:
    for test, operator in INTEGER_TESTS.items():
        for kind in (f"{sign}{bits}" for sign in "usb" for bits in SIZES):
            yield f"setp.{test}.{kind}", ("pred", (kind, kind), f"{{0}} {operator} {{1}}")
    for kind in ("f32", "f64"):
        for test, operator in FLOAT_TESTS.items():  # a test with u is true if an operand is NaN
            compare = f"{{0}} {operator} {{1}}"
            yield f"setp.{test}.{kind}", ("pred", (kind, kind), f"!either_nan({{0}}, {{1}}) && {compare}")
            yield f"setp.{test}u.{kind}", ("pred", (kind, kind), f"either_nan({{0}}, {{1}}) || {compare}")
        yield f"setp.nan.{kind}", ("pred", (kind, kind), "either_nan({0}, {1})")
        yield f"setp.num.{kind}", ("pred", (kind, kind), "!either_nan({0}, {1})")


def _moves() -> Iterator[tuple[str, Form]]:
    """Copies of bits, so that a NaN keeps them."""
    types = {f"{kind}{bits}": f"u{bits}" for bits in SIZES for kind in "usb"} | {"f32": "u32", "f64": "u64"}
    for kind, bits in types.items():
        yield f"mov.{kind}", (bits, (bits,), "{0}")
        yield f"selp.{kind}", (bits, (bits, bits, "pred"), "{2} ? {0} : {1}")
    yield "mov.pred", ("pred", ("pred",), "{0}")
    yield "not.pred", ("pred", ("pred",), "!{0}")
    for name, operator in (("and", "&"), ("or", "|"), ("xor", "^")):
        yield f"{name}.pred", ("pred", ("pred", "pred"), f"{{0}} {operator} {{1}}")
    for space in ("global", "shared"):  # an address keeps its bits: the space stands in the load or store
        yield f"cvta.to.{space}.u64", ("u64", ("u64",), "{0}")
        yield f"cvta.{space}.u64", ("u64", ("u64",), "{0}")


TABLE: dict[str, Form] = dict(_table())
