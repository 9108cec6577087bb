"""Sections to one HTML file that needs no other: pictures inline, for light and dark pages."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import plots
from ...plots.style import DARK, LIGHT

TEMPLATE = Path(__file__).with_name("page.html")


@dataclass(frozen=True)
class Table:
    """Columns of one length by name, under a heading; `folded` ones open at a click."""

    heading: str
    columns: Mapping[str, Any]
    folded: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the report.

    title; lead, the main numbers in words; draw, which returns the picture (None: there is none); reading, how to read
    it; tables.
    """

    title: str
    lead: tuple[str, ...] = ()
    draw: Callable[[], Any] | None = None
    reading: str = ""
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True)
class Document:
    """What the page is made of: its title, a line below it, and the sections, measured as they are asked for."""

    title: str
    subtitle: str
    sections: Iterable[Section]


def render(document: Document) -> str:
    """The page as one text."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    parts = [_part(number, section) for number, section in enumerate(document.sections, start=1)]
    return template.render(title=document.title, subtitle=document.subtitle, parts=parts)


def _part(number: int, section: Section) -> dict[str, Any]:
    """A section as the template takes it."""
    tables = [
        {
            "heading": table.heading,
            "folded": table.folded,
            "names": list(table.columns),
            "rows": _rows(table.columns),
        }
        for table in section.tables
    ]
    images = {} if section.draw is None else {theme: _image(section.draw, theme) for theme in (LIGHT, DARK)}
    return {"id": f"part-{number}", "title": section.title, "lead": section.lead, "reading": section.reading,
            "tables": tables, "images": images, "alt": " ".join(section.lead) or section.title}  # fmt: skip


def _image(draw: Callable[[], Any], theme: str) -> str:
    """The picture for a page of that kind, as the address that holds all of it."""
    with plots.theme(theme), io.BytesIO() as file:
        draw().savefig(file, format="png")
        return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _rows(columns: Mapping[str, Any]) -> list[list[str]]:
    return [[_cell(value) for value in row] for row in zip(*columns.values(), strict=True)]


def _cell(value: Any) -> str:
    value = value.item() if hasattr(value, "item") else value
    return f"{value:.4g}" if isinstance(value, float) else str(value)
