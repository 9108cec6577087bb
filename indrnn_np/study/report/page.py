"""Write sections to one HTML file that contains its figures, for light and dark pages."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ... import plots
from ..._types import Figure, Json, Value
from ...plots.style import DARK, LIGHT
from .. import finding

TEMPLATE = Path(__file__).with_name("page.html")


@dataclass(frozen=True)
class Table:
    """Named columns of equal length under a heading; a folded table opens at a click."""

    heading: str
    columns: finding.Table
    folded: bool = False


@dataclass(frozen=True)
class Section:
    """Section of the report.

    Attributes
    ----------
    title : str
        Heading.
    lead : tuple of str
        Sentences with the main numbers.
    draw : callable, optional
        Returns the figure.
    reading : str
        Explanation of the figure.
    tables : tuple of Table
        Tables below the figure.
    """

    title: str
    lead: tuple[str, ...] = ()
    draw: Callable[[], Figure] | None = None
    reading: str = ""
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True)
class Document:
    """Title, subtitle and sections of the page; an iterator measures them one by one."""

    title: str
    subtitle: str
    sections: Iterable[Section]


def sentences(*findings: finding.Finding) -> tuple[str, ...]:
    """Return the sentence of each finding, after its title."""
    return tuple(f"{each.title}: {each.words()}." for each in findings)


def render(document: Document) -> str:
    """Return the HTML text of a document."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    parts = [_part(number, section) for number, section in enumerate(document.sections, start=1)]
    return template.render(title=document.title, subtitle=document.subtitle, parts=parts)


def _part(number: int, section: Section) -> Json:
    """Return the variables of the template for a section."""
    tables = [
        {"heading": table.heading, "folded": table.folded, "names": list(table.columns),
         "rows": [[_cell(value) for value in row] for row in zip(*table.columns.values(), strict=True)]}
        for table in section.tables
    ]  # fmt: skip
    images = {} if section.draw is None else {theme: _image(section.draw, theme) for theme in (LIGHT, DARK)}
    alt = " ".join(section.lead) or section.title
    return {**vars(section), "id": f"part-{number}", "tables": tables, "images": images, "alt": alt}


def _image(draw: Callable[[], Figure], theme: str) -> str:
    """Return the figure in a theme as a data URL."""
    with plots.theme(theme), io.BytesIO() as file:
        draw().savefig(file, format="png")
        return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _cell(value: Value) -> str:
    value = value.item() if hasattr(value, "item") else value
    return f"{value:.4g}" if isinstance(value, float) else str(value)
