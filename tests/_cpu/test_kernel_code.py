"""What identifies a kernel's code: all files of the package through any loader, and the functions in memory."""

import compileall
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numba
import numpy as np
import pytest

import indrnn_np
from indrnn_np._cpu import jit, kernel_code
from indrnn_np._cpu.kernel_code import Unidentified, describe, package_digest

ROOT = Path(indrnn_np.__file__).parent
# the parts of a kernel cache
OWN = (
    "_cpu/__init__.py", "_cpu/jit.py", "_cpu/kernel_code.py", "_cpu/kernel_files.py", "_files/__init__.py",
)  # fmt: skip
KERNEL = """
from ._cpu.jit import njit

@njit
def answer(x):
    return x + {number}
"""
ASK = """
import zipped_np.kernels, compiled_np.kernels
for package in (zipped_np, compiled_np):
    answer = package.kernels.answer
    print(answer(0), sum(answer.stats.cache_hits.values()), end=" ")
"""


def tiny(folder, name, number):
    """Write a package with one kernel and the real cache; return it."""
    package = folder / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    for own in OWN:
        (package / own).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / own, package / own)
    (package / "kernels.py").write_text(KERNEL.format(number=number))
    return package


def without_sources(folder, number):
    """Write a version of two packages, one as an archive, one as bytecode only; return their entries of the path."""
    archived, compiled = (tiny(folder / name, f"{name}_np", number) for name in ("zipped", "compiled"))
    with zipfile.ZipFile(archived.with_suffix(".zip"), "w") as file:
        for path in archived.rglob("*.py"):
            file.write(path, path.relative_to(archived.parent))
    compileall.compile_dir(compiled, legacy=True, quiet=2)
    for path in compiled.rglob("*.py"):
        path.unlink()
    return f"{archived.with_suffix('.zip')}{os.pathsep}{compiled.parent}"


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
def test_a_kernel_of_another_version_never_answers(tmp_path):
    """Without .py files on disk the key was one for all versions."""
    told = []
    for number in (1, 2):
        path = without_sources(tmp_path / str(number), number)
        environment = {**os.environ, "PYTHONPATH": path, "INDRNN_CACHE_DIR": str(tmp_path / "cache")}
        command = [sys.executable, "-c", ASK]
        told.append(
            subprocess.run(command, env=environment, text=True, check=True, capture_output=True).stdout
        )
    assert told == ["1 0 1 0 ", "2 0 2 0 "]
    assert len(list(tmp_path.glob("cache/kernels/*/*.nbc"))) == 4


def test_the_digest_sees_every_code_file(tmp_path, monkeypatch):
    package = tiny(tmp_path, "tiny_np", 1)
    monkeypatch.syspath_prepend(tmp_path)
    digest = lambda: package_digest("tiny_np")  # noqa: E731
    seen = {digest()}
    (package / "data.txt").write_text("no code")
    (package / "__pycache__").mkdir(exist_ok=True)
    (package / "__pycache__" / "kernels.pyc").write_bytes(b"no source")
    assert digest() in seen
    (package / "sub").mkdir()
    for name, text in (
        ("sub/extra.py", ""),
        ("sub/extra.py", "\n"),
        ("sub/bare.pyc", "code"),
        ("kernels.py", ""),
    ):
        (package / name).write_text(text)
        seen.add(digest())
    shutil.move(package / "sub" / "extra.py", package / "extra.py")
    seen.add(digest())
    assert len(seen) == 6 and "" not in seen
    sys.modules.pop("tiny_np", None)


def test_a_package_without_code_files_has_no_digest(monkeypatch):
    monkeypatch.setattr(kernel_code, "_files", lambda folder: iter(()))
    assert package_digest("indrnn_np") == ""


def test_without_a_digest_there_is_no_cache(monkeypatch):
    monkeypatch.setattr(jit, "sources_hash", lambda: "")
    assert jit.cache_directory.__wrapped__() == ""


def made(source, name="kernel"):
    """Run a program's text and describe its function; all have the same name and line."""
    space = {"__name__": "program", "np": np, "njit": jit.njit}
    exec(source, space)
    return describe(space[name])


SOURCE = """
FACTOR = 2
TABLE = np.arange(3.0)
def helper(x, by=1):
    return x * FACTOR + by
def factory(n):
    def kernel(x):
        if x in (4, 5):
            return (lambda y: y + 7)(x)
        return helper(x) + n + TABLE[0]
    return kernel
kernel = factory(3)
"""


@pytest.mark.parametrize(
    "old, new",
    [
        ("FACTOR = 2", "FACTOR = 2.0"),  # a global of a function that is called
        ("arange(3.0)", "arange(3.0) + 1"),  # an array
        ("by=1", "by=2"),  # a default
        ("* FACTOR", "/ FACTOR"),  # the code of a function that is called
        ("(4, 5)", "(4, 6)"),  # a constant
        ("y + 7", "y + 8"),  # an inner function
        ("factory(3)", "factory(True)"),  # the closure
        ("helper(x) +", "x +"),
    ],
)
def test_whatever_changes_the_code_changes_its_description(old, new):
    assert old in SOURCE
    assert made(SOURCE) == made(SOURCE) != made(SOURCE.replace(old, new))


def test_equal_code_is_described_alike_in_another_process():
    """Sets of strings are ordered by chance."""
    sets = SOURCE.replace("x in (4, 5)", "x in {'p', 'q', 'r', 's', 't', 'u'}")
    program = f"""
import numpy as np
from indrnn_np._cpu.kernel_code import describe
space = {{"__name__": "program", "np": np}}
exec({sets!r}, space)
print(describe(space["kernel"]), end="")
"""
    command, environment = [sys.executable, "-c", program], {**os.environ, "PYTHONPATH": str(ROOT.parent)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == str(made(sets)) and "frozenset" not in done.stdout


def test_recursion_and_functions_of_libraries_end():
    text = "def kernel(n):\n    return n if n < 1 else kernel(n - 1) + np.median(n)\n"
    assert made(text) == made(text) != made(text.replace("median", "mean"))


@pytest.mark.parametrize(
    "text",
    [
        "class Own: pass\nown = Own()\ndef kernel():\n    return own",
        "def factory():\n    def kernel():\n        return n\n    yield kernel\n    n = 1\nkernel = next(factory())",
    ],
)
def test_what_cannot_be_identified_is_refused(text):
    with pytest.raises(Unidentified):
        made(text)
