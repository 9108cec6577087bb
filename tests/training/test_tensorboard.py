"""Event files: the numbers of the metrics and of the layers, once each, also after a resumed run."""

import struct
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from small_runs import QUIET, adding, adding_run, curve, net_for
from tensorboardX.proto import event_pb2

import indrnn_np as ir
from indrnn_np.training.tensorboard import TensorBoard


def events(folder):
    """Yield the events of a folder in the order of their files."""
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            yield event_pb2.Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]


def shown(folder):
    """Return {name: {iteration: value}} as TensorBoard shows it: a start hides the events from its step on."""
    curves = {}
    for event in events(folder):
        if event.session_log.status == event_pb2.SessionLog.START:
            for points in curves.values():
                for iteration in [i for i in points if i >= event.step]:
                    del points[iteration]
        for value in event.summary.value:
            points = curves.setdefault(value.tag, {})
            assert event.step not in points, f"{value.tag} has two values at {event.step}"
            points[event.step] = value.histo if value.HasField("histo") else value.simple_value
    return curves


def test_the_numbers_of_the_metrics_and_of_the_layers(tmp_path):
    gradients = {}

    class Reads:
        """An observer that keeps the gradient of the last update of each training line."""

        def observe(self, trainer, line):
            if line["kind"] == "train":
                gradients[line["iteration"]] = {n: g.copy() for n, g in trainer.step.grads.items()}

    with TensorBoard(tmp_path / "events") as board:
        result = adding_run(tmp_path / "run", 8, callbacks=[board, Reads()])
    curves = shown(tmp_path / "events")
    for name in ("mse", "lr", "gradient_norm", "steps_per_second", "seconds"):
        expected = {line["iteration"]: line[name] for line in result.history if line["kind"] == "train"}
        assert curves.pop(f"train/{name}") == pytest.approx(expected)
    validation = dict(zip(*result.curve("mse", "validation"), strict=True))
    assert curves["validation/mse"] == pytest.approx(validation) and set(validation) == {4, 8}
    assert curves["final/test/mse"] == pytest.approx({8: result.summary["final"]["test"]["mse"]})
    layers = {name.split("/")[1] for name in curves if name.startswith("gradient_norm/")}
    assert layers == {"0", "1", "3"} and set(gradients) == {3, 6}
    for layer in layers:
        for iteration, arrays in gradients.items():
            flat = np.concatenate([g.ravel() for n, g in arrays.items() if n.startswith(f"{layer}.")])
            norm = np.linalg.norm(flat.astype(np.float64))
            assert curves[f"gradient_norm/{layer}"][iteration] == pytest.approx(norm, rel=1e-6)
    for layer in ("0", "1"):
        histogram = curves[f"u/{layer}"][6]
        assert histogram.num == 6 and sum(histogram.bucket) == 6 and histogram.max < 1.1
    assert "u/3" not in curves


def test_a_resumed_run_continues_the_curves_without_a_second_value(tmp_path):
    """It goes on from iteration 5, although the run before it went on to 8."""
    run = tmp_path / "run"
    for done, iterations, more in (
        (0, 8, {}),
        (5, 12, {"resume": run / "checkpoints" / "iteration-00000005.npz"}),
    ):
        with TensorBoard(tmp_path / "events", done) as board:
            result = adding_run(run, iterations, callbacks=[board], **more)
    with TensorBoard(tmp_path / "at once") as board:
        whole = adding_run(tmp_path / "whole", 12, callbacks=[board])
    assert curve(result) == curve(whole) and len(list((tmp_path / "events").iterdir())) == 2
    resumed, once = shown(tmp_path / "events"), shown(tmp_path / "at once")
    clock = ("seconds", "steps_per_second")
    for curves in (resumed, once):
        for name in [name for name in curves if name.endswith(clock)]:
            del curves[name]
    assert list(resumed["train/mse"]) == [3, 6, 9, 12] and resumed == once


def test_values_that_are_not_finite_are_left_out(tmp_path):
    with TensorBoard(tmp_path) as board:
        board.observe(None, {"kind": "validation", "iteration": 3, "mse": None, "seconds": 1.0})
    assert list(shown(tmp_path)) == ["validation/seconds"]


def test_nothing_is_written_before_the_first_line(tmp_path):
    with TensorBoard(tmp_path / "events"):
        pass
    assert not (tmp_path / "events").exists()


def test_without_tensorboardx_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ModuleNotFoundError, match=r"tensorboardX is not installed.*indrnn-np\[tensorboard\]"):
        TensorBoard(tmp_path)


def test_an_observer_is_no_callback_of_iterations():
    lines, iterations = [], []
    observer = SimpleNamespace(
        observe=lambda trainer, line: lines.append((trainer.net.iteration, line["kind"]))
    )
    ir.fit(net_for(adding()), adding(), ir.Adam(), iterations=2, batch=3, log_every=1, validate_every=2,
           callbacks=[observer, iterations.append], **QUIET)  # fmt: skip
    assert iterations == [0, 1, 2]
    assert lines == [(1, "train"), (2, "train"), (2, "validation"), (2, "final"), (2, "final")]
