"""Networks and layers as text and as HTML, which notebooks show."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterator, Sequence

from .. import _machine
from .._types import Value
from ..layers import LastStep, Layer
from .network import Network

HEAD = ("", "layer", "output", "arrays", "parameters", "memory")
STYLE = 'style="text-align: left"'  # the colours are those of the page, light or dark


def to_html(net: Network) -> str:
    """Return a table of the layers: output shapes, arrays, parameters and memory of the parameters."""
    source = "symbols (T, B)" if net.symbols is not None else f"(T, B, {_inputs(net)})"
    title = f"{to_line(net)[1:-1]}; input {source}"
    total = ("", "all layers", "", "", f"{net.size:,}", _machine.size_text(net.flat.nbytes))
    body = "".join(_row(cells, "td") for cells in (*_cells(net), total))
    return f"<p>{html.escape(title)}</p><table>{_row(HEAD, 'th')}{body}</table>"


def to_line(net: Network) -> str:
    """Return backend, dtype, steps and size in one line."""
    kind, layers = type(net).__name__, len(net.layers)
    plural = "" if layers == 1 else "s"
    return f"<{kind} on {net.backend!r}, {net.dtype}, steps={net.steps}, {layers} layer{plural}, {net.size} parameters>"


def to_code(value: Value) -> str:
    """Return a layer as code, without the options that have their default values."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(to_code, value))}]"
    if not isinstance(value, Layer):
        return repr(value)
    arguments = []
    for field in dataclasses.fields(value):  # type: ignore[arg-type]
        argument = getattr(value, field.name)
        if field.default is dataclasses.MISSING:
            arguments.append(to_code(argument))
        elif argument != field.default:
            arguments.append(f"{field.name}={to_code(argument)}")
    return f"{type(value).__name__}({', '.join(arguments)})"


def _inputs(net: Network) -> int | str:
    """Return the number of inputs, or the letter D if the network accepts any number."""
    return next((layer.inputs for layer in net.layers if layer.inputs is not None), "D")


def _cells(net: Network) -> Iterator[Sequence[str]]:
    """Yield the cells of each layer, in the order of `HEAD`."""
    axes, size = "T, B", _inputs(net)
    for i, layer in enumerate(net.layers):
        axes, size = "B" if isinstance(layer, LastStep) else axes, layer.outputs or size
        arrays = {name.partition(".")[2]: a for name, a in net.params.items() if name.startswith(f"{i}.")}
        shapes = ", ".join(_unbroken(f"{name} {' × '.join(map(str, a.shape))}") for name, a in arrays.items())
        count, memory = sum(a.size for a in arrays.values()), sum(a.nbytes for a in arrays.values())
        yield (
            str(i),
            to_code(layer),
            _unbroken(f"({axes}, {size})"),
            shapes,
            f"{count:,}",
            _machine.size_text(memory),
        )


def _unbroken(text: str) -> str:
    """Return a text that is not broken into lines."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _row(cells: Sequence[str], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag} {STYLE}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"
