"""What the command sets before numpy is loaded, on which machine, and what it leaves alone."""

import os
import subprocess
import sys

import pytest

from indrnn_np import _machine
from indrnn_np._cpu import environment
from indrnn_np._cpu.environment import configure

LINUX = ("linux", "x86_64")
AVX512 = "avx512f avx512dq avx512cd avx512bw avx512vl"
VARIABLES = {"OPENBLAS_CORETYPE": "SkylakeX"}


def cpu(flags, vendor="AuthenticAMD"):
    one = (
        f"processor\t: 0\nvendor_id\t: {vendor}\nmodel name\t: some CPU: fast\nflags\t\t: fpu sse2 {flags}\n"
    )
    return one + "\n" + one


def test_sets_the_kernels_of_an_avx512_cpu():
    environ = {"HOME": "here"}
    assert configure(environ, cpu(AVX512), LINUX, loaded=()) == VARIABLES
    assert environ == {"HOME": "here", **VARIABLES}


@pytest.mark.parametrize("missing", AVX512.split())
def test_every_instruction_set_is_needed(missing):
    flags = " ".join(flag for flag in AVX512.split() if flag != missing)
    assert configure({}, cpu(flags), LINUX, loaded=()) == {}
    assert environment.has_skylakex(cpu(AVX512)) and not environment.has_skylakex(cpu(flags))


@pytest.mark.parametrize("text", [cpu("avx2"), cpu(AVX512, vendor="GenuineIntel"), "", "flags\n: nothing"])
def test_kernels_are_left_to_openblas_elsewhere(text):
    environ = {}
    assert configure(environ, text, LINUX, loaded=()) == {} == environ


def test_a_users_own_setting_stays():
    environ = {"OPENBLAS_CORETYPE": "mine"}
    assert configure(environ, cpu(AVX512), LINUX, loaded=()) == {}
    assert environ == {"OPENBLAS_CORETYPE": "mine"}


@pytest.mark.parametrize("system", [("darwin", "arm64"), ("win32", "AMD64"), ("linux", "aarch64")])
def test_other_systems_are_left_alone(system):
    environ = {}
    assert configure(environ, cpu(AVX512), system, loaded=()) == {} == environ


def test_nothing_is_set_once_numpy_is_loaded():
    environ = {}
    assert configure(environ, cpu(AVX512), LINUX, loaded={"numpy": None}) == {} == environ


def test_the_file_of_this_machine_is_read(monkeypatch):
    monkeypatch.setattr(_machine, "cpuinfo", lambda: cpu(AVX512))
    assert configure({}, None, LINUX, loaded=()) == VARIABLES
    monkeypatch.setattr(_machine, "cpuinfo", lambda: "")
    assert configure({}, None, LINUX, loaded=()) == {}


def test_what_was_set_in_this_process_is_kept_for_the_report(monkeypatch):
    monkeypatch.setattr(environment, "CONFIGURED", {})
    configure({}, cpu(AVX512), LINUX, loaded=())
    assert environment.CONFIGURED == {}
    monkeypatch.setenv("OPENBLAS_CORETYPE", "mine")  # so that it is put back as it was
    monkeypatch.delenv("OPENBLAS_CORETYPE")
    configure(os.environ, cpu(AVX512), LINUX, loaded=())
    assert VARIABLES == environment.CONFIGURED


def test_it_loads_no_numpy():
    code = "import sys, indrnn_np as ir; ir.configure(); assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_old_name_warns():
    with pytest.warns(DeprecationWarning, match=r"_cpu\.environment\.prepare is now .*\.configure"):
        assert environment.prepare is configure
