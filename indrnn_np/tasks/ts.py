"""Read untrusted files in the .ts format of the UEA and UCR archives of time series.

    # a comment                           @univariate, @dimensions, @equalLength, @seriesLength and @classLabel
    @dimensions 2   % a comment           describe the data and are checked against it; other @ lines are notes
    @classLabel true up down
    @data
    0.1,0.2,0.3:5,?,7:up                  channels separated by colons, values by commas, then the label

A comment starts with `#` or `%` at the start of a line or after white space. Comments and notes may
contain any bytes. Series may differ in length, but the channels of a series may not. With
@timeStamps true a value is written as (time,value). Times are numbers or ISO dates; they must
increase and agree between the channels of a series. Each value is one time step, whatever its time.
With @targetLabel true a number stands in place of the label. Source: the description of the format
at https://www.timeseriesclassification.com.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import NoReturn

import numpy as np

from .. import _check
from .._types import Array
from . import _lines

WHERE = "ts.read"
SWITCHES = ("timestamps", "univariate", "equallength")
NUMBERS = ("dimensions", "serieslength")
LABELS = ("classlabel", "targetlabel")
COMMENT = re.compile(r"(?:^|\s)[#%].*", re.DOTALL)
COLON = re.compile(r":(?![^(]*\))")  # outside parentheses, because times may contain colons
STAMPED = re.compile(r"\(([^(),]*),([^(),]*)\)")
REFUSE, LINEAR, ZERO = MISSING = ("refuse", "linear", "zero")


@dataclass
class Series:
    """The contents of a file.

    Attributes
    ----------
    path : Path
    classes : tuple of str or None
        The labels that the header lists.
    samples : list of float64 arrays (T, D)
        With missing="zero", missing values are NaN.
    labels : list of str
        With `real`, numbers.
    real : bool
        Whether the file has real targets instead of labels.
    lines : list of int
        The line number of each sample.
    """

    path: Path
    classes: tuple[str, ...] | None = None
    samples: list[Array] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    real: bool = False
    lines: list[int] = field(default_factory=list)


@dataclass
class _Header:
    """The properties that the @ lines declare."""

    switches: dict[str, bool] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    targets: dict[str, bool] = field(default_factory=dict)
    classes: tuple[str, ...] | None = None

    @property
    def real(self) -> bool:
        """Whether the file has real targets instead of labels."""
        return self.targets.get("targetlabel", False)


def read(path: str | Path, missing: str = REFUSE) -> Series:
    """Return the series of a file; errors name the file and the line.

    Parameters
    ----------
    path : path
    missing : {"refuse", "linear", "zero"}
        Treatment of missing values, `?` or `NaN` in the file: raise ValueError, interpolate between
        the channel's neighbouring values (at an end: repeat the nearest), or keep NaN for the
        caller.
    """
    _check.choice(WHERE, "missing", missing, MISSING)
    path = Path(path)
    header, series = _Header(), Series(path)
    inside = False
    for number, raw in enumerate(_lines.decode(WHERE, path), 1):
        line = COMMENT.sub("", raw).strip()
        if not line:
            continue
        place = _lines.at(path, number)
        if inside:
            _take(series, header, _lines.text(WHERE, place, line), place, missing)
            series.lines.append(number)
        elif line.lower() == "@data":
            inside = True
            _check_header(header, place)
            series.classes, series.real = header.classes, header.real
        else:
            _describe(header, line, place)
    if not inside:
        _check.fail(WHERE, f"{path} has no line @data", "one, followed by the series")
    if not series.samples:
        _check.fail(WHERE, f"{path} has nothing after @data", "at least one series")
    return series


def _describe(header: _Header, line: str, place: str) -> None:
    """Read a line of the header into `header`."""
    key, *values = line.removeprefix("@").split() or [""]
    key = {"dimension": "dimensions"}.get(key.lower(), key.lower())
    if not line.startswith("@") or key in (*SWITCHES, *NUMBERS, *LABELS):
        _lines.text(WHERE, place, line)
    if not line.startswith("@"):
        _fail(place, f"is {_short(line)}", "a line that starts with @, # or %", "before @data")
    if key in SWITCHES:
        header.switches[key] = _switch(place, key, values)
    elif key in NUMBERS:
        if len(values) != 1:
            _fail(place, f"has {len(values)} values for @{key}", "one number")
        header.numbers[key] = _lines.count(WHERE, place, f"@{key}", values[0])
    elif key in LABELS:
        header.targets[key] = _switch(place, key, values if key == "targetlabel" else values[:1])
        if len(set(values[1:])) < len(values[1:]):
            _fail(place, "lists a label twice", "each label once")
        if key == "classlabel":
            header.classes = tuple(values[1:]) or None


def _switch(place: str, key: str, values: list[str]) -> bool:
    if [value.lower() for value in values] not in (["true"], ["false"]):
        _fail(place, f"has {' '.join(values)!r} for @{key}", "true or false")
    return values[0].lower() == "true"


def _check_header(header: _Header, place: str) -> None:
    """Check that the header is consistent; a univariate file has one channel, even if undeclared."""
    if header.switches.get("univariate") and header.numbers.setdefault("dimensions", 1) != 1:
        problem = f"follows @univariate true and @dimensions {header.numbers['dimensions']}"
        _fail(place, problem, "one channel or @univariate false")
    labels = header.targets.get("classlabel")
    if labels is not None and labels == header.real:
        switch = "true" if labels else "false"
        problem = f"follows @classLabel {switch} and {'' if labels else 'no '}@targetLabel true"
        _fail(place, problem, "@classLabel true or @targetLabel true", "but not both" if labels else "")


def _take(series: Series, header: _Header, line: str, place: str, missing: str) -> None:
    """Append a line of data to `series`."""
    stamped = header.switches.get("timestamps")
    *channels, label = (part.strip() for part in (COLON.split(line) if stamped else line.split(":")))
    _check_channels(header, channels, label, place)
    texts, times = [channel.split(",") for channel in channels], None
    if stamped:
        texts, times = _unstamped(channels, place)
    values = [_values(channel, place, i, missing, times) for i, channel in enumerate(texts, 1)]
    header.numbers.setdefault("dimensions", len(channels))
    length = len(values[0])
    for i, channel in enumerate(values, 1):
        if len(channel) != length:
            _fail(place, f"has {len(channel)} values in channel {i}", f"{length}", "as in its first channel")
    if header.switches.get("equallength"):
        expected = header.numbers.setdefault("serieslength", length)
        if length != expected:
            _fail(place, f"has {length} values in a channel", f"{expected}", "because of @equalLength true")
    series.samples.append(np.array(values, np.float64).T)
    series.labels.append(label)


def _check_channels(header: _Header, channels: list[str], label: str, place: str) -> None:
    known, number = header.classes, header.numbers.get("dimensions")
    good = label in known if known is not None else label and "," not in label
    if header.real:
        good = not math.isnan(_lines.number(label))
    if not good:
        expected = "a label" if known is None else "one of " + ", ".join(known)
        expected = "a finite number" if header.real else expected
        _fail(place, f"ends with {_short(label)}", expected, "after its last colon")
    if not channels:
        _fail(place, f"is {_short(label)} alone", "channels and a label, separated by colons")
    if number is not None and len(channels) != number:
        because = "to match the header or the previous series"
        _fail(place, f"has {len(channels)} channels", f"{number}", because)


def _unstamped(channels: list[str], place: str) -> tuple[list[list[str]], list[float]]:
    """Return each channel's values as texts, and the times, which all channels share."""
    pairs = [STAMPED.findall(channel) for channel in channels]
    for i, channel in enumerate(channels, 1):
        if "".join(STAMPED.sub("", channel).split()) != "," * (len(pairs[i - 1]) - 1) or not pairs[i - 1]:
            expected = "(time,value),(time,value),... because of @timeStamps true"
            _fail(place, f"has {_short(channel)} as channel {i}", expected)
    times = [[_time(time.strip()) for time, _ in channel] for channel in pairs]
    for i, stamps in enumerate(times, 1):
        for k, time in enumerate(stamps):
            if not (time > stamps[k - 1] if k else math.isfinite(time)):
                problem = f"has the time {pairs[i - 1][k][0]!r} at value {k + 1} of channel {i}"
                _fail(place, problem, "a number or an ISO date later than the previous time")
        if stamps != times[0] and len(stamps) == len(times[0]):
            _fail(place, f"has different times in channel {i}", "the times of channel 1")
    return [[value for _, value in channel] for channel in pairs], times[0]


def _time(text: str) -> float:
    """Return a time as a number, dates in seconds; NaN if the text is neither."""
    value = _lines.number(text)
    if not math.isnan(value):
        return value
    try:
        date = datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
    except ValueError:
        return math.nan
    return date.timestamp()


def _values(texts: list[str], place: str, i: int, missing: str, times: list[float] | None) -> Array:
    """Return the values of a channel."""
    absent = [text.strip().lower() in ("?", "nan") for text in texts]
    values = np.array([_lines.number(text) for text in texts])
    for k, value in enumerate(values):
        if math.isnan(value) and not (absent[k] and missing != REFUSE):
            hint = "because missing values are refused; --missing linear or zero fills them"
            problem = f"has {_short(texts[k].strip())} as value {k + 1} of channel {i}"
            _fail(place, problem, "a finite number", hint if absent[k] else "")
    if missing == LINEAR and any(absent):
        if all(absent):
            _fail(place, f"has no value in channel {i}", "at least one", "to interpolate from")
        at, present = np.arange(len(values)) if times is None else np.array(times), ~np.array(absent)
        values = np.interp(at, at[present], values[present])
    return values


def _fail(place: str, problem: str, expected: str, because: str = "") -> NoReturn:
    _check.fail(WHERE, f"{place} {problem}", expected, because)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
