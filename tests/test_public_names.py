"""What users type: every name is there, and asking for none of them loads, compiles or changes more than it must."""

import importlib
import inspect
import operator
import re
import subprocess
import sys

import pytest

import indrnn_np
from indrnn_np import backend
from indrnn_np._moved import MOVED
from indrnn_np.ops.recurrence.activation import ACTIVATIONS
from indrnn_np.optim import schedules

SURFACE = """
    Sequential Workspace plain residual Recurrence Residual Concat
    IndRNN RNN LSTM GRU RotatingIndRNN Bidirectional Linear BatchNorm Dropout LastStep
    Embedding LayerNorm Tied Layer Parameter Task Batch sample
    mse softmax_cross_entropy binary_cross_entropy length_mask SGD Adam clip_norm clip_value
    Constant StepDecay Plateau Cosine OneCycle recurrent_bound gradcheck check_function GradientError
    online fit sweep Plan TimeSplit Data save load import_torch backends get_backend configure set_threads __version__
""".split()


def python(code):
    """Run code in a fresh interpreter, which turns every warning into an error."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_is_the_exact_surface():
    assert sorted(indrnn_np.__all__) == sorted(SURFACE)
    assert len(set(indrnn_np.__all__)) == len(indrnn_np.__all__)


@pytest.mark.parametrize("name", indrnn_np.__all__)
def test_each_name_resolves_to_a_thing_and_not_to_a_module(name):
    value = getattr(indrnn_np, name)
    assert isinstance(value, str) if name == "__version__" else callable(value)
    assert not inspect.ismodule(value)
    assert name in dir(indrnn_np)


def test_type_checkers_see_the_same_names():
    source = inspect.getsource(indrnn_np)
    seen = re.findall(r"^    from \.([\w.]+) import (\w+) as (\w+)$", source, re.MULTILINE)
    assert {(name, module) for module, name, _ in seen} == set(indrnn_np._HOME.items())
    assert all(name == alias for _, name, alias in seen)


@pytest.mark.parametrize("name", ["IndRNN", "RNN", "Recurrence", "RotatingIndRNN", "recurrent_bound"])
def test_docstrings_list_every_activation(name):
    text = inspect.getdoc(getattr(indrnn_np, name))
    listed = re.search(r"^activation : str\n +φ: (.+)\.$", text, re.MULTILINE)[1]
    assert re.findall(r'"(\w+)"', listed) == list(ACTIVATIONS)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'indrnn_np' has no attribute 'IndRnn'"):
        _ = indrnn_np.IndRnn


@pytest.mark.parametrize(("old", "new"), [("dense", "networks.dense"), ("Step", "StepDecay")])
def test_an_old_name_warns_and_works(old, new):
    with pytest.warns(DeprecationWarning, match=f"indrnn_np.{old} is now indrnn_np.{new}") as seen:
        found = getattr(indrnn_np, old)
    assert found is operator.attrgetter(new)(indrnn_np)
    assert seen[0].filename == __file__ and old not in dir(indrnn_np)


def test_networks_are_reached_without_an_import():
    python("""
import indrnn_np as ir
assert ir.networks.plain is ir.plain and ir.networks.residual is ir.residual and callable(ir.networks.dense)
assert ir.study.flow
""")


def test_schedules_of_the_first_version_load():
    with pytest.warns(DeprecationWarning, match=r"schedules\.Step is now .*schedules\.StepDecay"):
        from indrnn_np.optim.schedules import Step
    assert Step is indrnn_np.StepDecay
    spec = {"type": "Step", "lr": 0.1, "every": 3, "factor": 0.5}
    assert schedules.from_spec(spec) == indrnn_np.StepDecay(0.1, 3, 0.5)
    assert schedules.from_spec(spec).spec() == {**spec, "type": "StepDecay"}


def test_a_backend_is_found_by_its_name():
    assert indrnn_np.get_backend("cpu").name == "cpu"
    assert indrnn_np.get_backend("cpu") is backend.get("cpu")


def test_the_version_is_a_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+)?", indrnn_np.__version__)


def test_importing_loads_neither_numpy_nor_numba():
    loaded = python("import sys, indrnn_np; print(*sys.modules)").split()
    assert "indrnn_np" in loaded
    assert not {"numpy", "numba", "scipy", "rich", "indrnn_np.ops"} & set(loaded)


def test_configuring_loads_no_numpy_and_comes_too_late_after_it():
    python("""
import sys, indrnn_np as ir
made = ir.configure()
assert set(made) <= {"OPENBLAS_CORETYPE"} and not {"numpy", "numba"} & set(sys.modules)
import numpy
assert ir.configure() == {}
""")


def test_the_command_can_configure_before_numpy_is_loaded():
    loaded = python("import sys, indrnn_np.commands.cli; print(*sys.modules)").split()
    assert "indrnn_np.commands.cli" in loaded and not {"numpy", "numba"} & set(loaded)


def test_asking_for_names_compiles_nothing_and_looks_for_no_gpu():
    python("""
import numba, sys
from numba.core import event
with event.install_recorder("numba:compile") as compiled:
    import indrnn_np
    for name in indrnn_np.__all__:
        getattr(indrnn_np, name)
assert "numpy" in sys.modules and not compiled.buffer, [e.data for _, e in compiled.buffer]
assert "matplotlib" not in sys.modules
cuda = sys.modules.get("numba.cuda")
assert cuda is None or not cuda.cudadrv.driver.driver.is_initialized
""")


@pytest.mark.parametrize(
    "first",
    [
        "import indrnn_np.gradcheck",
        "from indrnn_np.gradcheck import check_function",
        "import indrnn_np; indrnn_np.gradcheck; import indrnn_np.gradcheck.finite_differences",
        "from indrnn_np import gradcheck",
        "from indrnn_np import *",
    ],
)
def test_gradcheck_is_the_function_whatever_was_imported_first(first):
    python(f"""
import types, warnings
warnings.simplefilter("ignore", DeprecationWarning)
{first}
import indrnn_np, indrnn_np._gradcheck
assert isinstance(indrnn_np.gradcheck, types.FunctionType)
from indrnn_np.gradcheck import gradcheck, GradientError
assert gradcheck is indrnn_np.gradcheck is indrnn_np._gradcheck.gradcheck
assert GradientError is indrnn_np.GradientError
""")


@pytest.mark.parametrize("old", sorted(MOVED))
def test_a_module_path_of_the_first_version_warns_and_leads_to_the_new_one(old):
    python(f"""
import importlib, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    module = importlib.import_module("indrnn_np.{old}")
found = [str(w.message) for w in caught if w.category is DeprecationWarning and "indrnn_np.{old} has" in str(w.message)]
assert found == ["indrnn_np.{old} has moved to indrnn_np.{MOVED[old]}, expected an import from there"], found
new = importlib.import_module("indrnn_np.{MOVED[old]}")
assert module is new or module is new.gradcheck
assert new.__spec__.name == "indrnn_np.{MOVED[old]}"
""")


@pytest.mark.parametrize(
    "line", ["from indrnn_np import schedules", "import indrnn_np.schedules as schedules"]
)
def test_the_warning_of_a_moved_module_points_at_the_import(line, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(f"{line}\nprint(schedules.__name__)\n")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    assert done.stdout == "indrnn_np.optim.schedules\n"
    assert f"{program}:1: DeprecationWarning" in done.stderr


def test_no_other_public_name_is_covered_by_a_submodule():
    for module in sorted(set(indrnn_np._HOME.values())):
        importlib.import_module(f"indrnn_np.{module}")
    for name in indrnn_np.__all__:
        assert not inspect.ismodule(getattr(indrnn_np, name))
    assert inspect.ismodule(indrnn_np.layers)
