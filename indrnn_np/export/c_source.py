"""Write a network as a C file that processes a stream one time step at a time."""

from __future__ import annotations

import re
import string
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import __version__, _check, _files
from .._types import Json
from ..layers.chain import named_layers
from ..layers.recurrent import Recurrent
from ..networks.sequential import Sequential
from . import c_functions, metadata
from .c_parts import WHERE, Source, Values, braced, chain
from .parts import article, describe, input_size

FILE = """\
/* Recurrent network, written by indrnn_np {version}. C99; link with -lm.

{layers}

   Batch norm is part of the weights. Process a stream one time step at a time:

       $state state;
       $init(&state);
       at each step: $step(&state, {x}, y);

   {sizes} y holds $outputs floats.
   If the network reads a whole sequence, use y after the last step. Each stream needs its own
   state. */

#include <math.h>

enum {{ ${inputs} = {D}, $outputs = {K} }};

typedef struct {{
{members}
}} $state;

{data}{functions}
{weights}

/* Set the initial state. */
void $init($state *state)
{{
    static const $state zero;
{start}
}}

/* Compute one time step. */
{signature}
{{
{body}
}}
"""
VECTORS = {
    "signature": "void $step($state *state, const float *x, float *y)", "inputs": "inputs", "x": "x",
    "sizes": "x holds $inputs floats.",
}  # fmt: skip
SYMBOLS = {
    "signature": "int $step($state *state, int symbol, float *y)", "inputs": "symbols", "x": "symbol",
    "sizes": "Symbols are 0 to $symbols - 1; for others $step returns -1.",
}  # fmt: skip


def to_c(net: Sequential, path: str | Path, meta: Json | None = None, name: str | None = None) -> Path:
    """Write a network as one C99 file without dependencies, and return the path.

    Parameters
    ----------
    net : Sequential
        Network with at least one recurrent layer.
    path : str or Path
        File to write.
    meta : dict, optional
        JSON values, such as `export.of_run(...)`. The file carries `classes`, `mean`, `deviation`,
        `target_mean` and `target_deviation`.
    name : str, optional
        Prefix of all names in the file; by default the name of the file without its suffix.

    Raises
    ------
    ValueError
        If a layer cannot process a stream: it reads later steps, has separate statistics for each
        step, or follows a LastStep and needs a sequence. Also if the network has no recurrent
        layer, a number is not finite in float32, or the prefix is not a C identifier.

    Notes
    -----
    The file defines a type and two functions:

    - `NAME_state`: the state of one stream;
    - `void NAME_init(NAME_state *state)` sets the initial state;
    - `void NAME_step(NAME_state *state, const float *x, float *y)` computes one time step like
      `net.step` with a batch of one. A network of symbols has
      `int NAME_step(NAME_state *state, int symbol, float *y)`, which returns -1 for an unknown
      symbol, and else 0.

    Arithmetic is in float32 and weights are hexadecimal, so they keep all their bits.

    Examples
    --------
    >>> import tempfile
    >>> import indrnn_np as ir
    >>> net = ir.plain(input_size=2, hidden=8, output_size=1, layers=1, steps=50)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     text = ir.export.to_c(net, f"{folder}/net.c").read_text()
    >>> "void net_step(net_state *state, const float *x, float *y)" in text
    True
    """
    path, meta = _files.user_path(WHERE, "path", path), metadata.checked(WHERE, net, meta)
    name = path.stem if name is None else name
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name):
        because = "because all names in the file begin with it"
        _check.fail(WHERE, f"name is {name!r}", "a C identifier such as 'net'", because)
    _check_streams(net)
    _files.replace_text(WHERE, path, _text(net, meta, name))
    return path


def _check_streams(net: Sequential) -> None:
    """Check that the network has a state, and that no layer reads later steps."""
    named = dict(named_layers(net.layers))
    for name, layer in named.items():
        if not layer.causal:
            problem = f"layer {name} is {article(layer)}{' with reverse=True' * isinstance(layer, Recurrent)}"
            _check.fail(WHERE, problem, "layers that read no later step", "because C gets one step at a time")
    if not any(isinstance(layer, Recurrent) for layer in named.values()):
        because = "because a step without a state needs no stream"
        _check.fail(WHERE, "the network has no recurrent layer", "at least one", because)


def _text(net: Sequential, meta: Json, name: str) -> str:
    """Return the content of the file; $ stands for the prefix until the end."""
    source, D = Source(), input_size(net)
    y = chain(source, describe(WHERE, net), Values("x", D or 0))
    source.call("copy", y.size, y.name, "y")
    body, form = source.body, VECTORS
    if net.symbols is not None:
        body, form = ["if (symbol < 0 || symbol >= $symbols)", "    return -1;", *body, "return 0;"], SYMBOLS
    code = FILE.format(
        **form, version=__version__, layers=_layers(net), D=net.symbols or D, K=y.size,
        members=_indented(source.members), data=_data(meta), functions=c_functions.code_of(source.called),
        weights="\n".join(source.weights), start=_indented(["*state = zero;", *source.start]),
        body=_indented([*source.buffers, "", *body]),
    )  # fmt: skip
    return code.replace("$", f"{name}_")


def _layers(net: Sequential) -> str:
    """Return the layers of the network as lines of a comment."""
    lines = (f"{i}: {layer}" for i, layer in enumerate(net.layers))
    return "\n".join(
        textwrap.fill(line, 100, initial_indent=" " * 7, subsequent_indent=" " * 10) for line in lines
    )


def _data(meta: Json) -> str:
    """Return the definitions of the class names and of the standardisation of x."""
    lines = []
    if classes := meta.get("classes"):
        lines.append(f"const char *const $classes[{len(classes)}] = {{")
        lines += [f"    {_quoted(name)}," for name in classes] + ["};"]
    if "mean" in meta or "deviation" in meta:
        lines.append("/* The network expects standardised inputs, (x - mean) / deviation. */")
    if "target_mean" in meta or "target_deviation" in meta:
        lines.append("/* The outputs are standardised: value = y * target_deviation + target_mean. */")
    for key in ("mean", "deviation", "target_mean", "target_deviation"):
        if values := meta.get(key):
            lines.append(f"const double ${key}[{len(values)}] = {braced(np.array(values), suffix='')};")
    return "\n".join([*lines, "", ""]) if lines else ""


def _quoted(text: str) -> str:
    """Return a text as a C string in UTF-8, with most bytes other than letters and digits escaped."""
    plain = (string.ascii_letters + string.digits + " _-.").encode()
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode()) + '"'


def _indented(lines: Sequence[str]) -> str:
    """Return statements as lines of a block."""
    return "\n".join(f"    {line}" if line else "" for line in lines)
