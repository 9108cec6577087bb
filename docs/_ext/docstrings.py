"""The package's docstrings as reST: they are written to be read in the source, with equations and tables set by spaces.

an indented block                    a literal block
rows of "label   text"               a field for labels such as Shapes or Returns, else a definition
a section "Parameters" with dashes   a field of definitions
anything else                        a paragraph whose every character means itself; `names` are code
"""

import itertools
import re
import textwrap

ROW = re.compile(r"(?P<label>\S(?:.{0,30}?\S)?)(?P<gap>\s{2,})(?P<text>\S.*)")
FIELD = re.compile(r"[A-Z][a-z]+")
SPACED = re.compile(r"\S\s{2,}\S")  # columns of its own
INDENT = "    "


def to_rest(lines: list[str]) -> list[str]:
    """A docstring without its common indentation, as lines of reST."""
    lines, rest = [line.rstrip() for line in lines], []
    heads = [
        i
        for i in range(len(lines) - 1)
        if re.fullmatch(r"\w+", lines[i]) and re.fullmatch("-{3,}", lines[i + 1])
    ]
    rest += blocks(lines[: heads[0]] if heads else lines)
    for i, end in itertools.pairwise([*heads, len(lines)]):
        # a layer's trainable arrays are its parameters; what its class takes are options
        taken = lines[i] == "Parameters" and any(re.match(r"Parameters \S", line) for line in lines)
        rest += ["", f":{'Options' if taken else lines[i]}:", *indented(entries(lines[i + 2 : end])), ""]
    return rest


def entries(lines: list[str]) -> list[str]:
    """What stands under a section's heading: names, each with an indented description."""
    rest: list[str] = []
    for term, *told in chunks(lines):
        description = blocks(textwrap.dedent("\n".join(told)).splitlines())
        rest += [escape(term, code=True), *indented(description or ["\\"]), ""]
    return rest


def blocks(lines: list[str]) -> list[str]:
    """Paragraphs, tables and literal blocks, between blank lines or where the indentation begins."""
    rest: list[str] = []
    for part in "\n".join(lines).strip("\n").split("\n\n"):
        kind, column, found = "", 0, []
        for line in part.splitlines():
            before, (kind, column) = kind, kind_of(line, kind, column)
            if kind != before:
                found.append((kind, []))
            found[-1][1].append(line)
        for kind, block in found:
            rest += [*{"literal": literal, "table": table, "prose": prose}[kind](block), ""]
    return rest


def kind_of(line: str, before: str, column: int) -> tuple[str, int]:
    """What kind of block a line belongs to, and in which column the texts of a table stand."""
    if line[:1].isspace():
        return ("table", column) if before == "table" else ("literal", 0)
    row = ROW.fullmatch(line)
    if row is not None and before != "prose":
        return "table", row.start("text")
    return ("table", column) if before == "table" and aligned(line, column) else ("prose", 0)


def aligned(line: str, column: int) -> bool:
    """Is it a row whose label, the longest one, is followed by one space only?"""
    return bool(FIELD.fullmatch(line[: column - 1])) and line[column - 1] == " "


def chunks(lines: list[str]) -> list[list[str]]:
    """Each line that is not indented, with the indented and empty ones behind it."""
    found: list[list[str]] = []
    for line in lines:
        if line and not line[0].isspace():
            found.append([line])
        elif found:
            found[-1].append(line)
    return found


def table(lines: list[str]) -> list[str]:
    """Rows of "label   text", continued by indented lines."""
    rest: list[str] = []
    for first, *more in chunks(lines):
        row = ROW.fullmatch(first)
        label, start = (row["label"], row.start("text")) if row else (first.split()[0], first.index(" ") + 1)
        text = textwrap.dedent("\n".join([" " * start + first[start:], *more])).splitlines()
        literally = label == "Equation" or any(SPACED.search(line) for line in text)
        head = f":{label}:" if FIELD.fullmatch(label) else escape(label, code=True)
        rest += [head, *indented(literal(text) if literally else prose(text)), ""]
    return rest


def prose(lines: list[str]) -> list[str]:
    """A paragraph."""
    return [escape(line.strip()) for line in lines]


def literal(lines: list[str]) -> list[str]:
    """A literal block."""
    return [".. code-block:: none", "", *indented(textwrap.dedent("\n".join(lines)).splitlines()), ""]


def indented(lines: list[str]) -> list[str]:
    return [INDENT + line if line else "" for line in lines]


def escape(text: str, code: bool = False) -> str:
    """Prose in which nothing but `code` is markup; the whole as code if asked for."""
    if code:
        return f"``{text}``"
    parts = re.split(r"(`+[^`]+`+)", text)
    return "".join(f"``{part.strip('`')}``" if i % 2 else _plain(part) for i, part in enumerate(parts))


def _plain(text: str) -> str:
    text = re.sub(r"([\\*|`])", r"\\\1", text)
    return re.sub(r"_(?!\w)", r"\\_", text)


def process(app, what, name, obj, options, lines):
    """What autodoc asks of every docstring."""
    lines[:] = to_rest(lines)


def setup(app):
    app.connect("autodoc-process-docstring", process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
