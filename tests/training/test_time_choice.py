"""time="auto" in a run: chosen once by the table, logged, stored, and repeated by evaluations and resumed runs."""

import json

import numpy as np
import pytest
from small_runs import QUIET, adding, curve, net_for

import indrnn_np as ir
from indrnn_np.layers import time_table
from indrnn_np.training import time_choice

STEPS = 100  # four chunks of 32 steps


def table_of(pairs):
    return time_table.TimeTable("a test", {"reference": {"relu": pairs, "tanh": []}})


@pytest.fixture
def shipped(monkeypatch):
    """A function that replaces the table of the package."""

    def replace(pairs):
        monkeypatch.setattr(time_table, "shipped", lambda: table_of(pairs))

    return replace


def fit(net, out, iterations, **options):
    options = {"batch": 3, "validate_every": 2, "checkpoint_every": 2, "out": out} | QUIET | options
    return ir.fit(net, adding(STEPS), ir.Adam(1e-2), iterations=iterations, **options)


def times(net):
    return [layer.time for _, layer in time_choice.recurrences(net.layers)]


def log_of(out):
    return (out / "log.txt").read_text(encoding="utf-8")


def test_the_choice_is_logged_and_stored(tmp_path, shipped):
    shipped([(18, 50)])
    net = net_for(adding(STEPS), time="auto")
    fit(net, tmp_path, 2)
    assert times(net) == ["parallel", "parallel"]
    assert "time: parallel (T = 100, B = 3, by a test)\n" in log_of(tmp_path)
    stored = ir.load(tmp_path / "checkpoints" / "iteration-00000002.npz").net
    assert stored.layers == net.layers


def test_a_resumed_run_repeats_the_choice_whatever_the_table_says(tmp_path, shipped):
    """And continues bit for bit."""
    task = adding(STEPS)
    shipped([(18, 50)])
    whole = fit(net_for(task, time="auto"), tmp_path / "whole", 4)
    fit(net_for(task, time="auto"), tmp_path / "run", 2)
    shipped([])
    resumed = fit(net_for(task, time="auto"), tmp_path / "run", 4, resume=tmp_path / "run")
    assert times(resumed.net) == ["parallel", "parallel"]
    assert "time: parallel (as stored in " in log_of(tmp_path / "run")
    assert np.array_equal(resumed.net.flat, whole.net.flat) and curve(resumed) == curve(whole)


def test_a_choice_of_its_own_for_each_layer(tmp_path, shipped):
    shipped([(15, 50)])
    layers = [
        ir.IndRNN(2, 5, time="auto"), ir.Residual([ir.Bidirectional(ir.IndRNN(5, 2, time="auto")), ir.Linear(4, 5)]),
        ir.IndRNN(5, 6, time="auto"), ir.IndRNN(6, 4, "tanh", time="auto"), ir.IndRNN(4, 4), ir.LastStep(),
        ir.Linear(4, 1),
    ]  # fmt: skip
    net = ir.Sequential(layers, steps=STEPS, backend="reference")
    fit(net, tmp_path, 1)
    assert times(net) == ["parallel", "parallel", "serial", "serial", "serial"]
    assert "time: serial in layers 2, 3; parallel in layers 0, 1.0 (T = 100, " in log_of(tmp_path)
    again = ir.Sequential(layers, steps=STEPS, backend="reference")
    fit(again, tmp_path, 2, resume=tmp_path)
    assert again.layers == net.layers


def test_a_serial_choice_fuses_batch_norm_again(tmp_path, shipped):
    shipped([])
    net = net_for(adding(STEPS), time="auto", batchnorm=True)
    assert net.fusion_plan[1] is False  # the batch norm before the second cell
    fit(net, tmp_path, 1)
    assert net.fusion_plan[1] is True


def test_a_run_without_auto_logs_nothing(tmp_path):
    net = net_for(adding(STEPS), time="parallel")
    layers = net.layers
    fit(net, tmp_path, 1)
    assert net.layers is layers and "time:" not in log_of(tmp_path)


def test_a_file_replaces_the_table(tmp_path):
    path = tmp_path / "table.json"
    backends = {"reference": {"source": "a test", "least_steps": {"relu": [[18, 100]]}}}
    path.write_text(
        json.dumps({"format": time_table.FORMAT, "version": 1, "backends": backends}), encoding="utf-8"
    )
    net = net_for(adding(STEPS), time="auto")
    fit(net, tmp_path / "run", 1, time_table=path)
    assert times(net) == ["parallel", "parallel"] and f"by {path})" in log_of(tmp_path / "run")
    stored = ir.load(tmp_path / "run" / "checkpoints" / "iteration-00000001.npz")
    assert stored.meta["plan"]["time_table"] == str(path)


@pytest.mark.parametrize(("time", "table", "error", "words"), [
    ("serial", "table.json", ValueError, "train: time_table is 'table.json', expected None because no layer of the "),
    ("auto", "no.json", FileNotFoundError, "time table: no.json is not a file, expected a JSON file with a time table"),
    ("auto", 7.5, TypeError, "Plan: time_table is 7.5 .*, expected a path"),
])  # fmt: skip
def test_a_table_that_cannot_be_used(time, table, error, words):
    with pytest.raises(error, match=words):
        fit(net_for(adding(STEPS), time=time), None, 1, time_table=table)


def test_time_is_no_argument_of_fit():
    with pytest.raises(
        TypeError, match=r"an argument is called 'time', .* \(set it in the network, as in ir.plain"
    ):
        fit(net_for(adding(STEPS)), None, 1, time="parallel")
