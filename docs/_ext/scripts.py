"""Pages out of scripts, so that the two can't differ: tutorials/*.py.

# %% [markdown]      the comments below are text
# %%                 code
#> 0.5 1.4           what the code above prints; tests/docs/test_tutorials.py compares
#~ error 0.0012      the same, with numbers that differ a little from machine to machine
"""

import re

CELL = re.compile(r"^# %%( \[markdown\])?\n", re.MULTILINE)
OUTPUT = re.compile(r"^# ([>~])(?: (.*))?$")


def to_markdown(script: str, name: str) -> str:
    """The page of a script."""
    parts = CELL.split(script)
    if parts[0].strip():
        raise ValueError(f"{name} does not begin with a cell")
    page = []
    for marker, cell in zip(parts[1::2], parts[2::2], strict=True):
        page.append(_text(cell) if marker else _code(cell))
    title, _, first = page[0].partition("\n")
    note = f"*This page is a script: `python docs/tutorials/{name}`. The output stands below each piece of code.*"
    return "\n\n".join([title, note, first.strip(), *page[1:]]) + "\n"


def outputs(script: str) -> list[tuple[str, bool]]:
    """The lines that a script says it prints, and whether their numbers are the same on every machine."""
    found = [(line, OUTPUT.match(line)) for line in script.splitlines()]
    return [(match[2] or "", match[1] == ">") for line, match in found if match]


def _text(cell: str) -> str:
    return "\n".join(re.sub(r"^# ?", "", line) for line in cell.strip().splitlines())


def _code(cell: str) -> str:
    page, kind = [], ""
    for line in cell.strip("\n").splitlines():
        output = OUTPUT.match(line)
        new = "text" if output else "python"
        if new != kind:
            page += (["```", ""] if kind else []) + [f"```{new}"]
            kind = new
        page.append((output[2] or "") if output else line)
    return re.sub(r"\n+```\n", "\n```\n", "\n".join([*page, "```"]) + "\n").strip() if kind else ""


def setup(app):
    from myst_parser.parsers.sphinx_ import MystParser

    class ScriptParser(MystParser):
        """Markdown out of a script."""

        supported = ("script",)

        def parse(self, inputstring, document):
            name = document.settings.env.docname.split("/")[-1] + ".py"
            super().parse(to_markdown(inputstring, name), document)

    app.add_source_suffix(".py", "script")
    app.add_source_parser(ScriptParser)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
