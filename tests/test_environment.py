"""What the command sets before numpy is loaded, on which machine, and what it leaves alone."""

import subprocess
import sys

import pytest

from indrnn_np import _environment
from indrnn_np._environment import prepare

LINUX = ("linux", "x86_64")
AVX512 = "avx512f avx512dq avx512cd avx512bw avx512vl"


def cpu(flags, vendor="AuthenticAMD"):
    one = (
        f"processor\t: 0\nvendor_id\t: {vendor}\nmodel name\t: some CPU: fast\nflags\t\t: fpu sse2 {flags}\n"
    )
    return one + "\n" + one


def test_sets_both_on_an_avx512_cpu():
    environ = {"HOME": "here"}
    made = prepare(environ, cpu(AVX512), LINUX, loaded=())
    assert made == {"OPENBLAS_CORETYPE": "SkylakeX", "GOMP_SPINCOUNT": "1000"}
    assert environ == {"HOME": "here", **made}


@pytest.mark.parametrize("missing", AVX512.split())
def test_every_instruction_set_is_needed(missing):
    flags = " ".join(flag for flag in AVX512.split() if flag != missing)
    assert prepare({}, cpu(flags), LINUX, loaded=()) == {"GOMP_SPINCOUNT": "1000"}


@pytest.mark.parametrize("text", [cpu("avx2"), cpu(AVX512, vendor="GenuineIntel"), "", "flags\n: nothing"])
def test_kernels_are_left_to_openblas_elsewhere(text):
    assert "OPENBLAS_CORETYPE" not in prepare({}, text, LINUX, loaded=())


@pytest.mark.parametrize("name", ["OPENBLAS_CORETYPE", "GOMP_SPINCOUNT"])
def test_a_users_own_setting_stays(name):
    environ = {name: "mine"}
    assert name not in prepare(environ, cpu(AVX512), LINUX, loaded=())
    assert environ[name] == "mine"


def test_a_users_waiting_policy_stays():
    environ = {"OMP_WAIT_POLICY": "PASSIVE"}
    assert "GOMP_SPINCOUNT" not in prepare(environ, cpu(AVX512), LINUX, loaded=())


@pytest.mark.parametrize("system", [("darwin", "arm64"), ("win32", "AMD64"), ("linux", "aarch64")])
def test_other_systems_are_left_alone(system):
    environ = {}
    assert prepare(environ, cpu(AVX512), system, loaded=()) == {} == environ


def test_nothing_is_set_once_numpy_is_loaded():
    environ = {}
    assert prepare(environ, cpu(AVX512), LINUX, loaded={"numpy": None}) == {} == environ


def test_the_file_of_this_machine_is_read(monkeypatch, tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text(cpu(AVX512))
    monkeypatch.setattr(_environment, "Path", lambda _: file)
    assert prepare({}, None, LINUX, loaded=())["OPENBLAS_CORETYPE"] == "SkylakeX"
    file.unlink()
    assert "OPENBLAS_CORETYPE" not in prepare({}, None, LINUX, loaded=())


def test_it_loads_no_numpy():
    code = (
        "import sys; from indrnn_np._environment import prepare; prepare(); assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
