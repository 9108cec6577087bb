"""The documentation site: `sphinx-build -W --keep-going -b html docs FOLDER`, with the extras `docs` and `plot`.

The pages are Markdown (MyST) that reads well on a git host too. What that asks of Sphinx stands in `_ext/`, a file
for each thing.
"""

import os
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [
    str(DOCS.parent),
    str(DOCS / "_ext"),
]  # the sources that stand beside these pages, installed or not
os.environ["PYTHONPATH"] = str(DOCS.parent)  # the same for the kernels of tutorials

from repository import linkcode_resolve as linkcode_resolve  # noqa: E402

import indrnn_np  # noqa: E402
from indrnn_np import _types  # noqa: E402

project, author = "indrnn_np", "the indrnn_np developers"
project_copyright = author
release = version = indrnn_np.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.linkcode",
    "myst_nb",
    "mathml",
    "plain_text",
    "repository",
]
exclude_patterns = ["conf.py", "sample_prose.py", "_ext", "_build"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# Tutorials run when the site is built, with the sources beside these pages.
nb_custom_formats = {".py": "scripts.to_notebook"}
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 120  # seconds a cell, with the time for compiling kernels
nb_output_stderr = "error"
nb_merge_streams = True

default_role = "literal"  # `names` in docstrings are code
napoleon_google_docstring = False
napoleon_use_ivar = True  # attributes of a docstring and of the class are one entry
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_type_aliases = {
    name: name for name in vars(_types) if name in _types.__annotations__
}  # as in the source
autodoc_inherit_docstrings = False
maximum_signature_line_length = 88
add_module_names = False

html_math_renderer = "mathml"
html_theme = "furo"
html_title = f"indrnn_np {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["../indrnn_np/study/playground.html"]  # a page of its own, at the root of the site
html_show_sourcelink = html_copy_source = False
html_theme_options = {
    # Okabe & Ito's blue, and a lighter one on dark ground
    "light_css_variables": {"color-brand-primary": "#0072B2", "color-brand-content": "#0072B2"},
    "dark_css_variables": {"color-brand-primary": "#56B4E9", "color-brand-content": "#56B4E9"},
}
