"""Count the modules of the package whose code runs in one layer's forward pass: the files that a reader opens.

    python benchmarks/reading_path.py

The CPU part runs one IndRNN(128, 128) at (T, B, D, H) = (784, 32, 128, 128). The CUDA part runs a small IndRNN in
numba's simulator. Both count the second pass: the first one compiles kernels and imports modules. `sys.setprofile`
sees Python functions only, so the module of each compiled kernel that is launched is counted as well. Functions that
a kernel calls are compiled into it; modules that take part only through them are listed and counted apart.

Checks, the functions that they call, and the simulator (`_cuda/simulator.py`) are left out. Code lines are lines
without blank lines, comments and docstrings.
"""

from __future__ import annotations

import argparse
import ast
import io
import os
import subprocess
import sys
import threading
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SHAPES = {"cpu": (784, 32, 128, 128), "cuda": (3, 2, 4, 4)}  # T, B, D, H
TARGETS = {"cpu": 14, "cuda": 12}  # modules: what a reader can open in one sitting
# Modules that only check, beside `_check` and each contract.py: without their calls, a pass with correct arguments has
# the same result.
CHECKS = {"networks/checks.py", "networks/tape_stamp.py", "layers/single_values.py"}
NAMES = {"cpu": "CPU", "cuda": "CUDA, in the simulator"}


def main() -> None:
    """Print a table for each backend, or for one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", choices=list(SHAPES), help="this backend alone, in this process")
    args = parser.parse_args()
    if args.backend:
        print(table(args.backend))
        return
    print(header())
    for backend in SHAPES:
        print(in_a_process(backend))


def in_a_process(backend: str) -> str:
    """Return a backend's table, made in a process of its own: the simulator is chosen before numba is imported."""
    simulated = {"NUMBA_ENABLE_CUDASIM": "1"} if backend == "cuda" else {}
    command = [sys.executable, __file__, "--backend", backend]
    return subprocess.run(
        command, env={**os.environ, **simulated}, check=True, capture_output=True, text=True
    ).stdout


def header() -> str:
    """Return the machine, versions, date and commit as a list."""
    import machine

    facts = machine.describe()
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    return (f"- machine: {facts['cpu']}, {facts['cores']} cores, {facts['system']}\n"
            f"- versions: python {facts['python']}, {versions}\n"
            f"- date: {facts['date']}\n- commit: {facts['commit']}\n")  # fmt: skip


def table(backend: str) -> str:
    """Return the modules of one forward pass with their code lines, as Markdown."""
    import indrnn_np

    root = Path(indrnn_np.__file__).parent
    called, compiled_in = modules(backend, root)
    lines = {
        path: code_lines((root / path).read_text(encoding="utf-8")) for path in sorted(called | compiled_in)
    }
    rows = "".join(
        f"| `{path}` | {number} | {'called' if path in called else 'inside a kernel'} |\n"
        for path, number in lines.items()
    )
    return (f"### {NAMES[backend]}: {len(called)} modules (target at most {TARGETS[backend]}), and "
            f"{len(compiled_in - called)} inside kernels\n\n"
            f"One forward pass at (T, B, D, H) = {SHAPES[backend]}; {sum(lines.values())} code lines.\n\n"
            f"| module | code lines | runs |\n|---|---|---|\n{rows}")  # fmt: skip


def modules(backend: str, root: Path) -> tuple[set[str], set[str]]:
    """Return the modules, as paths below `root`, of one layer's second forward pass: called, and inside kernels."""
    import numpy as np

    import indrnn_np as ir

    T, B, D, H = SHAPES[backend]
    net = ir.Sequential([ir.IndRNN(D, H)], steps=T, backend=backend)
    x, work = np.ones((T, B, D), np.float32), ir.Workspace()
    net.forward(x, work=work)
    called, compiled_in = files_that_run(lambda: net.forward(x, work=work), str(root))
    return counted(called, root), counted(compiled_in, root)


def counted(files: set[str], root: Path) -> set[str]:
    """Return the files below `root` that are counted."""
    paths = {Path(file).relative_to(root) for file in files if Path(file).is_relative_to(root)}
    return {path.as_posix() for path in paths if path.name != "simulator.py"}


def files_that_run(function: Callable[[], Any], root: str) -> tuple[set[str], set[str]]:
    """Return the source files whose functions function() calls or launches, and those of functions inside kernels."""
    from numba.core.dispatcher import Dispatcher

    called: set[str] = set()
    compiled_in: set[str] = set()

    def profile(frame: Any, event: str, _: Any) -> None:
        if not in_a_check(frame, root):
            (compiled_in if in_simulated_kernel(frame, root) else called).add(frame.f_code.co_filename)

    def launch(kernel: Any, *args: Any, **options: Any) -> Any:
        called.add(kernel.py_func.__code__.co_filename)
        compiled_in.update(code.co_filename for code in compiled_code(kernel, set()))
        return super(Dispatcher, kernel).__call__(*args, **options)

    Dispatcher.__call__ = launch
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        del Dispatcher.__call__
    return called, compiled_in


def in_a_check(frame: Any, root: str) -> bool:
    """Return whether this function belongs to a check, or a check called it."""
    while frame is not None:
        path = frame.f_code.co_filename.removeprefix(f"{root}/")
        if path in CHECKS or path.startswith("_check/") or path.endswith("/contract.py"):
            return True
        frame = frame.f_back
    return False


def in_simulated_kernel(frame: Any, root: str) -> bool:
    """Return whether a kernel in the simulator, directly or not, called this function of a file below `root`."""
    callers = 0
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code.co_filename == f"{root}/_cuda/simulator.py":  # this frame calls the kernel
            return callers > 0
        callers += frame.f_code.co_filename.startswith(root)
    return callers > 0 and threading.current_thread() is not threading.main_thread()


def compiled_code(function: Any, seen: set[Any]) -> Iterator[Any]:
    """Yield the code of a compiled function and of the compiled functions that it names, recursively."""
    python = getattr(function, "py_func", None) or getattr(function, "_defn", None)  # a kernel; an intrinsic
    if python is None or python in seen:
        return
    seen.add(python)
    yield python.__code__
    values = [cell.cell_contents for cell in python.__closure__ or ()]
    values += [python.__globals__[name] for name in python.__code__.co_names if name in python.__globals__]
    for value in values:
        yield from compiled_code(value, seen)


def code_lines(source: str) -> int:
    """Return the number of lines without blank lines, comments and docstrings."""
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING,
               tokenize.ENDMARKER}  # fmt: skip
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in skipped:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node) is not None
        ):
            lines.difference_update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines)


if __name__ == "__main__":
    main()
