"""docs/extending.md: its task, cell and activation work, in a program and in a copy of the package that has them."""

import os
import re
import shutil
import subprocess
import sys

import numba
import numpy as np
import pytest
from doc_blocks import DOCS, ROOT, blocks, section

import indrnn_np as ir
from indrnn_np import layers
from indrnn_np.backend import backends

PAGE = (DOCS / "extending.md").read_text("utf-8")
compiled = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="training by plain loops takes minutes")


def run(code, **names):
    exec(compile("\n".join(code), "docs/extending.md", "exec"), names)
    return names


@pytest.fixture
def cell():
    """The class of the section about cells."""
    definition, *_ = blocks(section(PAGE, "A cell"), "python")
    return run([definition], __name__="extending")["Leaky"]


def test_a_tasks_batches_are_functions_of_their_iteration():
    definition, _ = blocks(section(PAGE, "A task"), "python")
    task = run([definition])["Recall"](steps=30)
    first, again, other = task.batch(3, 5), task.batch(3, 5), task.batch(4, 5)
    assert np.array_equal(first.x, again.x) and not np.array_equal(first.x, other.x)
    assert first.x.shape == (30, 5, 2) and first.x[..., 1].sum() == 5
    np.testing.assert_array_equal((first.x[..., 0] * first.x[..., 1]).sum(axis=0), first.target[:, 0])
    assert [len(list(task.evaluation(split, 4))) for split in task.splits] == [1, 1]


@compiled
def test_the_task_trains(capsys):
    names = run(blocks(section(PAGE, "A task"), "python"))
    error, baseline = map(float, capsys.readouterr().out.split()[-2:])
    assert error == names["result"].summary["final"]["test"]["mse"]
    assert baseline == pytest.approx(names["result"].summary["baseline"])
    assert error < baseline / 4


def test_the_cell_is_checked(capsys):
    definition, check, _ = blocks(section(PAGE, "A cell"), "python")
    run([definition, check], __name__="extending")
    printed = capsys.readouterr().out.splitlines()
    expected = "gradients of Leaky on cpu by complex steps: 5 of 5 passed"
    assert f"    {expected}\n" in PAGE
    assert printed[0] == expected and printed[-1] == "True"


def test_the_cell_fits_everywhere(cell, tmp_path, monkeypatch):
    inner = ir.Residual([cell(3, 5), ir.Linear(5, 3)])
    net = ir.Sequential([inner, cell(3, 4), ir.LastStep(), ir.Linear(4, 2)], steps=12, seed=1)
    x = np.random.default_rng(2).standard_normal((12, 3, 3), dtype="float32")
    assert ir.gradcheck(net, x, lengths=np.array([12, 1, 7])).passed
    state = None
    for x_t in x:
        y, state = net.step(x_t, state)
    np.testing.assert_allclose(y, net(x), atol=1e-6)
    path = ir.save(tmp_path / "leaky.npz", net)
    with pytest.raises(ValueError, match="type is 'Leaky'"):
        ir.load(path)
    monkeypatch.setattr(layers, "TYPES", {**layers.TYPES})  # given back after the test
    monkeypatch.setattr("indrnn_np.networks.specs.TYPES", layers.TYPES)
    *_, registration = blocks(section(PAGE, "A cell"), "python")
    run([registration], Leaky=cell)
    np.testing.assert_array_equal(ir.load(path).net(x), net(x))


def applied(source, change):
    """The source with a change (lines that begin with a space, - or +) made to it."""
    lines = change.splitlines()
    before = "\n".join(line[1:] for line in lines if not line.startswith("+")) + "\n"
    after = "\n".join(line[1:] for line in lines if not line.startswith("-")) + "\n"
    assert source.count(before) == 1, f"the package does not hold, or holds twice:\n{before}"
    return source.replace(before, after)


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the package and its tests with the task, the cell and the activation of the page."""
    root = tmp_path_factory.mktemp("extended")
    for name in ("indrnn_np", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    for heading, file in (("A task", "tasks/recall.py"), ("A cell", "layers/leaky.py")):
        definition, *_ = blocks(section(PAGE, heading), "python")
        (root / "indrnn_np" / file).write_text(definition, "utf-8")
    for block in blocks(PAGE, "diff"):
        head, _, change = block.partition("\n")
        path = root / head.removeprefix("# ")
        path.write_text(applied(path.read_text("utf-8"), change), "utf-8")
    return root


def python(extended, *arguments, **variables):
    """Run Python in the copy, and return the printed words."""
    env = os.environ | {"PYTHONPATH": str(extended)} | variables
    command = [sys.executable, "-W", "error", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=extended, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()


CASES = {
    "as the page says": "\n".join(blocks(section(PAGE, "An activation"), "python")),
    "the bound": "import indrnn_np as ir\nprint(ir.recurrent_bound('elu', 2.0, 100) == 2 ** (1 / 100))",
    "NaN stays NaN": """
import numpy as np
from indrnn_np import backend
a = np.array([np.nan, -np.inf, np.inf, -1.0]).reshape(1, 1, 4)
for name in ("reference", "cpu"):
    h = backend.get(name).recurrence.forward(a, np.zeros(4), np.zeros((1, 4)), "elu")[1, 0]
    print(np.array_equal(h, [np.nan, -1, np.inf, np.expm1(-1.0)], equal_nan=True))
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_the_activation_works(case, extended):
    assert set(python(extended, "-c", CASES[case])) == {"True"}


# Checks the gradients of the activation and of a network, trains the network, saves and loads it.
TRAINS = """
import sys
import numpy as np
import indrnn_np as ir
from indrnn_np import layers, tasks

backend, steps = sys.argv[1], 5
print(ir.gradcheck("recurrence", backend=backend, T=9, B=2, H=3, activation="elu").passed)
first = ir.Linear(2, 4) if backend == "cuda" else layers.Leaky(2, 4)
parts = [first, ir.IndRNN(4, 4, "elu", input_init=0.5), ir.LastStep(), ir.Linear(4, 1)]
net = ir.Sequential(parts, steps=steps, backend=backend, seed=1)
x = np.random.default_rng(0).standard_normal((steps, 2, 2))
print(ir.gradcheck(net, x, backend=backend).passed)
before = net.device.to_host(net.flat).copy()
result = ir.fit(net, tasks.get("recall", steps=steps), ir.Adam(5e-3), iterations=3, batch=2, evaluation_batch=2)
print(np.isfinite(result.summary["final"]["test"]["mse"]), not np.array_equal(before, net.device.to_host(net.flat)))
x = x.astype("float32")
print(np.array_equal(ir.load(ir.save("net.npz", net)).net(x), net(x)))
"""
SIMULATOR = {"NUMBA_DISABLE_JIT": "1", "NUMBA_ENABLE_CUDASIM": "1"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["reference", "cpu", "cuda"])
def test_all_three_pass_gradcheck_and_train_on_each_backend(name, extended):
    """Without a GPU, the simulator runs the backend cuda."""
    simulated = SIMULATOR if name == "cuda" and name not in backends() else {}
    assert set(python(extended, "-c", TRAINS, name, **simulated)) == {"True"}


@pytest.mark.slow
def test_the_contract_test_covers_the_activation(extended):
    tests = [
        "tests/ops/test_contract.py",
        "tests/ops/test_activation.py",
        "-k",
        "recurrence or activation or elu",
    ]
    printed = python(extended, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rA", *tests)
    assert any("[elu" in word for word in printed)


def test_places_that_the_page_names_exist():
    named = re.findall(r"`((?:tests|docs|indrnn_np)/[\w/.]+\.(?:py|md))`", PAGE)
    assert len(named) > 5
    for path in named:
        assert (ROOT / path).is_file(), path
