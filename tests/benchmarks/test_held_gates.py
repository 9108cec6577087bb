"""benchmarks/held_gates.py: held gates are constant after updates too, and its file keeps the runs of each call."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import small_texts

import indrnn_np as ir

ROOT = Path(__file__).parents[2]


@pytest.fixture
def held_gates(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("held_gates")


@pytest.mark.parametrize("held", ["f", "ifo"])
def test_updates_leave_the_rows_of_held_gates_zero(held_gates, held):
    net = ir.Sequential([held_gates.held_layer(ir.LSTM(3, 4), held)], steps=6)
    x, adam = np.random.default_rng(0).standard_normal((6, 5, 3), dtype="float32"), ir.Adam(0.1)
    bias = net.params["0.b"].copy()
    for _ in range(4):
        y, _, tape = net.forward(x)
        adam.update(net, net.backward(np.ones_like(y), tape)[2])
    assert (net.params["0.b"] != bias).all()
    for name in ("0.W", "0.U"):
        blocks = net.params[name].reshape(4, 4, -1)
        assert "".join(gate for gate, block in zip("ifgo", blocks, strict=True) if not block.any()) == held
        assert all(block.all() for gate, block in zip("ifgo", blocks, strict=True) if gate not in held)


def test_the_file_keeps_the_runs_of_each_call(held_gates, tmp_path, monkeypatch):
    data, out = small_texts.write(tmp_path, length=5000), tmp_path / "runs.json"
    monkeypatch.setattr(held_gates, "HIDDEN", {"": 4, "f": 5})
    measure = held_gates.measure
    monkeypatch.setattr(held_gates, "measure", lambda *args: measure(*args, epochs=2.0))
    for held in ("", "f"):
        options = ["--data", str(data), "--held", held, "--seeds", "3", "--out", str(out)]
        monkeypatch.setattr(sys, "argv", ["held_gates.py", *options])
        held_gates.main()
    whole, forget = json.loads(out.read_text())["runs"]
    assert whole["parameters"] == 7 * 128 + 16 * (128 + 4) + 16 + 2 * 4 + 7 * 5
    assert forget["parameters"] == 7 * 128 + 15 * (128 + 5) + 20 + 2 * 5 + 7 * 6
    assert (forget["held"], forget["seed"]) == ("f", 3) and forget["validation"] != whole["validation"]
