"""Plain-text equations and tables in docstrings, as literal blocks; napoleon renders the numpydoc sections.

Equations are indented and tables have columns set by two or more spaces, because both are read in the source too.
Everywhere else `|u|` is an absolute value and not reST's mark of a substitution.
"""

import itertools
import re

COLUMNS = re.compile(r"\S {2,}\S")
MARKUP = r"[\\*|`]|_(?![^\W_])"
SECTION = re.compile(r"-{3,}")
ATTRIBUTES = re.compile(r"^Attributes\n-+\n.*?(?=^\w[^\n]*\n---|\Z)", re.MULTILINE | re.DOTALL)
NAMES = re.compile(r"^(\w+(?:, \w+)+)( : .*(?:\n .*)*)", re.MULTILINE)


def to_rest(lines: list[str]) -> list[str]:
    """Return a docstring as reST, with the numpydoc sections as they are but for the names of attributes."""
    ends = (i - 1 for i, line in enumerate(lines) if SECTION.fullmatch(line.strip()))
    end = next(ends, len(lines))
    rest: list[str] = []
    for filled, paragraph in itertools.groupby(lines[:end], key=lambda line: bool(line.strip())):
        for kind, block in itertools.groupby(paragraph, Kinds()) if filled else ():
            rest += [""] + ([".. code-block:: none", ""] if kind != "prose" else [])
            rest += [escape(line, MARKUP) if kind == "prose" else f"    {line}" for line in block]
    sections = ATTRIBUTES.sub(single_names, "\n".join(lines[end:])).split("\n")
    return [*rest, "", *(escape(line, r"\|") for line in sections)]


def single_names(section: re.Match[str]) -> str:
    """Repeat the entry `a, b : type` for each name; napoleon would read it as the attribute `b` of type `a`."""
    return NAMES.sub(lambda entry: "\n".join(name + entry[2] for name in entry[1].split(", ")), section[0])


class Kinds:
    """The kind of each line of a paragraph: "prose", "equation" or "table"; a table goes on to its end."""

    def __init__(self) -> None:
        self.kind = "prose"

    def __call__(self, line: str) -> str:
        if self.kind != "table":
            self.kind = "equation" if line.startswith(" ") else "table" if COLUMNS.search(line) else "prose"
        return self.kind


def escape(line: str, characters: str) -> str:
    """Escape characters that are markup in reST, outside of `code`."""
    parts = re.split(r"(`+[^`]+`+)", line)
    return "".join(part if i % 2 else re.sub(characters, r"\\\g<0>", part) for i, part in enumerate(parts))


def process(app, what, name, obj, options, lines):
    """Convert the docstring that autodoc has read."""
    lines[:] = to_rest(lines)


def name_aliases(app, what, name, obj, options, signature, returned):
    """Write the aliases of _types.py by name where autodoc writes its placeholders, inside of brackets."""
    shorten = lambda text: text and re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text)  # noqa: E731
    return shorten(signature), shorten(returned)


def setup(app):
    app.connect("autodoc-process-docstring", process, priority=400)  # before napoleon
    app.connect("autodoc-process-signature", name_aliases)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
