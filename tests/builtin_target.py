"""Compile the kernels with the CUDA target that is inside numba, and print its errors as JSON.

Of the recurrence, the kernels of relu; with --all every kernel.

    python -S tests/builtin_target.py [--all] FOLDER...

FOLDER: where packages are. Python without its `site` reads no .pth file, by which numba-cuda takes over numba.cuda.
NVVM is found in the wheels of the extra `ptx`. There is no GPU to ask for its capability, so the answer is given here.
"""

import importlib
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

CAPABILITY = 7, 5


def main(arguments):
    folders = [argument for argument in arguments if argument != "--all"]
    sys.path += folders
    with tempfile.TemporaryDirectory() as home:
        os.environ["CUDA_HOME"] = home
        toolkit(Path(home), folders)
        print(json.dumps(compile_all("--all" in arguments)))


def toolkit(home, folders):
    """The wheels' NVVM as numba looks for it."""
    wheels = next(path for folder in folders if (path := Path(folder, "nvidia", "cu13")).is_dir())
    (home / "nvvm" / "lib64").mkdir(parents=True)
    (home / "nvvm" / "libdevice").symlink_to(wheels / "nvvm" / "libdevice")
    for library in (wheels / "lib").glob("libnvvm.so*"):
        (home / "nvvm" / "lib64" / library.name).symlink_to(library)


def compile_all(every):
    import registers
    from numba import cuda
    from numba.core import errors, sigutils

    importlib.import_module("numba.cuda.dispatcher").get_current_device = lambda: SimpleNamespace(
        compute_capability=CAPABILITY
    )
    found = {"target": registers.target.target(), "kernels": 0, "errors": {}}
    for name, kernel in registers.kernels():
        if not every and name.startswith(registers.WALKS) and "[relu" not in name:
            continue  # the activation is a device function; the kernels are alike
        types = re.sub(r"\breal\b", "float32", kernel.signature)
        found["kernels"] += 1
        try:
            cuda.compile_ptx(
                kernel.function, sigutils.normalize_signature(f"void({types})")[0], cc=CAPABILITY
            )
        except errors.NumbaError as error:
            found["errors"][name] = str(error)
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
