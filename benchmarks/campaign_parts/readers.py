"""Plain readers of the files that the package reads: each returns what the bytes say, or raises an error."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import math
import re
import struct
import sys

import numpy as np

from indrnn_np.settings import settings

from .damage import unpacked

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HEADER = ("network", "dtype", "backend", "seed", "iteration", "optimizer", "meta")
SUMMARY = ("ended", "iterations", "parameters", "final", "best", "baseline", "metric", "machine", "versions")


def demand(condition):
    """Refuse a file."""
    if not condition:
        raise ValueError("not in the format")


def unreadable(data):
    """Refuse every change of a file whose checksum covers every byte."""
    demand(False)


def idx(data, ndim=3):
    """Return the bytes of an idx file."""
    data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    shape = struct.unpack_from(f">{ndim}I", data, 4)
    demand(data[:4] == bytes([0, 0, 8, ndim]) and len(data) == 4 + 4 * ndim + math.prod(shape))
    return np.frombuffer(data, np.uint8, offset=4 + 4 * ndim).reshape(shape)


def npz(data):
    """Return the arrays of an archive without pickles, duplicates and bytes after an array."""
    members = [(name.removesuffix(".npy"), io.BytesIO(content)) for name, content in unpacked(data)]
    arrays = {name: np.lib.format.read_array(file, allow_pickle=False) for name, file in members}
    demand(len(arrays) == len(members) and not any(file.read(1) for _, file in members))
    return arrays


def text(data, errors="strict"):
    """Return a text with line feeds."""
    return data.decode("utf-8-sig", errors).replace("\r\n", "\n")


def words(data):
    """Return the words of a text and the ends of its lines."""
    lines = text(data).removesuffix("\n").split("\n")
    return [word for line in lines for word in (*line.split(), "<eos>")]


def number(word, dtype=float):
    """Return a finite number."""
    demand(re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", word, re.A | re.I))
    demand(np.isfinite(value := dtype(word)))
    return float(value)


def ts(data):
    """Return the series of a .ts file, channels and label."""
    lines = [line.strip() for line in text(data, "surrogateescape").split("\n")]
    lines = [line for line in lines if line and line[0] not in "#%"]
    start = [line.lower() for line in lines].index("@data")
    demand(all(line[0] == "@" for line in lines[:start]))
    series = [line.encode().decode().split(":") for line in lines[start + 1 :]]
    return [([[number(word) for word in channel.split(",")] for channel in channels], label.strip())
            for *channels, label in series]  # fmt: skip


def skeleton(data):
    """Return for each frame the coordinates of the bodies that have any."""
    lines, frames = iter(text(data).split("\n")), []

    def fields(count):
        values = next(lines).split()
        demand(len(values) == count)
        return values

    for _ in range(int(*fields(1))):
        bodies = {}
        for _ in range(int(*fields(1))):
            name = fields(10)[0]
            joints = [fields(12)[:3] for _ in range(int(*fields(1)))]
            bodies[name] = [number(word, np.float32) for joint in joints for word in joint]
        frames.append(sorted(body for body in bodies.values() if any(body)))
    demand(not "".join(lines).strip())
    return frames


def names(data):
    """Return the names of NTU samples."""
    lines = (line.strip().removesuffix(".skeleton") for line in text(data).split("\n"))
    return {line for line in lines if re.fullmatch(r"S\d{3}C\d{3}P\d{3}R\d{3}A\d{3}", line, re.ASCII)}


def config(data):
    """Return the settings of a config file; integers may stand for real numbers."""
    values = tomllib.loads(text(data, "surrogateescape"))
    values.pop("task", None)
    for name, value in values.items():
        kind = settings.of_task("adding")[name].kind
        values[name] = float(value) if kind is float and type(value) is int else value
        demand(type(values[name]) is kind)
    return values


def checkpoint(data):
    """Return the arrays and the description of a network and its optimizer."""
    arrays = npz(data)
    header = json.loads(arrays.pop("meta").tobytes())
    if header["optimizer"]:
        header["optimizer"]["spec"].setdefault("lr_of", {})
    return {"arrays": arrays, **{name: header[name] for name in HEADER}}


def summary(data):
    """Return what a table shows of a run; two of the values may be absent."""
    values = {"best": None, "baseline": None} | json.loads(data)
    return {name: values[name] for name in SUMMARY}


def metrics(data):
    """Return the lines up to iteration 5; a last line that is not whole is left out."""
    *lines, last = data.split(b"\n")
    lines = [json.loads(line.decode()) for line in lines]
    with contextlib.suppress(ValueError):
        lines.append(json.loads(last))
    return [line for line in lines if line["iteration"] <= 5 and line["kind"] != "final"]


def sequences(data):
    """Return the samples of each split, cut to their lengths."""
    arrays, splits = npz(data), {}
    for split, end in (("train", ""), ("validation", "_validation"), ("test", "_test")):
        if f"x{end}" in arrays:
            x, y, lengths = (arrays.pop(name + end, None) for name in ("x", "y", "lengths"))
            x, y = (a.astype("float32") if a.dtype.kind == "f" else a for a in (x, y))
            splits[split] = samples(x, y, lengths)
    demand(not arrays)
    return splits


def samples(x, y, lengths):
    """Return inputs and targets cut to their lengths, in an order that does not depend on theirs."""
    every = y.ndim > 1 and y.shape[:2] == x.shape[:2]
    ends = [len(x)] * x.shape[1] if lengths is None else lengths.astype(np.int64)
    return sorted([(x[:end, n].tolist(), (y[:end, n] if every else y[n]).tolist())
                   for n, end in enumerate(ends)], key=repr)  # fmt: skip


def recordings(data):
    """Return the arrays, the frames in float32."""
    arrays = npz(data)
    arrays["frames"] = arrays["frames"].astype("float32")
    return {name: array.tolist() for name, array in arrays.items()}
