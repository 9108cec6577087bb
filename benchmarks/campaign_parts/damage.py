"""Damage file contents, and replace valid arguments by borderline and hostile ones. Random numbers: `random.Random`."""

from __future__ import annotations

import gzip
import io
import re
import zipfile

import numpy as np

NUMBERS = (-1, 0, 1, 2, 3, 0.0, 0.5, -0.5, 1.5, 1e-300, 1e300, float("nan"), float("inf"), -float("inf"), 2**31, 2**63,
           10**9, 10**30, np.float32(0.5), np.int64(2), np.uint8(3), True, False)  # fmt: skip
OTHERS = (None, "", "x", "relu", "0", b"1", (), (1,), [], [1, 2], {}, {"u": 1}, object(), 1j, np.float64("nan"),
          np.array(1.0), np.array([]), range(3), float, lambda: None)  # fmt: skip
TOKENS = r"""nan NaN inf -Infinity 1e999 -1e-999 1e308 1_000 0x10 -0 -1 0 1 3 007 1e3 0.5 ١٢ １ 2147483648
18446744073709551616 true null None ? # % @ : , \ " ' "" "x" "0" "../../x" "a\nb" [] [1] [null] {} {"type":"x"}
[[1,2],[3]]""".split()  # with digits of other scripts
TOKENS += ["", "9" * 400, "[" * 60 + "]" * 60]
BREAKS = ("\n", "\r", "\r\n", "\n\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\0", "\ufeff", "\t", " ", "\u00a0",
          "\u200b")  # fmt: skip
MEMBERS = ("", "%b%b", *(f'"{key}": 1, %b' for key in ("x", "type", "", "lr", "steps", "0")))
# Patterns, and the forms that replace a match, %b. An empty match is a place to insert at.
EDITS = {
    "token": (r'"[^"\n]*"|[^\s,:=\[\]{}"]+|\[[^\[\]\n]*\]|\{[^{}\n]*\}', TOKENS),
    "number": (r"(?<![\w.])-?\d+(\.\d+)?", ("%b0", "-%b", "%b.5", '"%b"', "1%b", "%b.0", "%be0")),
    "JSON member": (r'"\w+": [^,{}\[\]]*, ', MEMBERS),
    "separator": (r"", BREAKS),
    "line": (r"[^\n]*\n", ("", "%b%b", "%b\n")),
}
NOT_UTF8 = (b"\xff", b"\xfe\xff", b"\xc3", b"\xed\xa0\x80", b"\x80")
FILLERS = (b"\0" * 10, b"\xff" * 10, *NOT_UTF8)
WAYS = {  # damage of bytes d at places a <= b <= c
    "flip": lambda d, a, b, c, rng: d[:a] + bytes(x ^ 1 << rng.randrange(8) for x in d[a : a + 1]) + d[a + 1 :],
    "remove": lambda d, a, b, c, rng: d[:a] + d[b:],
    "cut off": lambda d, a, b, c, rng: d[:a],
    "cut off the start": lambda d, a, b, c, rng: d[a:],
    "double": lambda d, a, b, c, rng: d[:b] + d[a:],
    "copy": lambda d, a, b, c, rng: d[:a] + d[b:c] + d[b:],
    "exchange": lambda d, a, b, c, rng: d[:a] + d[b:c] + d[a:b] + d[c:],
    "replace": lambda d, a, b, c, rng: d[:a] + rng.choice((*FILLERS, rng.randbytes(4))) + d[b:],
    "insert": lambda d, a, b, c, rng: d[:a] + rng.choice((*FILLERS, rng.randbytes(4))) + d[a:],
    "append": lambda d, a, b, c, rng: d + rng.choice((*FILLERS, rng.randbytes(4), d)),
}  # fmt: skip


def damaged(data, rng, inside=True):
    """Return what was done to the content of a file, and the result. inside: also unpack, damage and pack again."""
    if inside and rng.random() < 0.6:
        if data.startswith(b"PK"):
            return damaged_archive(data, rng)
        if data.startswith(b"\x1f\x8b"):
            what, content = damaged(gzip.decompress(data), rng)
            return f"gzip: {what}", gzip.compress(content, mtime=0)
        if data.startswith(b"\x93NUMPY"):
            return damaged_array(data, rng)
    if data.isascii() and b"\0" not in data and rng.random() < 0.6:
        way = rng.choice(["token", *EDITS])
        pattern, forms = EDITS[way]
        if matches := list(re.finditer(pattern.encode(), data)):
            match, form = rng.choice(matches), rng.choice(forms).encode()
            return way, data[: match.start()] + form.replace(b"%b", match[0]) + data[match.end() :]
    way, start, reach = rng.choice([*WAYS]), rng.randint(0, len(data)), rng.choice((4, 64, len(data) + 1))
    return way, WAYS[way](data, *sorted(start + rng.randrange(reach) for _ in range(3)), rng)


def unpacked(data):
    """Return names and contents of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def packed(members):
    """Return an archive with correct checksums."""
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def npy(array):
    """Return an array as the content of an npy file."""
    np.lib.format.write_array(file := io.BytesIO(), np.asarray(array), allow_pickle=True)
    return file.getvalue()


def damaged_archive(data, rng):
    """Damage, drop, double or rename one member."""
    members = unpacked(data)
    i = rng.randrange(len(members))
    name, content = members[i]
    what, other = damaged(content, rng)
    names = ("x.npy", "../x.npy", ".npy", "meta.npy", "params/9.W.npy", name[:-4] + "x.npy", name[:-4])
    ways = {"drop": [], "double": [members[i]] * 2, "rename": [(rng.choice(names), content)]}
    what, new = (what, [(name, other)]) if rng.random() < 0.85 else rng.choice([*ways.items()])
    return f"{name}: {what}", packed([*members[:i], *new, *members[i + 1 :]])


def damaged_array(data, rng):
    """Change layout, dtype, shape or values; bytes that hold JSON are damaged as text."""
    array = np.lib.format.read_array(io.BytesIO(data))
    if array.dtype == np.uint8 and array.tobytes().startswith(b"{"):
        what, json = damaged(array.tobytes(), rng)
        return what, npy(np.frombuffer(json, np.uint8))
    what, array = reformed(array, rng)
    return what, npy(array)


# -- arguments -------------------------------------------------------------------------------------------------


def unaligned(array):
    """Return a copy that starts one byte into a word."""
    copy = np.empty(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


class Named(np.ndarray):
    """A subclass that adds nothing."""


def with_value(array, value):
    """Return a copy with one element changed."""
    copy = array.copy()
    copy.flat[copy.size // 2] = np.array(value).astype(copy.dtype)
    return copy


SAME = {  # equal numbers in another layout
    "Fortran": np.asfortranarray, "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "reversed": lambda a: a[::-1].copy()[::-1], "unaligned": unaligned, "subclass": lambda a: a.view(Named),
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
}  # fmt: skip
DTYPES = "float16 float32 float64 longdouble complex64 int32 int64 uint8 bool object U3 M8[s]".split()
VALUES = (np.nan, np.inf, -np.inf, 1e9, 1e300, -1, 255, 0.5, -0.0)
FORMS = {
    **SAME, "list": lambda a: a.tolist(), **{name: lambda a, name=name: a.astype(name) for name in DTYPES},
    "masked": lambda a: np.ma.masked_array(a, mask=np.zeros(a.shape, bool)),
    "masked in part": lambda a: np.ma.masked_array(a, mask=np.arange(a.size).reshape(a.shape) % 2 == 0),
    "matrix": lambda a: np.asmatrix(a.reshape(-1, a.shape[-1])), "flat": np.ravel, "one axis more": lambda a: a[None],
    "one axis fewer": lambda a: a[0], "no axes": lambda a: np.array(0.0), "shorter": lambda a: a[:-1],
    "empty": lambda a: a[:0], "longer": lambda a: np.concatenate([a, a[:1]]),
    "transposed": lambda a: np.ascontiguousarray(a.T), "narrower": lambda a: np.ascontiguousarray(a[..., :-1]),
    **{f"one {value}": lambda a, value=value: with_value(a, value) for value in VALUES},
}  # fmt: skip


def reformed(array, rng):
    """Return the name of another form of an array, and the array in it; often with equal numbers."""
    name = rng.choice([*(SAME if rng.random() < 0.4 else FORMS)])
    try:
        with np.errstate(all="ignore"):
            return name, FORMS[name](array)
    except (ValueError, TypeError, IndexError, OverflowError, RuntimeError):  # the array has no such form
        return "plain", array


def changed(arguments, rng, most=np.inf, kinds=True):
    """Replace up to two of the arguments; return what was done, and all arguments.

    most: the largest number. kinds=False: an array stays an array, a number a number, and others are kept.
    """
    arguments, done = dict(arguments), []
    for name in rng.choices([*arguments], k=rng.choice((0, 1, 1, 2))) if arguments else []:
        value = arguments[name]
        if isinstance(value, np.ndarray) and (not kinds or rng.random() < 0.9):
            what, arguments[name] = reformed(value, rng)
        elif kinds or type(value) in (int, float):
            arguments[name] = strange(rng, most, kinds)
            what = f"{arguments[name]!r:.30}"
        else:
            continue
        done.append(f"{name} {what}")
    return ", ".join(done) or "as they are", arguments


def strange(rng, most=np.inf, kinds=True):
    """Return a number, finite ones at most `most`, or with `kinds` a value of another kind."""
    numbers = [value for value in NUMBERS if not most < abs(value) < np.inf]
    return rng.choice(OTHERS if kinds and rng.random() < 0.5 else numbers)
