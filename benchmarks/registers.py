"""What becomes of the CUDA kernels, without a GPU: each as PTX, and the registers and memory that ptxas gives it.

    pip install ".[ptx]"
    python benchmarks/registers.py                                  the table
    python benchmarks/registers.py --out benchmarks/results/ptx.md  also to a file
    python benchmarks/registers.py --texts FOLDER                   also the PTX: FOLDER/9.0/recurrence.last-float32.ptx
    python benchmarks/registers.py --tools                          the compilers; exit code 1 if one is missing

Every kernel in every variant, float32 and float64, for each compute capability in CAPABILITIES.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import machine
import sass

import indrnn_np
from indrnn_np._cuda import launch, target

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from ptx.compile import ptx_of

CAPABILITIES = ("7.5", "8.0", "9.0", "10.0")
TOOLKIT = (13, 0)  # what older ptxas compile for none of these
WALKS = "recurrence.forward", "recurrence.backward"  # how the names of walks through time begin
PACKAGE = Path(indrnn_np.__file__).parent


@dataclass(frozen=True)
class Resources:
    """What ptxas gives a kernel: registers of a thread, bytes of shared memory of a block, and bytes of a thread's
    local memory, which is as slow as the GPU's own: its stack, and what is written to and read from it for want of
    registers. Of a walk through time also how far its loads run ahead, mean and least (sass.ahead); None for others.
    """

    registers: int
    shared: int
    stack: int
    spill_stores: int
    spill_loads: int
    ahead: tuple[float, float] | None = None


# the kernels


def kernels() -> Iterator[tuple[str, launch.Kernel]]:
    """Every kernel of the package with a name of its own, from all modules that have a `kernels()`."""
    seen = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        if not re.search(r"^def kernels\(\)", path.read_text(encoding="utf-8"), re.M):
            continue
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        for kernel in importlib.import_module(".".join((indrnn_np.__name__, *parts))).kernels():
            if kernel in seen:  # an op may launch another one's
                continue
            seen.add(kernel)
            op = parts[1] if parts[0] == "ops" else parts[-1].strip("_")
            name = kernel.name.removesuffix("_kernel")
            yield (name if re.match(r"\w+\.", name) else f"{op}.{name}"), kernel


def dtypes(kernel: launch.Kernel) -> tuple[str, ...]:
    """What `real` stands for in the kernel's arguments, or the dtype of its arrays; else one empty word."""
    if re.search(r"\breal\b", kernel.signature):
        return "float32", "float64"
    first = kernel.signature.partition("[")[0]
    return (first,) if first in ("float32", "float64") else ("",)


# one kernel


def compile(kernel: launch.Kernel, dtype: str, capabilities: Sequence[str] = CAPABILITIES) -> dict[str, str]:
    """Return the kernel as PTX for each capability. The texts are kept in the cache of tests/ptx."""
    from numba.core import sigutils

    names = re.sub(r"\breal\b", dtype, kernel.signature)
    types, _ = sigutils.normalize_signature(f"void({names})")
    texts = ptx_of(kernel, types, [_numbers(version) for version in capabilities])
    return dict(zip(capabilities, texts, strict=True))


def resources(file: Path, capability: str, max_registers: int | None = None) -> Resources:
    """What ptxas gives the one kernel in a file of PTX."""
    binary = file.with_suffix(".cubin")
    words = [program("ptxas"), "-v", f"-arch=sm_{capability.replace('.', '')}", str(file), "-o", str(binary)]
    words += [f"-maxrregcount={max_registers}"] if max_registers else []
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"ptxas: {done.stdout}{done.stderr}")
    found = report(done.stderr)
    if file.name.startswith(WALKS):
        found = replace(found, ahead=sass.ahead(sass.text(program("nvdisasm"), binary)))
    binary.unlink()
    return found


def report(text: str) -> Resources:
    """ptxas's words as numbers; of several functions, the most."""
    most = lambda what: max(map(int, re.findall(rf"(\d+) {what}", text)), default=0)  # noqa: E731
    registers = re.findall(r"Used (\d+) registers", text)
    if len(registers) != 1:
        raise RuntimeError(f"ptxas tells of {len(registers)} kernels, not of one: {text}")
    words = ("smem", "stack frame", "spill stores", "spill loads")
    return Resources(int(registers[0]), *(most(f"bytes {word}") for word in words))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in version.split("."))


# what compiles


def program(name: str) -> str:
    """Where one of the toolkit's programs is: in its wheel, else on PATH if it is new enough."""
    wheels = [str(Path(folder, "nvidia", "cu13", "bin")) for folder in sys.path]
    if found := shutil.which(name, path=os.pathsep.join(wheels)):
        return found
    found = shutil.which(name)
    if found is None or _numbers(release(found))[:2] < TOOLKIT:
        raise RuntimeError(
            f"no {name} of {'.'.join(map(str, TOOLKIT))} or newer: pip install 'indrnn-np[ptx]'"
        )
    return found


def release(file: str) -> str:
    """Version of a program."""
    told = subprocess.run([file, "--version"], capture_output=True, text=True).stdout
    return re.search(r"\bV(\d+(\.\d+)+)", told)[1]


def tools() -> dict[str, str]:
    """Versions of what compiles. Raises RuntimeError with what is missing."""
    if target.target() != "numba-cuda":
        raise RuntimeError(f"numba.cuda is the {target.target()} one here: pip install 'indrnn-np[ptx]'")
    versions = {name: importlib.metadata.version(name) for name in ("numba-cuda", "numba")}
    nothing = launch.kernel("int64")(_nothing)
    try:
        text = compile(nothing, "")[CAPABILITIES[0]]
    except Exception as error:  # numba-cuda has its own for each library that it does not find
        raise RuntimeError(f"numba-cuda cannot compile ({error}): pip install 'indrnn-np[ptx]'") from error
    nvvm = re.search(r"\bV(\d+(\.\d+)+)", text)[1]
    return versions | {"NVVM": nvvm} | {name: release(program(name)) for name in ("ptxas", "nvdisasm")}


def _nothing(n: int) -> None:
    pass


# all of them


def everything(texts: Path, capabilities: Sequence[str] = CAPABILITIES) -> list[dict[str, Any]]:
    """Compile every kernel, a share of them on each core, and leave the PTX in the folder `texts`.

    Returns
    -------
    A row for each kernel, dtype and capability: those three, its resources, and `text`, the name of its file.
    """
    for capability in capabilities:
        (texts / capability).mkdir(parents=True, exist_ok=True)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def run(number: int) -> list[list[dict[str, Any]]]:
        words = [sys.executable, __file__, "--share", str(number), str(cores), "--texts", str(texts)]
        words += ["--capabilities", *capabilities]
        environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(words, capture_output=True, text=True, env=environ)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout)

    with ThreadPoolExecutor(cores) as pool:
        shares = list(pool.map(run, range(cores)))
    return [row for turn in zip_longest(*shares, fillvalue=[]) for rows in turn for row in rows]


def share(number: int, of: int, texts: Path, capabilities: Sequence[str]) -> list[list[dict[str, Any]]]:
    """What `everything` gives, in lists, for each `of`-th kernel and dtype from that number on."""
    asked = [(name, kernel, dtype) for name, kernel in kernels() for dtype in dtypes(kernel)][number::of]
    found = []
    with ThreadPoolExecutor(1) as beside:  # ptxas is another program, so it need not wait for numba
        for name, kernel, dtype in asked:
            file = re.sub(r"[^\w.=-]+", "-", f"{name}-{dtype}").strip("-") + ".ptx"
            rows = []
            for capability, text in compile(kernel, dtype, capabilities).items():
                (texts / capability / file).write_text(text, encoding="utf-8")
                row = {
                    "kernel": name,
                    "dtype": dtype,
                    "capability": capability,
                    "text": f"{capability}/{file}",
                }
                path = texts / capability / file
                rows.append((row, beside.submit(resources, path, capability, kernel.max_registers)))
            found.append(rows)
    return [[row | asdict(given.result()) for row, given in rows] for rows in found]


def table(rows: list[dict[str, Any]], versions: dict[str, str]) -> str:
    """The rows as a page."""
    kernels: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in rows:
        kernels.setdefault((row["kernel"], row["dtype"]), {})[row["capability"]] = row
    lines = [
        "# Registers of the CUDA kernels",
        "",
        "Made by `python benchmarks/registers.py --out benchmarks/results/ptx.md`, without a GPU, with",
        f"{told(versions)}, on {datetime.date.today().isoformat()} at commit {machine.commit()}.",
        "",
        "Registers of a thread for each compute capability; bytes of shared memory of a block; bytes of a thread's",
        "stack and of what is spilled to it and read back, the most over the capabilities.",
        "",
        f"| kernel | dtype | {' | '.join(CAPABILITIES)} | shared | stack | spilled |",
        "| --- | --- |" + " ---: |" * (len(CAPABILITIES) + 3),
    ]
    for (name, dtype), by in kernels.items():
        most = lambda *keys, by=by: max(sum(row[key] for key in keys) for row in by.values())  # noqa: E731
        cells = [name, dtype or "-", *(by[c]["registers"] for c in CAPABILITIES)]
        cells += [most("shared"), most("stack"), most("spill_stores", "spill_loads")]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join([*lines, "", *ahead_table(kernels)]) + "\n"


def ahead_table(kernels: dict[tuple[str, str], dict[str, dict[str, Any]]]) -> Iterator[str]:
    """Lines of the table of what runs while loads are under way."""
    yield from (
        "## Loads ahead of the chain",
        "",
        "Of the walks through time, in the machine code as nvdisasm shows it: the share of the main loop's arithmetic",
        "that runs between a load and the first wait for it, mean and least over the loads of a turn. 1: the whole of",
        "a turn runs while the loads of the next one are under way.",
        "",
        f"| kernel | dtype | {' | '.join(CAPABILITIES)} |",
        "| --- | --- |" + " ---: |" * len(CAPABILITIES),
    )
    for (name, dtype), by in kernels.items():
        if name.startswith(WALKS):
            shares = ("{:.2f} {:.2f}".format(*by[capability]["ahead"]) for capability in CAPABILITIES)
            yield f"| {name} | {dtype} | {' | '.join(shares)} |"


def told(versions: dict[str, str]) -> str:
    """The versions in a sentence."""
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="file for the table")
    parser.add_argument("--texts", type=Path, help="folder for the PTX")
    parser.add_argument("--tools", action="store_true", help="only tell what compiles")
    parser.add_argument("--share", type=int, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--capabilities", nargs="+", default=CAPABILITIES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.share:
        print(json.dumps(share(*args.share, args.texts, args.capabilities)))
        return
    try:
        versions = tools()
    except RuntimeError as error:
        sys.exit(str(error))
    if args.tools:
        print(told(versions))
        return
    with tempfile.TemporaryDirectory() as folder:
        page = table(everything(args.texts or Path(folder)), versions)
    print(page, end="")
    if args.out:
        args.out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
