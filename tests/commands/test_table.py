"""Tables in terminals of different widths."""

import io

import pytest
from rich.console import Console

from indrnn_np.bench import report
from indrnn_np.commands import bench, check, options, table

HEADER, WORDS = ("what", "size", "time", "note"), ("what", "note")
GROUPS = [("first", [("a row with a long name that can be wrapped", "123456789", "0.5", "a note")]), ("", [])]


def shown(width, *arguments):
    stream = io.StringIO()
    table.show(Console(file=stream, width=width), *arguments)
    return stream.getvalue()


def test_a_wide_terminal_shows_all_columns_in_one_line():
    text = shown(100, HEADER, GROUPS, WORDS, ("note", "size"))
    assert "a row with a long name that can be wrapped  123456789   0.5  a note" in text
    assert "first" in text and "wider" not in text


@pytest.mark.parametrize(
    ("width", "left_out"), [(60, []), (50, ["note"]), (40, ["note", "size"]), (20, ["note", "size"])]
)
def test_a_narrow_terminal_wraps_the_first_column_and_then_leaves_columns_out(width, left_out):
    text = shown(width, HEADER, GROUPS, WORDS, ("note", "size"))
    assert max(map(len, text.splitlines())) <= width and "0.5" in text
    assert ("123456789" in text) == ("size" not in left_out) and ("a note" in text) == (
        "note" not in left_out
    )
    assert (f"a wider terminal also shows: {', '.join(left_out)};" in " ".join(text.split())) == bool(
        left_out
    )


@pytest.fixture
def narrow(monkeypatch):
    """A stream that stands for a terminal of 80 columns."""
    stream = io.StringIO()
    monkeypatch.setattr(options, "console", lambda width: Console(file=stream, width=80))
    return stream


def rows_of(stream):
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    return lines


def test_check_in_80_columns(narrow):
    result = {
        "what": "net relu, batch norm, dropout, bidirectional, squared error at every step", "against": "derivatives",
        "backend": "cpu", "dtype": "float64", "error": 1e-9, "tolerance": 1e-6, "kinks": 0, "result": "passed",
        "ms": 12345.6, "detail": "",
    }  # fmt: skip
    check._print_table([result, result | {"what": "op affine", "result": "failed"}], 83.0)
    lines = rows_of(narrow)
    assert any(
        line.split() == ["op", "affine", "1.0e-09", "1.0e-06", "0", "failed", "12346"] for line in lines
    )
    assert " cpu against derivatives," in [line.rstrip() for line in lines]
    assert lines[-1] == "1 of 2 checks passed in 0:01:23"


def test_bench_in_80_columns(narrow):
    line = {
        "candidate": "indrnn_np, both passes", "ms": 12.3, "ms_low": 12.2, "ms_high": 12.9, "calls": 20,
        "us_per_step": 15.7, "times_floor": 0.97, "gb_per_s": None, "share_of_copy": None, "note": "",
        "library": "OpenBLAS 0.3.31.188.0 SkylakeX",
    }  # fmt: skip
    case = {"name": "mnist-layer", "T": 784, "B": 32, "D": 128, "H": 128, "layers": 1, "lines": [line], "wrong": {},
            "left_out": {}, "note": "", "checks": {}}  # fmt: skip
    result = {
        "cases": [case],
        "machine": {"advice": ["a word of advice"]},
        "threads": 2,
        "dtype": "float32",
        "blas": "-",
    }
    bench._print(result, report.HEADER, [report.cells(case)], [])
    lines = rows_of(narrow)
    assert any(line.split() == "indrnn_np, both passes 12.3 15.7 0.97 - -".split() for line in lines)
    assert any("mnist-layer (784, 32, 128, 128)" in line for line in lines)
    text = " ".join(narrow.getvalue().split())
    assert "also shows: BLAS and core, calls, quartiles" in text and "× floor below 1: faster than" in text
    assert "a word of advice" in text
