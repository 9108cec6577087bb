"""What makes pages out of docstrings, equations and links that leave docs/ (docs/_ext)."""

import inspect
import re

import pytest
from doc_blocks import DOCS, ROOT, extension
from hypothesis import given
from hypothesis import strategies as st

from indrnn_np.ops.recurrence import reference

plain_text = extension("plain_text")
EXAMPLE = """Do it: |u| times *x* is `|h_t|`.
    h_t = φ(a_t)
    h_0 = 0
It goes on.

Shapes     x (T, B) to y
           and so on
Parameters W (H,)

Parameters
----------
a, b : array
    The bound |u|  of `|u|`.

Raises
------
ValueError
    If not.
""".splitlines()


def test_equations_and_tables_are_literal_blocks():
    text = "\n".join(plain_text.to_rest(EXAMPLE))
    assert text.strip().startswith(r"Do it: \|u\| times \*x\* is `|h_t|`.")
    assert ".. code-block:: none\n\n        h_t = φ(a_t)\n        h_0 = 0\n\nIt goes on." in text
    table = "    Shapes     x (T, B) to y\n               and so on\n    Parameters W (H,)\n"
    assert f".. code-block:: none\n\n{table}" in text
    assert "\nParameters\n----------\na, b : array\n    The bound \\|u\\|  of `|u|`.\n" in text
    assert text.endswith("Raises\n------\nValueError\n    If not.")


def test_nothing_of_a_docstring_is_lost():
    lines = inspect.cleandoc(reference.forward.__doc__).splitlines()
    text = "\n".join(plain_text.to_rest(lines))
    found = re.findall(r"\w+", text.replace(".. code-block:: none", ""))
    assert found == re.findall(r"\w+", "\n".join(lines))


def test_attributes_of_one_entry_are_listed_one_by_one():
    lines = ["Summary.", "", "Parameters", "---", "p, q : int", "    Both.", "", "Attributes", "---"]
    lines += [
        "a, b : int",
        "    Two lines",
        "    each.",
        "c : str",
        "    One.",
        "",
        "Notes",
        "---",
        "x, y : z",
    ]
    text = "\n".join(plain_text.to_rest(lines))
    assert "a : int\n    Two lines\n    each.\nb : int\n    Two lines\n    each.\nc : str\n    One.\n" in text
    assert "p, q : int" in text and "x, y : z" in text


@given(st.lists(st.text("ab_*|\\ :-."), max_size=8))
def test_any_lines_can_be_read(lines):
    docutils = pytest.importorskip("docutils.core")
    from docutils.utils import Reporter

    lines = [line for line in lines if not re.fullmatch(r"[\\ ]+", line)]  # would be a transition
    plain = [line for line in lines if not line.lstrip().startswith(("-", ":", "..", "`"))]
    settings = {
        "report_level": Reporter.INFO_LEVEL,
        "halt_level": Reporter.ERROR_LEVEL,
        "warning_stream": False,
    }
    docutils.publish_doctree("\n".join(plain_text.to_rest(plain)), settings_overrides=settings)


def test_equations_become_mathml():
    pytest.importorskip("sphinx")
    mathml = extension("mathml")
    assert re.search(r"<math.*<msub>.*<mi>h</mi>", mathml.markup("h_t", block=False), re.DOTALL)
    assert mathml.markup(r"\Big(x\Big)", block=True) == mathml.markup("(x)", block=True)
    assert mathml.markup(r"|u| \le 1", block=False).count('<mo lspace="0" rspace="0"') == 2
    from docutils.utils.math import MathError

    with pytest.raises(MathError):
        mathml.markup(r"\nosuchthing", block=True)


def test_signatures_name_the_aliases():
    signature = "(x: Sequence[TypeAliasForwardRef('State')], n: int)"
    found = plain_text.name_aliases(None, "", "", None, None, signature, None)
    assert found == ("(x: Sequence[State], n: int)", None)


def test_links_that_leave_docs_are_seen():
    pytest.importorskip("sphinx")
    repository = extension("repository")

    def target(name, domain=None):
        return repository.target({"reftype": "myst", "refdomain": domain, "reftarget": name}, "api/x", DOCS)

    assert target("../../indrnn_np/init", "doc") == ROOT / "indrnn_np" / "init.py"
    assert target("../../benchmarks/results") == ROOT / "benchmarks" / "results"
    assert target(str(ROOT / "CONTRIBUTING"), "doc") == ROOT / "CONTRIBUTING.md"
    assert (
        target("../equations.md") is None
        and target("../../../beyond") is None
        and target("../../missing.py") is None
    )
    assert repository.page_of(ROOT / "indrnn_np" / "init.py") == "source/indrnn_np/init.py"
    found = repository.linkcode_resolve("py", {"module": "indrnn_np", "fullname": "Sequential.project"})
    page, _, line = found.partition("#L-")
    assert page == "../source/indrnn_np/networks/network.py.html"
    source = (ROOT / "indrnn_np" / "networks" / "network.py").read_text("utf-8").splitlines()
    assert source[int(line) - 1].strip().startswith("def project")
