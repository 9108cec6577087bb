"""Tutorials: scripts that are executed as notebooks when the site is built (jupytext, myst-nb).

# %% [markdown]      the comments below are text
# %%                 code; `mystnb={"image": {"alt": "..."}}` behind it describes its picture
#> 0.5 1.4           what the code above prints; tests/docs/test_tutorials.py compares
#~ error 0.0012      the same, with numbers that differ a little from machine to machine
"""

import re

OUTPUT = re.compile(r"^# ([>~])(?: (.*))?\n", re.MULTILINE)


def to_notebook(script):
    """Return a script as a notebook, without the output that stands in it."""
    import jupytext

    return jupytext.reads(OUTPUT.sub("", script), "py:percent")


def outputs(script: str) -> list[tuple[str, bool]]:
    """The lines that a script says it prints, and whether their numbers are the same on every machine."""
    return [(line, mark == ">") for mark, line in OUTPUT.findall(script)]
