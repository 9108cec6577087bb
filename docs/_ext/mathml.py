"""Equations as MathML, which browsers draw by themselves: no script, nothing from a network.

The translation is docutils' own, which Sphinx brings along. It knows no brackets of a fixed size (\\Big), so these are
left to the browser, which lets brackets grow with what they hold.
"""

import re

from docutils import nodes
from docutils.utils.math import MathError, unichar2tex
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

BAR = re.compile(r"<mo((?: [^>]*)?>[|∥]</mo>)")
SIZES = re.compile(r"\\[Bb]igg?[lrm]?(?![A-Za-z])")


def markup(tex: str, block: bool) -> str:
    """The equation as a MathML element; raises MathError for what is not LaTeX, or not known."""
    found = tex2mathml(SIZES.sub("", tex).translate(unichar2tex.uni2tex_table), as_block=block)
    return BAR.sub(r'<mo lspace="0" rspace="0"\1', found)  # no space around |u|, wherever it stands


def visit(translator, node):
    """Write the equation out, or warn where it stands."""
    block = isinstance(node, nodes.math_block)
    try:
        found = markup(node.astext(), block)
    except MathError as error:
        logging.getLogger(__name__).warning("%s in %s", error, node.astext(), location=node)
        found = translator.encode(node.astext())
    translator.body.append(f'<div class="math">{found}</div>\n' if block else found)
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (visit, None), (visit, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
