"""What users type: every name is there, and asking for none of them loads, compiles or changes more than it must."""

import importlib
import inspect
import re
import subprocess
import sys

import pytest

import indrnn_np

SURFACE = """
    Sequential Workspace plain residual dense Recurrence Residual Concat
    IndRNN RNN LSTM GRU Bidirectional Linear BatchNorm Dropout LastStep
    Embedding LayerNorm Tied sample
    mse softmax_cross_entropy length_mask SGD Adam clip_norm clip_value
    Constant Step Plateau Cosine OneCycle recurrent_bound gradcheck check_function GradientError
    fit save load import_torch backends set_threads __version__
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
    seen = re.findall(r"^    from \.(\w+) import (\w+) as (\w+)$", source, re.MULTILINE)
    assert {(name, module) for module, name, _ in seen} == set(indrnn_np._HOME.items())
    assert all(name == alias for _, name, alias in seen)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'indrnn_np' has no attribute 'IndRnn'"):
        _ = indrnn_np.IndRnn


def test_the_version_is_a_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+)?", indrnn_np.__version__)


def test_importing_loads_neither_numpy_nor_numba():
    loaded = python("import sys, indrnn_np; print(*sys.modules)").split()
    assert "indrnn_np" in loaded
    assert not {"numpy", "numba", "scipy", "rich", "indrnn_np.ops"} & set(loaded)


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
        "from indrnn_np.gradcheck import gradcheck",
        "import importlib; importlib.import_module('indrnn_np.gradcheck')",
        "import indrnn_np; indrnn_np.gradcheck",
        "import indrnn_np; indrnn_np.gradcheck; import indrnn_np.gradcheck",
        "from indrnn_np import gradcheck",
        "from indrnn_np import *",
    ],
)
def test_gradcheck_is_the_function_in_any_order_of_imports(first):
    python(f"""
{first}
import sys, indrnn_np, types
for _ in range(2):
    assert isinstance(indrnn_np.gradcheck, types.FunctionType)
from indrnn_np import gradcheck
from indrnn_np.gradcheck import gradcheck as inside
import indrnn_np.gradcheck
assert gradcheck is inside is indrnn_np.gradcheck
assert isinstance(sys.modules["indrnn_np.gradcheck"], types.ModuleType)
""")


def test_no_other_public_name_is_covered_by_a_submodule():
    for module in sorted(set(indrnn_np._HOME.values())):
        importlib.import_module(f"indrnn_np.{module}")
    for name in indrnn_np.__all__:
        assert not inspect.ismodule(getattr(indrnn_np, name))
    assert inspect.ismodule(indrnn_np.layers)
