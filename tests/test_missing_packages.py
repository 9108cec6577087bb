"""The package imports and trains without platformdirs, pooch and tomli-w, and names them where they are needed."""

import os
import subprocess
import sys

import pytest

HIDE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("platformdirs", "pooch", "tomli_w"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

# find_spec of importlib.util asks the finders as an import does; a missing module is None there
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in ("pooch", "tomli_w") else found(name, *rest)
sys.meta_path.insert(0, Absent())
"""


def run(tmp_path, program):
    """Run a program in a process without the packages, with tmp_path as home."""
    environment = {name: value for name, value in os.environ.items() if name != "INDRNN_CACHE_DIR"}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": "", "NUMBA_DISABLE_JIT": "0"}
    return subprocess.run(
        [sys.executable, "-c", HIDE + program], cwd=tmp_path, env=environment, capture_output=True, text=True
    )


def test_a_run_is_trained_and_its_kernels_are_cached(tmp_path):
    words = "train adding --steps 5 --hidden 3 --iterations 2 --evaluation-size 4 --out run"
    done = run(tmp_path, f"from indrnn_np.commands.cli import main; sys.exit(main({words.split()}))")
    assert done.returncode == 0, done.stderr
    assert "no config.toml: tomli-w is not installed (pip install tomli-w)" in done.stderr
    assert list((tmp_path / "run" / "checkpoints").iterdir())
    assert not (tmp_path / "run" / "config.toml").exists()
    assert list((tmp_path / ".cache" / "indrnn_np" / "kernels").rglob("*"))


@pytest.mark.parametrize("command", ["info", "check --backend reference"])
def test_a_command_runs(tmp_path, command):
    done = run(tmp_path, f"from indrnn_np.commands.cli import main; sys.exit(main({command.split()}))")
    assert done.returncode == 0, done.stderr


def test_a_download_names_the_package(tmp_path):
    done = run(
        tmp_path, "from indrnn_np.commands.cli import main; sys.exit(main(['train', 'mnist', '--quiet']))"
    )
    assert done.returncode == 2
    sentence = (
        "tasks.Mnist: pooch is not installed, expected pip install pooch, or the folder of the four idx files"
    )
    assert sentence in done.stderr
