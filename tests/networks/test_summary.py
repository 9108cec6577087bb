"""What a notebook and a terminal show of a network."""

import re
from html.parser import HTMLParser

import pytest

import indrnn_np as ir


class Table(HTMLParser):
    """The texts of the cells, row by row, and all tags."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.tags = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows:
            self.rows[-1][-1] += data.replace("\N{NO-BREAK SPACE}", " ")


@pytest.fixture
def net():
    inner = ir.Residual([ir.IndRNN(8, 8), ir.BatchNorm(8)])
    stack = [ir.IndRNN(3, 8, activation="tanh"), inner, ir.LastStep(), ir.Linear(8, 2)]
    return ir.Sequential(stack, steps=5, backend="reference", dtype="float64")


def test_the_table_holds_shapes_parameters_and_memory(net):
    head, *rows, total = Table(net._repr_html_()).rows
    assert head == ["", "layer", "output", "arrays", "parameters", "memory"]
    assert rows == [
        ["0", "IndRNN(3, 8, activation='tanh')", "(T, B, 8)", "W 8 × 3, u 8, b 8", "40", "320 bytes"],
        ["1", "Residual([IndRNN(8, 8), BatchNorm(8)])", "(T, B, 8)",
         "0.W 8 × 8, 0.u 8, 0.b 8, 1.scale 8, 1.shift 8", "96", "768 bytes"],
        ["2", "LastStep()", "(B, 8)", "", "0", "0 bytes"],
        ["3", "Linear(8, 2)", "(B, 2)", "W 2 × 8, b 2", "18", "144 bytes"],
    ]  # fmt: skip
    assert total == ["", "all layers", "", "", "154", "1.203 KiB"]
    assert sum(int(row[4]) for row in rows) == net.size
    assert "input (T, B, 3)" in net._repr_html_()


def test_the_output_shapes_are_those_of_the_network(net):
    import numpy as np

    y, _, _ = net.forward(np.zeros((5, 7, 3)))
    assert Table(net._repr_html_()).rows[-2][2] == f"(B, {y.shape[1]})" and len(y) == 7


def test_the_table_takes_the_colours_of_the_page_and_is_escaped(net):
    shown = Table(net._repr_html_())
    assert {value for _, attributes in shown.tags for value in attributes.values()} == {"text-align: left"}
    assert net._repr_html_().count("<") == len(re.findall(r"</?(?:p|table|tr|th|td)[ >]", net._repr_html_()))
    assert "&#x27;tanh&#x27;" in net._repr_html_()


def test_symbols_have_no_size():
    net = ir.Sequential([ir.Embedding(9, 4), ir.IndRNN(4, 6)], steps=5, backend="reference")
    assert "input symbols (T, B)" in net._repr_html_()
    assert [row[2] for row in Table(net._repr_html_()).rows[1:3]] == ["(T, B, 4)", "(T, B, 6)"]


def test_the_repr_is_one_line_and_print_shows_the_layers(net):
    assert repr(net) == "<Sequential on 'reference', float64, steps=5, 4 layers, 154 parameters>"
    assert str(net).splitlines() == [
        repr(net), "    0: IndRNN(3, 8, activation='tanh')", "    1: Residual([IndRNN(8, 8), BatchNorm(8)])",
        "    2: LastStep()", "    3: Linear(8, 2)",
    ]  # fmt: skip
