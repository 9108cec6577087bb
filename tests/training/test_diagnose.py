"""Runs that go wrong: numbers that stop being finite, Ctrl-C, disks and folders that can't be written."""

import errno
import json
import os
import signal
import threading

import numpy as np
import pytest
from small_runs import QUIET, adding, adding_run, curve, net_for

import indrnn_np as ir
from indrnn_np import _files
from indrnn_np.training import run_directory
from indrnn_np.training.diagnose import Diverged


def test_a_nan_parameter_is_found_where_it_first_acts(tmp_path):
    task = adding()
    net = net_for(task)
    net.params["1.u"][4] = np.nan
    words = (
        r"train: the loss is nan in iteration 0, expected a finite number; the first nan is in parameter 1.u\[4\]; "
        r"the first nan is in the output of layer 1 \(IndRNN\) at step t = 0, sample = 0, neuron = 4"
    )
    with pytest.raises(Diverged, match=words) as caught:
        ir.fit(net, task, ir.Adam(), iterations=5, batch=3, **QUIET)
    assert [place.layer for place in caught.value.places] == [1, 1] and net.iteration == 0


def test_an_overflow_is_found_at_its_step_and_the_state_before_it_is_kept(tmp_path):
    """u = 3 and 200 steps: 3^81 is more than float32 holds, so the first infinity stands many steps after the input."""
    x = np.zeros((200, 2, 1), np.float32)
    x[10, 1] = 1.0
    layer = ir.IndRNN(1, 3, constrain=False, recurrent_init=3.0, input_init=0.1)
    net = ir.Sequential([layer, ir.BatchNorm(3), ir.LastStep(), ir.Linear(3, 1)], backend="reference")
    net.params["0.W"][...] = [[0.0], [1.0], [0.0]]
    before = {name: array.copy() for name, array in net.state_dict().items()}
    place = r"output of layer 0 \(IndRNN\) at step t = 91, sample = 1, neuron = 1"
    words = place + "; the last good state is in .*00000000.npz"
    with np.errstate(all="ignore"), pytest.raises(Diverged, match=words):
        ir.fit(
            net, (x, np.zeros((2, 1), np.float32)), ir.Adam(), iterations=5, batch=2, out=tmp_path, **QUIET
        )
    for name, array in ir.load(tmp_path / "checkpoints" / "iteration-00000000.npz").net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
        np.testing.assert_array_equal(net.state_dict()[name], before[name])


def test_a_gradient_that_overflows_is_found(tmp_path):
    """Forward stays small (W is 0), backward grows by 3 a step."""
    x = np.ones((200, 2, 1), np.float32)
    net = ir.Sequential([ir.IndRNN(1, 3, activation="identity", constrain=False, recurrent_init=3.0, input_init=0.0),
                         ir.LastStep(), ir.Linear(3, 1)], backend="reference")  # fmt: skip
    place = r"pre-activations of layer 0 \(IndRNN\) at step t = 1\d\d, sample = 0"
    words = "the gradient norm is (inf|nan) in iteration 0.*" + place
    with np.errstate(all="ignore"), pytest.raises(Diverged, match=words):
        ir.fit(net, (x, np.ones((2, 1), np.float32)), ir.Adam(), iterations=5, batch=2, **QUIET)


class Spoilt:
    """A task of the user's own whose data goes wrong in its third batch."""

    def __init__(self, **values):
        self.task, self.values = adding(), values

    def batch(self, iteration, size):
        batch = self.task.batch(iteration, size)
        if iteration == 2:
            for name, (index, value) in self.values.items():
                getattr(batch, name)[index] = value
        return batch

    def __getattr__(self, name):
        return getattr(self.task, name)


@pytest.mark.parametrize(
    ("values", "place"),
    [
        (
            {"x": ((4, 1, 0), np.nan)},
            r"the first nan is in the input x at step t = 4, sample = 1, neuron = 0",
        ),
        (
            {"target": ((2, 0), np.inf)},
            r"the first -inf is in the gradient of the loss at sample = 2, neuron = 0",
        ),
        ({"target": ((2, 0), 1e30)}, r"the first inf is in the loss itself \(mse\), from finite outputs"),
    ],
)
def test_data_that_goes_wrong_on_the_way(values, place):
    net = net_for(adding())
    with (
        np.errstate(all="ignore"),
        pytest.raises(Diverged, match=r"in iteration 2, expected a finite number; " + place),
    ):
        ir.fit(net, Spoilt(**values), ir.Adam(), iterations=5, batch=3, validate_every=0, **QUIET)
    assert net.iteration == 2 and np.isfinite(net.flat).all()


def test_a_parameters_gradient_that_overflows_is_named():
    net = ir.Sequential([ir.LastStep(), ir.Linear(1, 1)], backend="reference")
    net.params["1.W"][...] = 0
    data = np.full((2, 3, 1), 3e38, np.float32), np.full((3, 1), -100, np.float32)
    words = r"gradient norm is inf .*the first inf is in the gradient of 1.W\[0, 0\]; the network has the state before"
    with np.errstate(all="ignore"), pytest.raises(Diverged, match=words):
        ir.fit(net, data, ir.Adam(), iterations=1, batch=3, **QUIET)


def test_a_learning_rate_that_is_far_too_large(tmp_path):
    task = adding()
    with np.errstate(all="ignore"), pytest.raises(Diverged) as caught:
        ir.fit(
            net_for(task),
            task,
            ir.SGD(1e30),
            iterations=50,
            batch=3,
            checkpoint_every=1,
            out=tmp_path,
            **QUIET,
        )
    assert "the last good state is in" in str(caught.value)
    assert np.isfinite(ir.load(run_directory.find_checkpoint(tmp_path)).net.flat).all()


def test_an_update_that_overflows_leaves_the_checkpoint_before():
    task = adding()
    with (
        np.errstate(all="ignore"),
        pytest.raises(Diverged, match=r"a parameter is not finite after the update .*parameter "),
    ):
        ir.fit(net_for(task), task, ir.SGD(1e300), iterations=5, batch=3, **QUIET)


def test_a_full_disk_stops_the_run_with_a_sentence(tmp_path, monkeypatch):
    def full(*arguments, **options):
        if "a" in str(arguments[1:]):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return open(*arguments, **options)

    monkeypatch.setattr(run_directory, "open", full, raising=False)
    with pytest.raises(
        OSError, match=r"can't be written \(No space left on device\), expected a folder to write to"
    ):
        adding_run(tmp_path / "run", 5)
    monkeypatch.undo()

    def no_room(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(_files.os, "fsync", no_room)
    with pytest.raises(OSError, match=r"can't be written \(No space left on device\)"):
        adding_run(tmp_path / "other", 5)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"train: out is '.*file/run', which can't be written"):
        adding_run(tmp_path / "file" / "run", 5)


class Interrupting:
    """A task that presses Ctrl-C in a given iteration."""

    def __init__(self, task, at):
        self.task, self.at = task, at

    def batch(self, iteration, size):
        if iteration == self.at:
            signal.raise_signal(signal.SIGINT)
        return self.task.batch(iteration, size)

    def __getattr__(self, name):
        return getattr(self.task, name)


def test_ctrl_c_ends_with_a_checkpoint_and_resumes_exactly(tmp_path):
    def run(task, **options):
        net = net_for(adding())
        return ir.fit(
            net,
            task,
            ir.Adam(1e-2),
            iterations=12,
            batch=5,
            log_every=5,
            validate_every=4,
            **QUIET,
            **options,
        )

    before = signal.getsignal(signal.SIGINT)
    stopped = run(Interrupting(adding(), 6), out=tmp_path)
    assert stopped.summary["ended"] == "interrupted" and stopped.net.iteration == 7
    assert signal.getsignal(signal.SIGINT) is before
    assert json.loads((tmp_path / "summary.json").read_text())["iterations"] == 7
    assert run_directory.find_checkpoint(tmp_path).name == "iteration-00000007.npz"
    assert curve(run(adding(), out=tmp_path, resume=tmp_path)) == curve(run(adding()))


def test_the_second_ctrl_c_aborts():
    class Twice(Interrupting):
        def batch(self, iteration, size):
            signal.raise_signal(signal.SIGINT)
            return super().batch(iteration, size)

    task = Twice(adding(), 0)
    with pytest.raises(KeyboardInterrupt):
        ir.fit(net_for(adding()), task, ir.Adam(), iterations=9, batch=5, **QUIET)


def test_in_another_thread_signals_are_left_alone():
    results = []

    def work():
        results.append(ir.fit(net_for(adding()), adding(), ir.Adam(), iterations=2, batch=5, **QUIET))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert results[0].net.iteration == 2
