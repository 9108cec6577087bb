"""What every op promises in every backend: names, dtypes, untouched inputs, the same bits twice."""

import importlib
import inspect
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from entries import (
    ENTRIES,
    EVERYWHERE,
    FUNCTIONS,
    OUT,
    arguments,
    each_function,
    on_each_backend,
    place_of_out,
    run,
)
from strategies import BACKENDS, DTYPES
from tolerances import nan_filled

import indrnn_np.ops
from indrnn_np import backend
from indrnn_np._gradcheck.hosted import hosted
from indrnn_np.ops.catalogue import Draw

ROOT = Path(indrnn_np.ops.__file__).parent


def serving(op):
    """The names of the backends that have a module for the op, the GPU's too: all give and take NumPy arrays here."""
    return [name for name in BACKENDS if backend.get(name).serves(op)]


@pytest.mark.parametrize("op", backend.OPS)
def test_twins_are_listed_and_exist(op):
    """Both ways: a module that no table serves is as wrong as a name without a module."""
    listed = importlib.import_module(f"indrnn_np.ops.{op}").TWINS
    files = {path.stem for path in (ROOT / op).glob("*.py")} & set(backend.NAMES)
    assert set(listed) == files
    assert "reference" in listed and len(set(listed)) == len(listed)
    for name in serving(op):
        assert getattr(backend.get(name), op).__name__.endswith(
            f".{op}.{name if name in listed else 'reference'}"
        )
    for name in set(BACKENDS) - set(serving(op)):
        twins = " or ".join(repr(twin) for twin in sorted(listed))
        words = f"backend: op {op} has no twin for backend '{name}', expected {twins} because"
        with pytest.raises(ValueError, match=words):
            getattr(backend.get(name), op)


def test_every_folder_is_an_op():
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == set(backend.OPS)
    text = indrnn_np.ops.__doc__
    for op in backend.OPS:
        listed = set(importlib.import_module(f"indrnn_np.ops.{op}").TWINS) - {"reference"}
        row = re.search(rf"^ +{op} .*$", text, re.M)[0]
        assert row.split()[-1].strip("-").split(",") == (sorted(listed) or [""]), (
            f"the index of ops/ says of {op}: {row}"
        )


@each_function
def test_twins_have_equal_signatures(op, name):
    reference = inspect.signature(getattr(getattr(backend.get("reference"), op), name))
    for twin in serving(op):
        assert inspect.signature(getattr(getattr(backend.get(twin), op), name)) == reference, twin
    positional = {inspect.Parameter.POSITIONAL_OR_KEYWORD}
    assert {parameter.kind for parameter in reference.parameters.values()} == positional


@pytest.mark.parametrize("op", backend.OPS)
def test_every_function_of_an_op_is_tried_here(op):
    """Each public function that a twin shares with the reference is a function of the op, with an entry."""
    known = {name for other, name in FUNCTIONS if other == op}
    assert known <= set(vars(getattr(backend.get("reference"), op)))
    for name in serving(op):
        module = getattr(backend.get(name), op)
        own = {
            n for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__
        }
        shared = set(vars(getattr(backend.get("reference"), op)))
        assert known <= set(vars(module))
        if module.__name__.endswith(name) and name != "reference":
            assert {n for n in own & shared if not n.startswith("_")} <= known


@on_each_backend
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_dtype_is_kept(backend, op, name, dtype):
    results = run(backend, op, name, dtype=dtype)
    arrays = [found for found in results if found.ndim]
    if (op, name) == ("random", "bits"):
        assert arrays[0].dtype == np.uint32
    else:
        assert {found.dtype for found in arrays} <= {np.dtype(dtype)}
    assert all(found.flags.c_contiguous for found in arrays)


@on_each_backend
def test_inputs_are_untouched(backend, op, name):
    given = arguments(op, name)
    before = {key: value.tobytes() for key, value in given.items() if isinstance(value, np.ndarray)}
    getattr(getattr(hosted(backend), op), name)(**given)
    changed = {key for key, value in before.items() if given[key].tobytes() != value}
    assert changed == set(ENTRIES[op, name].changes)


@on_each_backend
@pytest.mark.parametrize("dtype", DTYPES)
def test_two_runs_give_the_same_bits(backend, op, name, dtype):
    first, second = (run(backend, op, name, dtype=dtype) for _ in range(2))
    assert [found.tobytes() for found in first] == [found.tobytes() for found in second]


@each_function
def test_twins_agree_on_numbers(op, name):
    expected = run("reference", op, name)
    for twin in serving(op):
        for one, other in zip(run(twin, op, name), expected, strict=True):
            assert one.shape == other.shape and one.dtype == other.dtype
            assert np.allclose(one, other, rtol=1e-11, atol=1e-11)
            assert one.tobytes() == other.tobytes() or not ENTRIES[op, name].exact


@each_function
def test_a_number_of_numpy_counts_as_the_same_number_of_python(op, name):
    """np.float32(0.1) is converted before it meets another number: 1 - b1 would be rounded to float32."""
    given = arguments(op, name)
    numbers = [key for key, value in given.items() if type(value) is float]
    single = {key: np.float32(given[key]) for key in numbers}
    for twin in serving(op) if numbers else ():
        one, other = (
            run(twin, op, name, **{k: kind(v) for k, v in single.items()}) for kind in (np.float32, float)
        )
        assert [found.tobytes() for found in one] == [found.tobytes() for found in other], twin


@each_function
def test_a_switch_is_true_or_false(op, name):
    given = arguments(op, name)
    for key, value in given.items():
        for other in (1, "no", np.array([]), np.ones(2)) if isinstance(value, bool) else ():
            for twin in serving(op):
                with pytest.raises(TypeError, match=rf"{op}\.\w+: {key} is .*, expected True or False"):
                    ENTRIES[op, name].function(hosted(twin))(**given | {key: other})


@each_function
def test_an_eps_that_is_zero_in_the_dtype_is_refused(op, name):
    for dtype in DTYPES:
        given = arguments(op, name, dtype)
        for eps in (0.0, np.finfo(dtype).tiny / 2) if "eps" in given else ():
            for twin in serving(op):
                with pytest.raises(
                    ValueError, match=rf"{op}\.\w+: eps is .* may be 0 in {dtype}, and 0 / 0 is NaN"
                ):
                    ENTRIES[op, name].function(hosted(twin))(**given | {"eps": eps})


@each_function
def test_sizes_of_zero_are_refused_or_computed(op, name):
    """A twin accepts what the reference accepts, whichever of T, B, D, H and K are 0."""
    for sizes in itertools.product((0, 2), repeat=5):
        draw = Draw(np.random.default_rng(0), "float64", *sizes)
        try:
            given = ENTRIES[op, name].arguments(draw)
        except (ValueError, IndexError):
            continue  # there is nothing to draw, or `forward` refuses it
        shapes = []
        for twin in ("reference", *serving(op)):
            try:
                result = ENTRIES[op, name].function(hosted(twin))(**given)
                results = result if isinstance(result, tuple) else (result,)
                shapes.append([np.shape(part) for part in results])
            except ValueError as error:
                assert re.match(rf"{op}\.\w+: .*, expected ", str(error)), (sizes, twin)
                shapes.append("refused")
        assert all(shape == shapes[0] for shape in shapes), (sizes, shapes)


@pytest.mark.parametrize("backend, op, name", [case for case in EVERYWHERE if case[1:] in OUT])
@pytest.mark.parametrize("dtype", DTYPES)
def test_out_is_filled_and_returned(backend, op, name, dtype):
    expected = run(backend, op, name, dtype=dtype)
    which = place_of_out(op, name)
    out = nan_filled(expected[which].shape, dtype)
    result = getattr(getattr(hosted(backend), op), name)(**arguments(op, name, dtype), out=out)
    assert (result[which] if isinstance(result, tuple) else result) is out
    assert np.array_equal(out, expected[which])
