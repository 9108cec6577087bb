"""Copies are whole: their views refer to their own flat array, and they train to the bits of the original."""

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from small_training import gradients, make, trained

import indrnn_np as ir
from indrnn_np import backend
from indrnn_np.parameters import Views

each_backend = pytest.mark.parametrize("name", backend.backends())
WAYS = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
    "pickle of protocol 2": lambda value: pickle.loads(pickle.dumps(value, 2)),
}
WHOLE = {name: way for name, way in WAYS.items() if name != "copy"}  # copy.copy of a list copies no element
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
each_whole_way = pytest.mark.parametrize("way", WHOLE.values(), ids=WHOLE)


def same(one, other):
    state, its = one.state_dict(), other.state_dict()
    assert set(state) == set(its)
    for name, value in state.items():
        np.testing.assert_array_equal(value, its[name], strict=True)


def whole(views, ops):
    """Do all arrays lie one after another in the flat array?"""
    ops.device.assign(views.flat, np.arange(views.flat.size, dtype=views.flat.dtype))
    parts = [ops.device.to_host(array).reshape(-1) for array in views.values()]
    return np.array_equal(np.concatenate([*parts, np.empty(0)]), ops.device.to_host(views.flat))


@each_backend
@each_way
def test_a_copied_network_trains_to_the_bits_of_the_original_and_leaves_it_alone(name, way):
    net, optimizer = make(name), ir.Adam(0.05, weight_decay=0.1, lr_of={"u": 0.1})
    trained(net, optimizer)
    before, other, its = net.state_dict(), way(net), way(optimizer)
    assert other.ops is net.ops and (other.seed, other.iteration, other.steps) == (1, 2, 3)
    trained(other, its, (3, 4))
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[key])
    assert (other.device.to_host(other.flat) != net.device.to_host(net.flat)).any()
    trained(net, optimizer, (3, 4))
    same(other, net)
    same(its, optimizer)
    assert whole(other.params, other.ops) and whole(other.buffers, other.ops)
    same(net, way(net))


@each_backend
@each_way
def test_copied_gradients_are_whole(name, way):
    net = make(name)
    grads = gradients(net)
    other = way(grads)
    assert list(other.shapes.items()) == list(grads.shapes.items())
    np.testing.assert_array_equal(net.device.to_host(other.flat), net.device.to_host(grads.flat))
    ir.clip_norm(other, 1e-3)
    assert (
        np.linalg.norm(net.device.to_host(other.flat)) < 2e-3 < np.linalg.norm(net.device.to_host(grads.flat))
    )
    assert whole(other, net.ops)


@each_backend
@each_whole_way
def test_what_is_copied_together_stays_together(name, way):
    net, optimizer = make(name), ir.Adam(0.05)
    trained(net, optimizer)
    grads = gradients(net)
    its, params, flat, other, own = way([optimizer, net.params, net.flat, net, grads])
    assert params is other.params and flat is other.flat
    its.update(other, own)
    optimizer.update(net, grads)
    same(other, net)


@each_backend
@each_whole_way
def test_a_network_and_its_tape_go_backward_together(name, way):
    net = make(name)
    y, _, tape = net.forward(np.ones((3, 4, 2), np.float32), work=ir.Workspace())
    other, its = way([net, tape])
    dy = np.ones(y.shape, np.float32)
    found = [n.device.to_host(n.backward(dy, t)[2].flat) for n, t in ((net, tape), (other, its))]
    np.testing.assert_array_equal(*found)


def test_other_libraries_copy_by_these_ways():
    """What holds a network is copied by deepcopy (sklearn.clone of an estimator) and by pickle (joblib)."""

    class Estimator:
        def __init__(self, net, optimizer):
            self.net, self.optimizer = net, optimizer

    one = Estimator(make(), ir.SGD(0.1, momentum=0.9))
    two = copy.deepcopy(one)
    same(trained(one.net, one.optimizer), trained(two.net, two.optimizer))


def test_arrays_that_come_back_read_only_are_copied(tmp_path):
    """joblib hands large arrays to its workers as read-only memory maps."""
    net, optimizer = make(), ir.Adam(0.05)
    trained(net, optimizer)
    kept = []

    class Maps(pickle.Pickler):
        def persistent_id(self, value):
            if not isinstance(value, np.ndarray) or value.size == 0:
                return None
            np.save(path := tmp_path / f"{len(kept)}.npy", value)
            kept.append(path)
            return str(path)

    class Opens(pickle.Unpickler):
        def persistent_load(self, path):
            return np.load(path, mmap_mode="r")

    with open(tmp_path / "pickle", "wb") as file:
        Maps(file).dump([net, optimizer])
    with open(tmp_path / "pickle", "rb") as file:
        other, its = Opens(file).load()
    assert len(kept) >= 4 and type(other.flat) is np.ndarray
    same(trained(net, optimizer, (3,)), trained(other, its, (3,)))
    same(optimizer, its)


def test_another_process_trains_to_the_same_bits():
    net, optimizer = make(), ir.Adam(0.05)
    trained(net, optimizer)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as processes:
        other = processes.submit(trained, net, optimizer, (3, 4)).result()
    same(other, trained(net, optimizer, (3, 4)))
    assert whole(other.params, other.ops)


@each_backend
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_astype_is_whole(name, dtype):
    net = trained(make(name), ir.SGD(0.1))
    other = net.astype(dtype)
    trained(other, ir.SGD(0.1))
    assert whole(other.params, other.ops) and whole(other.buffers, other.ops)


@pytest.mark.parametrize("cut", [slice(None), slice(1, 3)])
@each_way
def test_arrays_in_the_gpus_memory_are_copied(way, cut):
    if "cuda" not in backend.backends():
        pytest.skip("no GPU and no simulator")
    ops = backend.get("cuda")
    array = ops.device.asarray(np.arange(12, dtype=np.float32).reshape(4, 3))[cut]
    other = way(array)
    np.testing.assert_array_equal(ops.device.to_host(other), ops.device.to_host(array), strict=True)
    assert not other.shares_memory(array)


def test_nothing_takes_the_flat_array_away_from_its_views():
    views = Views({"a": (2,), "b": (3, 1)}, np.zeros(5))
    with pytest.raises(AttributeError):
        views.flat = np.ones(5)
    with pytest.raises(AttributeError):
        make().flat = np.ones(5)
    assert whole(views, backend.get("reference"))
