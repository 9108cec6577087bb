"""The rules that hold this repository in shape, read from its sources. CONTRIBUTING.md tells them in words."""

import ast
import importlib
import inspect
import re
import subprocess
from pathlib import Path

import pytest

import indrnn_np
from indrnn_np import networks

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "indrnn_np"
FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
IDS = [str(path.relative_to(PACKAGE)) for path in FILES]
each_file = pytest.mark.parametrize("path", FILES, ids=IDS)

# Imports point one way: a module may import from its own line and from the lines above it. A longer path goes first.
TIERS = [
    ["_moved", "_renamed", "_types", "_machine", "settings.defaults", "settings.tables"],
    ["_check"],
    ["_files", "reproduce.published"],
    ["plots.style", "plots.figure"],
    ["_cpu", "_cuda"],
    ["ops"],
    ["device"],
    ["cuda_device"],
    ["backend", "workspace", "parameters"],
    ["init"],
    ["layers"],
    ["networks"],
    ["optim"],
    ["tasks"],
    ["gradients"],
    [
        "_gradcheck",
        "bench",
        "training",
        "plots.curves",
        "plots.gradient_check",
        "plots.live",
        "plots.reproduction",
    ],
    ["settings", "export", "sklearn"],
    ["_sweep.cells", "plots.sweep"],
    ["_sweep"],
    ["reproduce"],
    ["plots"],
    ["study"],
    ["commands"],
    ["__main__"],
]
TIER = {name: number for number, names in enumerate(TIERS) for name in names}

FILE_LINES, FUNCTION_LINES, PARAMETERS = 250, 40, 10
LONGER_FILES: dict[str, str] = {}  # path in the package: the reason
LONGER_FUNCTIONS: dict[str, str] = {}  # path:function: the reason
BACKENDS = {"reference", "cpu", "cuda"}
ACTIVATIONS = ["ops", "recurrence", "activation", "ACTIVATIONS"]  # the table that all twins read
FRAMEWORKS = {"torch", "jax", "tensorflow", "cupy", "autograd", "mxnet"}
ONLY_IN = {
    "numba": {
        *(f"_cpu/{name}.py" for name in ("jit", "llvm", "tiles", "transposition", "turns", "vectors")),
        *("_cuda/target.py", "_cuda/vector_access.py"),
    },
    "matplotlib": {"plots/figure.py", "plots/style.py"},
    "onnx": {"export/onnx_model.py", "export/onnx_nodes.py"},
    "sklearn": {f"sklearn/{name}.py" for name in ("__init__", "estimator", "classifier", "regressor")},
    "safetensors": {"_files/tensors.py"},
}


def inside(path):
    return path.relative_to(PACKAGE).as_posix()


def imports(path, types_too=False):
    """Yield (line, absolute dotted name) of every import in a file; `from a import b` gives a.b."""
    package = ["indrnn_np", *path.relative_to(PACKAGE).parent.parts]
    skipped = set()
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test) and not types_too:
            skipped.update(id(child) for part in node.body for child in ast.walk(part))
    for node in ast.walk(TREES[path]):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{start}.{alias.name}") for alias in node.names)


def own_imports(path):
    """Yield (line, parts below the package) of the imports from the package itself."""
    for line, name in imports(path):
        root, *parts = name.split(".")
        if root == "indrnn_np":
            yield line, parts


def functions(path):
    for node in ast.walk(TREES[path]):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def text_files():
    """Yield the files that git knows or would take, without a user's virtual environment, whatever its name."""
    environments = {found.parent for found in ROOT.glob("*/pyvenv.cfg")}
    asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for path in (ROOT / name for name in listed):
        if (
            environments.isdisjoint(path.parents)
            and path.is_file()
            and b"\0" not in (data := path.read_bytes())
        ):
            yield path, data.decode("utf-8")


def test_the_package_was_found():
    assert {"__init__.py", "backend.py", "ops/recurrence/reference.py"} <= {inside(path) for path in FILES}


@pytest.mark.parametrize("path", [p for p in FILES if p.name == "reference.py"], ids=inside)
def test_a_reference_imports_numpy_its_contract_and_other_references_only(path):
    """The reference, which judges the fast twins, shares no code with them; its arguments are checked elsewhere.

    Of the table of activations, it uses the functions of arrays; tests/ops/test_activation.py checks those.
    """
    for line, name in imports(path):
        root, *parts = name.split(".")
        if root == "indrnn_np":
            other = parts[0] == "ops" and "reference" in parts[1:]
            own = [["ops", path.parent.name, name] for name in ("contract", "running_statistics")]
            fine = other or parts in (*own, ACTIVATIONS) or parts[:3] in own[1:]
        else:
            fine = root in {"numpy", "math", "typing", "collections", "__future__"}
        assert fine, f"{inside(path)}:{line} imports {name}"
    code = "\n".join(line.partition("#")[0] for line in ast.unparse(TREES[path]).splitlines())
    for use in re.findall(r"ACTIVATIONS\[.*?\]\.(\w+)", code):
        assert use in {"array_phi", "array_dphi"}, f"{inside(path)} uses {use} of the kernels"


@pytest.mark.parametrize("path", [p for p in FILES if p.name == "contract.py"], ids=inside)
def test_a_contract_imports_no_twin(path):
    """All twins call its checks, so it may use checks, equations' constants and other contracts only."""
    for line, parts in own_imports(path):
        constant = parts[0] == "ops" and len(parts) == 3 and not parts[2].islower()
        fine = parts[0] == "_check" or parts[:2] == ["ops", "catalogue"] or "contract" in parts[2:3]
        fine = fine or constant or parts == ACTIVATIONS
        assert fine, f"{inside(path)}:{line} imports {'.'.join(parts)}"


@pytest.mark.parametrize("op", sorted(p.parent.name for p in FILES if p.name == "reference.py"))
def test_every_op_has_a_contract(op):
    assert (PACKAGE / "ops" / op / "contract.py").exists()


def place(parts):
    """The first entry of TIERS that the module belongs to, the longest path first."""
    return next((name for name in (".".join(parts[:2]), parts[0]) if name in TIER), None)


@each_file
def test_imports_point_down(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    if parts == ("__init__",):
        return  # names only, for type checkers and for looking up
    here = place(parts)
    assert here, f"{inside(path)} has no place in TIERS: add it to the line of what it builds on"
    for line, parts in own_imports(path):
        if parts in ([], ["__version__"]):
            continue
        other = place(parts)
        assert other, f"{inside(path)}:{line} imports {'.'.join(parts)}, which has no place in TIERS"
        assert TIER[other] <= TIER[here], (
            f"{inside(path)}:{line}: {here} imports {other}, which stands above it"
        )


def test_no_imports_go_round_in_a_circle():
    """Imports inside functions and for type checkers count too; the package's own `__init__.py` does not."""
    names = {".".join(["indrnn_np", *p.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__"): p
             for p in FILES}  # fmt: skip
    waiting = {}
    for name, path in names.items():
        found = {other for _, other in imports(path, types_too=True)}
        found |= {other.rpartition(".")[0] for other in found if other not in names}
        waiting[name] = (found & set(names)) - {name, "indrnn_np"}
    while free := {name for name, needed in waiting.items() if not needed}:
        waiting = {name: needed - free for name, needed in waiting.items() if name not in free}
    assert set(waiting) <= {"indrnn_np"}, "in circles, or above one: " + ", ".join(sorted(waiting))


@pytest.mark.parametrize("path", [p for p in FILES if p.is_relative_to(PACKAGE / "layers")], ids=inside)
def test_layers_never_choose_a_backend(path):
    for line, parts in own_imports(path):
        chosen = {"backend", *BACKENDS} & set(parts)
        assert not chosen, f"{inside(path)}:{line} imports {chosen}: layers use the table that they are given"


@each_file
def test_backend_names_are_compared_in_one_place(path):
    if inside(path) == "backend.py":
        return
    for node in ast.walk(TREES[path]):
        parts = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        for part in parts:
            items = part.elts if isinstance(part, (ast.Tuple, ast.List, ast.Set)) else [part]
            named = {
                item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)
            }
            assert not named & BACKENDS, f"{inside(path)}:{node.lineno} compares a backend's name"


@each_file
def test_libraries_are_imported_where_they_belong(path):
    for line, name in imports(path, types_too=True):
        root = name.split(".")[0]
        assert root not in FRAMEWORKS, f"{inside(path)}:{line} imports {root}"
        assert inside(path) in ONLY_IN.get(root, {inside(path)}), f"{inside(path)}:{line} imports {root}"


@each_file
def test_kernels_are_compiled_in_ops_and_in_the_two_packages_of_machines_only(path):
    compiled = {"_cpu.jit.njit", "_cuda.launch.kernel", "_cuda.launch.device"}
    if inside(path).split("/")[0] not in {"ops", "_cpu", "_cuda"}:
        for line, parts in own_imports(path):
            assert ".".join(parts) not in compiled, f"{inside(path)}:{line} imports {parts[-1]}"


@each_file
def test_files_and_functions_stay_readable(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= FILE_LINES or inside(path) in LONGER_FILES, f"{inside(path)} has {lines} lines"
    for node in functions(path):
        first = node.body[0]
        documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        lines = node.end_lineno - node.lineno + 1 - (first.end_lineno - first.lineno + 1 if documented else 0)
        known = f"{inside(path)}:{node.name}" in LONGER_FUNCTIONS
        assert lines <= FUNCTION_LINES or known, f"{inside(path)}:{node.name} has {lines} lines"


def is_kernel_or_op(path, node):
    """A tile, or in ops/ a function that is compiled, stands inside another one, or has an op's own arguments."""
    if inside(path) == "_cpu/tiles.py":
        return True
    return inside(path).startswith("ops/") and (bool(node.decorator_list) or not node.name.startswith("_"))


@each_file
def test_functions_take_few_parameters(path):
    """Public functions take at most ten positional parameters, internal ones ten in all; kernels and ops are exempt."""
    public = {*indrnn_np.__all__, *networks.__all__}
    for node in functions(path):
        names = [argument.arg for argument in [*node.args.posonlyargs, *node.args.args]]
        names = [name for name in names if name not in ("self", "cls")]
        if (
            node.name not in public and inside(path) != "sklearn/estimator.py"
        ):  # all options in the constructor
            names += [argument.arg for argument in node.args.kwonlyargs]
        few = len(names) <= PARAMETERS or is_kernel_or_op(path, node)
        assert few, f"{inside(path)}:{node.name} takes {len(names)} parameters"


def test_exceptions_to_the_budgets_are_still_needed():
    assert set(LONGER_FILES) <= {inside(path) for path in FILES}
    names = {f"{inside(path)}:{node.name}" for path in FILES for node in functions(path)}
    assert set(LONGER_FUNCTIONS) <= names


@each_file
def test_no_flag_that_lets_the_compiler_forget_nan(path):
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.keyword) and node.arg == "fastmath":
            on = isinstance(node.value, ast.Constant) and node.value.value is True
            assert not on and inside(path) in ONLY_IN["numba"], (
                f"{inside(path)}:{node.value.lineno} sets fastmath"
            )


@each_file
def test_only_the_command_prints(path):
    if inside(path) == "commands/cli.py":
        return
    for node in ast.walk(TREES[path]):
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id
        assert called != "print", f"{inside(path)}:{node.lineno} prints"


@each_file
def test_errors_are_never_swallowed(path):
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{inside(path)}:{node.lineno} catches everything"
            empty = all(isinstance(part, ast.Pass) for part in node.body)
            broad = getattr(node.type, "id", "") in {"Exception", "BaseException"}
            assert not (empty and broad), f"{inside(path)}:{node.lineno} swallows every error"


@each_file
def test_what_is_public_is_documented(path):
    tree = TREES[path]
    assert ast.get_docstring(tree), f"{inside(path)} does not say what it is"
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{inside(path)}:{node.name} has no docstring"


def sections(docstring):
    """Return the names listed under `Parameters` of a numpydoc docstring, empty without that section."""
    found = re.search(
        r"^Parameters\n-+\n(.*?)(?=^\w[^\n]*\n-{3,}\n|\Z)", inspect.cleandoc(docstring), re.M | re.S
    )
    heads = re.findall(r"^([*\w][^:\n]*?)(?:\s*:.*)?$", found[1], re.M) if found else []
    return [name.strip().lstrip("*") for head in heads for name in head.split(",")]


def test_the_reading_of_docstrings():
    lines = ["Add.", "", "Parameters", "----------", "a, b : int", "    Words: more.", "*rest", ""]
    text = "\n    ".join([*lines, "Returns", "-------", "c", ""])
    assert sections(text) == ["a", "b", "rest"]
    assert sections("Add.") == []


@each_file
def test_documented_parameters_exist(path):
    for node in ast.walk(TREES[path]):
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            continue
        if isinstance(node, ast.ClassDef):
            makers = [part for part in node.body if getattr(part, "name", "") == "__init__"]
            real = {part.target.id for part in node.body if isinstance(part, ast.AnnAssign)}
            if not makers and not real and sections(ast.get_docstring(node) or ""):  # a base class has it
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                real = set(inspect.signature(getattr(importlib.import_module(name), node.name)).parameters)
        else:
            makers, real = [node], set()
        for maker in makers:
            given = maker.args
            all_of_them = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
            real |= {argument.arg for argument in all_of_them if argument is not None}
        unreal = set(sections(ast.get_docstring(node) or "")) - real
        assert not unreal, f"{inside(path)}:{node.name} documents {unreal}, which it does not take"


@each_file
def test_every_module_can_be_imported(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[-1] != "__main__":
        importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))


@each_file
def test_nothing_is_left_open(path):
    words = "|".join(("TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error"))
    found = re.search(words, path.read_text(encoding="utf-8"))
    assert not found, f"{inside(path)} holds {found[0]}"


def test_tests_close_the_archives_that_they_load():
    """The garbage collector would warn of an open one in a later test, which would then fail."""
    for path in (ROOT / "tests").rglob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if "np.load" + "(" in line:
                assert "with " in line or "mmap_mode" in line, (
                    f"{path.name}: use saved_arrays.read_npz: {line.strip()}"
                )


def test_no_path_of_somebodys_machine():
    """A path below a user's or a workplace's folder means something on one machine only."""
    path_of_a_machine = re.compile(r"(?<![\w.~$}/-])/(?:home|root|work|mnt|Users|tmp)/[\w.]")
    for path, text in text_files():
        found = path_of_a_machine.search(text)
        assert not found, f"{path.relative_to(ROOT)} holds {found[0]}"
