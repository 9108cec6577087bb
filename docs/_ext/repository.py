"""Links that leave docs/: on a git host they lead to the file, here to a page with its text, or with a folder's files.

A link to a file of `html_extra_path`, which Sphinx copies to the site, leads to the copy.

Names in the API lead to the same pages, to the line where they are defined.
"""

import html
import importlib
import inspect
import shutil
from pathlib import Path

from docutils import nodes
from pygments.lexers import find_lexer_class_for_filename
from sphinx import addnodes

ROOT = Path(__file__).parents[2]
ROOT_PACKAGE = "indrnn_np"
PICTURES = (".png", ".jpg", ".svg")


def target(node, docname: str, srcdir: Path) -> Path | None:
    """The file or folder outside of docs/ that a link of a page means, or None."""
    if node.get("reftype") != "myst":
        return None
    name = node["reftarget"].split("#")[0]
    # MyST takes the ending off what might be a page
    for end in (".py", ".md") if node.get("refdomain") == "doc" else ("",):
        path = (srcdir / docname).parent.joinpath(name + end).resolve()
        if path.exists() and path.is_relative_to(ROOT) and not path.is_relative_to(srcdir):
            return path
    return None


def page_of(path: Path) -> str:
    """The name of a file's page."""
    return f"source/{path.relative_to(ROOT).as_posix()}"


def lead_to_pages(app, doctree):
    """Replace links that leave docs/, before Sphinx looks for their targets."""
    docname = app.env.docname
    for node in [*doctree.findall(addnodes.download_reference), *doctree.findall(addnodes.pending_xref)]:
        path = target(node, docname, Path(app.srcdir))
        if path is not None:
            if path in copied(app):
                page = path.stem
            else:
                page = page_of(path)
                wanted(app.env).setdefault(docname, set()).add(path)
            uri = app.builder.get_relative_uri(docname, page)
            node.replace_self(nodes.reference("", "", *node.children, internal=True, refuri=uri))


def copied(app) -> list[Path]:
    """The pages outside of docs/ that Sphinx copies to the root of the site."""
    return [(Path(app.srcdir) / name).resolve() for name in app.config.html_extra_path]


def wanted(env) -> dict[str, set[Path]]:
    """The files that pages lead to, by page."""
    if not hasattr(env, "repository_files"):
        env.repository_files = {}
    return env.repository_files


def forget(app, env, docname):
    wanted(env).pop(docname, None)


def merge(app, env, docnames, other):
    wanted(env).update({name: files for name, files in wanted(other).items() if name in docnames})


def pages(app):
    """A page for each file that is linked to, and for every file of the package."""
    linked = {path for files in wanted(app.env).values() for path in files}
    for path in sorted(linked | set((ROOT / "indrnn_np").rglob("*.py"))):
        title = path.relative_to(ROOT).as_posix()
        body = folder(app, path) if path.is_dir() else text(app, path)
        context = {"title": title, "body": f"<h1>{html.escape(title)}</h1>{body}", "parents": []}
        yield page_of(path), context, "page.html"


def text(app, path: Path) -> str:
    """A file in colours, with numbers of lines to link to."""
    lexer = find_lexer_class_for_filename(path.name)
    source = path.read_text(encoding="utf-8")
    return app.builder.highlighter.highlight_block(
        source, lexer.aliases[0] if lexer else "text", force=True, linenos="inline", lineanchors="L"
    )


def folder(app, path: Path) -> str:
    """The files below a folder, copied beside its page."""
    items = []
    for file in sorted(path.rglob("*")):
        if file.is_file() and file.suffix != ".pyc":
            copy = Path(app.outdir) / page_of(file)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
            inside = file.relative_to(path).as_posix()
            items.append(
                f'<li><a href="{html.escape(f"{path.name}/{inside}")}">{html.escape(inside)}</a></li>'
            )
    return f"<ul>{''.join(items)}</ul>"


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """Where the source of a documented name stands, seen from the pages in api/."""
    thing = importlib.import_module(info["module"])
    for part in info["fullname"].split("."):
        thing = getattr(thing, part, None)
    thing = (
        inspect.unwrap(thing.fget if isinstance(thing, property) else thing) if thing is not None else None
    )
    try:
        path, (_, line) = Path(inspect.getsourcefile(thing) or ""), inspect.getsourcelines(thing)
    except (TypeError, OSError):  # a number, a string, a class in C: no source of its own
        return None
    # The package may be an installed copy of these sources.
    package, path = (
        Path(importlib.import_module(ROOT_PACKAGE).__file__ or "").resolve().parent,
        path.resolve(),
    )
    if not path.is_relative_to(package):
        return None
    return f"../{page_of(ROOT / ROOT_PACKAGE / path.relative_to(package))}.html#L-{line}"


def setup(app):
    app.connect("doctree-read", lead_to_pages, priority=100)  # before files are collected for download
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
