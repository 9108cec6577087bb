"""The .ts format of the UEA and UCR archives of time series, read without trusting it.

    # a comment                           @univariate, @dimensions, @equalLength, @seriesLength and @classLabel
    @dimensions 2                         describe the data and are compared with it; other @ lines are notes
    @classLabel true up down
    @data
    0.1,0.2,0.3:5,6,7:up                  channels between colons, values between commas, then the label

Series may differ in length, the channels of one may not. Missing values, time stamps and real targets are refused.
Source: the description of the format at https://www.timeseriesclassification.com.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .. import _check
from . import _lines

WHERE = "ts.read"
SWITCHES = ("timestamps", "univariate", "equallength")
NUMBERS = ("dimensions", "serieslength")


@dataclass
class Series:
    """What a file holds: samples of (T, D) in float64, the label of each and the line that it stood on.

    classes: the labels that the header lists, None if it lists none.
    """

    path: Path
    classes: tuple[str, ...] | None = None
    samples: list[np.ndarray] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


@dataclass
class _Header:
    """What the @ lines say, None where they are silent."""

    switches: dict[str, bool] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    classes: tuple[str, ...] | None = None


def read(path: str | Path) -> Series:
    """Return the series of a file; ValueError names the file, the line and what is wrong there."""
    path = Path(path)
    header, series = _Header(), Series(path)
    inside = False
    for number, raw in enumerate(_lines.read(WHERE, path), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        place = _lines.at(path, number)
        if inside:
            _take(series, header, line, place)
            series.lines.append(number)
        elif line.lower() == "@data":
            inside = True
            _check_header(header, place)
            series.classes = header.classes
        else:
            _describe(header, line, place)
    if not inside:
        _check.fail(WHERE, f"{path} has no line @data", "one, and the series after it")
    if not series.samples:
        _check.fail(WHERE, f"{path} has nothing after @data", "at least one series")
    return series


def _describe(header: _Header, line: str, place: str) -> None:
    """Take one line of the header."""
    if not line.startswith("@"):
        _check.fail(WHERE, f"{place} is {_short(line)}", "a line that starts with @ or #", "before @data")
    key, *values = line[1:].split()
    key = {"dimension": "dimensions"}.get(key.lower(), key.lower())
    if key in SWITCHES:
        header.switches[key] = _switch(place, key, values)
    elif key in NUMBERS:
        if len(values) != 1:
            _check.fail(WHERE, f"{place} has {len(values)} values for @{key}", "one number")
        header.numbers[key] = _lines.count(WHERE, place, f"@{key}", values[0])
    elif key == "classlabel":
        if not _switch(place, key, values[:1]):
            _check.fail(WHERE, f"{place} says that there are no labels", "@classLabel true", "to classify by")
        if len(set(values[1:])) < len(values[1:]):
            _check.fail(WHERE, f"{place} lists a label twice", "each label once")
        header.classes = tuple(values[1:]) or None
    elif key == "targetlabel" and _switch(place, key, values[:1]):
        _check.fail(WHERE, f"{place} announces real targets", "@classLabel", "to classify by")


def _switch(place: str, key: str, values: list[str]) -> bool:
    if [value.lower() for value in values] not in (["true"], ["false"]):
        _check.fail(WHERE, f"{place} has {' '.join(values)!r} for @{key}", "true or false")
    return values[0].lower() == "true"


def _check_header(header: _Header, place: str) -> None:
    """Compare what the header says with itself; a univariate file has one channel, whether it says so or not."""
    if header.switches.get("timestamps"):
        _check.fail(WHERE, f"{place} follows @timeStamps true", "@timeStamps false",
                    "because values are read without their times")  # fmt: skip
    if header.switches.get("univariate") and header.numbers.setdefault("dimensions", 1) != 1:
        _check.fail(WHERE, f"{place} follows @univariate true and @dimensions {header.numbers['dimensions']}",
                    "one channel or @univariate false")  # fmt: skip


def _take(series: Series, header: _Header, line: str, place: str) -> None:
    """Take one line of data."""
    *channels, label = (part.strip() for part in line.split(":"))
    _check_channels(header, channels, label, place)
    values = [_values(channel, place, i) for i, channel in enumerate(channels, 1)]
    header.numbers.setdefault("dimensions", len(channels))
    length = len(values[0])
    for i, channel in enumerate(values, 1):
        if len(channel) != length:
            _check.fail(WHERE, f"{place} has {len(channel)} values in channel {i}", f"{length}",
                        "as in its first channel")  # fmt: skip
    if header.switches.get("equallength") and length != header.numbers.setdefault("serieslength", length):
        _check.fail(WHERE, f"{place} has {length} values in a channel", f"{header.numbers['serieslength']}",
                    "because of @equalLength true")  # fmt: skip
    series.samples.append(np.array(values, np.float64).T)
    series.labels.append(label)


def _check_channels(header: _Header, channels: list[str], label: str, place: str) -> None:
    known, number = header.classes, header.numbers.get("dimensions")
    good = label in known if known is not None else label and "," not in label
    if not good:
        expected = "a label" if known is None else "one of " + ", ".join(known)
        _check.fail(WHERE, f"{place} ends with {_short(label)}", expected, "after its last colon")
    if not channels:
        _check.fail(
            WHERE, f"{place} is {_short(label)} alone", "channels and a label, with colons in between"
        )
    if number is not None and len(channels) != number:
        _check.fail(WHERE, f"{place} has {len(channels)} channels", f"{number}",
                    "to match the header, or the series before it")  # fmt: skip


def _values(channel: str, place: str, i: int) -> list[float]:
    texts = channel.split(",")
    values = [_lines.number(text) for text in texts]
    for k, value in enumerate(values, 1):
        if math.isnan(value):
            _check.fail(WHERE, f"{place} has {_short(texts[k - 1].strip())} as value {k} of channel {i}",
                        "a finite number", "because missing values are not supported")  # fmt: skip
    return values


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
