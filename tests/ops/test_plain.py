"""The plain twins, which a reader meets before the tuned ones: right, short, and clear about what they leave out."""

import ast
import importlib
import inspect
from pathlib import Path

import numpy as np
import pytest
from entries import ENTRIES
from hypothesis import given
from hypothesis import strategies as st
from strategies import BACKENDS, batches, dtypes, seeds, units
from tolerances import assert_close

import indrnn_np.ops
from indrnn_np import backend
from indrnn_np.ops.catalogue import Draw

LEFT_OUT = {
    (*function, twin.removeprefix("plain_")): names
    for function, entry in ENTRIES.items()
    for twin, names in entry.leaves_out.items()
}
OPS = sorted({op for op, *_ in LEFT_OUT})
ROOT = Path(indrnn_np.ops.__file__).parent
each_twin = pytest.mark.parametrize("kind", ["cpu", "cuda"])


def plain(op, kind):
    return importlib.import_module(f"indrnn_np.ops.{op}.plain_{kind}")


def run(function, device, arguments):
    """Call a function with copies of arrays where it takes them; return its results, and all arrays afterwards."""
    there = {
        key: device.copy(device.asarray(a)) if isinstance(a, np.ndarray) else a
        for key, a in arguments.items()
    }
    results = function(**there)
    results = () if results is None else results if isinstance(results, tuple) else (results,)
    return [device.to_host(array) for array in (*results, *there.values()) if hasattr(array, "shape")]


def scales(op, name, arguments, results):
    """Return how far each array may be off, in tolerances: sums over all steps and samples round differently."""
    if (op, name) != ("batchnorm", "backward"):
        return [10] * len(results)
    dy, var, scale = arguments["dy"], arguments["var"], arguments["scale"]
    dx = max(np.abs(results[0]).max(), np.finfo(dy.dtype).tiny)
    cancelling = (
        np.abs(dy * scale / np.sqrt(var + 1e-5)).max() / dx
    )  # dx is a difference that may nearly cancel
    sums = dy.shape[0] * dy.shape[1]  # of numbers of both signs
    return [10 * max(1.0, float(cancelling))] + [10 * sums] * (len(results) - 1)


@pytest.mark.parametrize(("op", "name", "kind"), sorted(LEFT_OUT))
@given(data=st.data(), T=st.integers(1, 9), B=batches, D=units, H=units, dtype=dtypes, seed=seeds)
def test_a_plain_twin_equals_the_reference(op, name, kind, data, T, B, D, H, dtype, seed):
    if kind not in BACKENDS:
        pytest.skip("no GPU and no simulator")
    entry, left_out = ENTRIES[op, name], LEFT_OUT[op, name, kind]
    options = [o for o in entry.variants() if not any(o.get(key) for key in left_out)]
    d = Draw(np.random.default_rng(seed), dtype, T + (op == "batchnorm"), B, D, H)
    drawn = entry.arguments(d, **data.draw(st.sampled_from(options)))
    arguments = {key: value for key, value in drawn.items() if key not in left_out}
    absent = data.draw(st.sampled_from([(), *({key} for key in ("dh", "dhT") if key in arguments)]))
    arguments |= dict.fromkeys(absent)
    found = run(getattr(plain(op, kind), name), backend.get(kind).device, arguments)
    expected = run(entry.reference(), backend.get("reference").device, arguments)
    for number, scale in enumerate(scales(op, name, arguments, expected)):
        assert_close(found[number], expected[number], f"array {number}", scale)


@each_twin
def test_the_cell_has_a_bias_gradient_without_inputs(kind):
    if kind not in BACKENDS:
        pytest.skip("no GPU and no simulator")
    arguments = ENTRIES["indrnn", "backward"].arguments(Draw(np.random.default_rng(0), "float32", 5, 3, 0, 4))
    arguments = {key: a for key, a in arguments.items() if key not in LEFT_OUT["indrnn", "backward", kind]}
    *_, db, _ = run(plain("indrnn", kind).backward, backend.get(kind).device, arguments)[:5]
    assert_close(db, ENTRIES["indrnn", "backward"].reference()(**arguments)[3])


@pytest.mark.parametrize(("op", "name", "kind"), sorted(LEFT_OUT))
def test_an_option_that_a_plain_twin_leaves_out_is_refused_by_name(kind, op, name):
    function, reference = getattr(plain(op, kind), name), getattr(backend.get("reference"), op)
    own, whole = inspect.signature(function), inspect.signature(getattr(reference, name))
    assert [p for p in whole.parameters if p not in own.parameters] == list(LEFT_OUT[op, name, kind])
    assert list(own.parameters) == [p for p in whole.parameters if p in own.parameters]
    for option in LEFT_OUT[op, name, kind]:
        with pytest.raises(TypeError, match=option):
            function(**{option: None})


@each_twin
def test_every_plain_twin_says_what_it_leaves_out(kind):
    assert {path.parent.name for path in ROOT.glob(f"*/plain_{kind}.py")} == set(OPS)


@pytest.mark.parametrize("op", OPS)
@each_twin
def test_functions_of_a_plain_twin_stay_below_20_lines(kind, op):
    tree = ast.parse((ROOT / op / f"plain_{kind}.py").read_text("utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    inner = {id(part) for node in functions for part in ast.walk(node) if part is not node}
    assert functions
    for node in functions:
        holds_another = any(isinstance(part, ast.FunctionDef) for part in node.body)
        if not holds_another or id(node) in inner:
            assert node.end_lineno - node.lineno < 20, node.name


@each_twin
def test_the_cell_computes_no_gradient_of_its_input_on_request(kind):
    if kind not in BACKENDS:
        pytest.skip("no GPU and no simulator")
    arguments = ENTRIES["indrnn", "backward"].arguments(Draw(np.random.default_rng(0), "float32", 5, 3, 4, 6))
    arguments = {key: a for key, a in arguments.items() if key not in LEFT_OUT["indrnn", "backward", kind]}
    backward, device = plain("indrnn", kind).backward, backend.get(kind).device
    there = {key: device.asarray(a) if isinstance(a, np.ndarray) else a for key, a in arguments.items()}
    results = [backward(**there, input_gradient=needed) for needed in (True, False)]
    assert results[1][0] is None
    for first, second in zip(results[0][1:], results[1][1:], strict=True):
        assert device.to_host(first).tobytes() == device.to_host(second).tobytes()


@each_twin
@given(value=st.floats(-3, 3), T=st.integers(1, 9), B=batches, dtype=dtypes)
def test_equal_values_are_their_mean(kind, value, T, B, dtype):
    if kind not in BACKENDS:
        pytest.skip("no GPU and no simulator")
    x, one = np.full((T, B, 2), value, dtype), np.ones(2, dtype)
    y, mean, _ = run(
        plain("batchnorm", kind).forward, backend.get(kind).device, {"x": x, "scale": one, "shift": 0 * one}
    )[:3]
    assert (mean == x[0, 0]).all() and not y.any()


def test_a_mean_of_many_float32_values_is_accurate():
    """A sum in float32 would be 5e-5 off; the ladder compares at this size."""
    x, one = np.random.default_rng(0).standard_normal((784, 32, 4), "float32"), np.ones(4, "float32")
    _, mean, _ = plain("batchnorm", "cpu").forward(x, one, 0 * one)
    assert np.abs(mean[0] - x.mean(axis=(0, 1), dtype="float64")).max() < 1e-8
