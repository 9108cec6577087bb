"""What is read about the machine, from trees of files that stand for other machines."""

import subprocess
import sys

import pytest

from indrnn_np import _machine

MIB = 2**20
UNLIMITED = 9223372036854771712  # what version 1 says instead of "max"


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(text))
    return root


def cache(index, level, kind, size):
    folder = f"sys/devices/system/cpu/cpu0/cache/index{index}"
    return {f"{folder}/level": f"{level}\n", f"{folder}/type": f"{kind}\n", f"{folder}/size": f"{size}\n"}


def meminfo(available, name="MemAvailable"):
    return {"proc/meminfo": f"MemTotal:       {2**30} kB\n{name}:   {available // 1024} kB\nSwapFree: 7 kB\n"}


def version_2(path, group_files, mount="sys/fs/cgroup"):
    files = {f"{mount}/{name}": text for name, text in group_files.items()}
    return {"proc/self/cgroup": f"0::{path}\n", **files}


# -- caches and the CPU's name -------------------------------------------------------------------------------


def test_caches_of_a_core(tmp_path):
    tree = (
        cache(0, 1, "Data", "48K")
        | cache(1, 1, "Instruction", "32K")
        | cache(2, 2, "Unified", "1024K")
        | cache(3, 3, "Unified", "32M")
    )
    assert _machine.caches(write(tmp_path, tree)) == {"L1d": 48 * 1024, "L2": MIB, "L3": 32 * MIB}


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({}, {}),
        (cache(0, 2, "Unified", "2M"), {"L2": 2 * MIB}),
        (cache(0, 1, "Unified", "16384"), {"L1d": 16384}),
        (cache(0, 2, "Unified", "") | cache(1, 3, "Unified", "1G"), {"L3": 2**30}),
        (cache(0, 2, "Unified", "some"), {}),
        (cache(0, 4, "Unified", "64M"), {}),
        ({"sys/devices/system/cpu/cpu0/cache/index2/size": "1024K"}, {}),
    ],
    ids=["none", "L2 only", "one L1", "no size", "no number", "L4", "size only"],
)
def test_only_what_is_told(tmp_path, tree, expected):
    assert _machine.caches(write(tmp_path, tree)) == expected


def test_the_name_of_the_cpu(tmp_path):
    text = "processor : 0\nvendor_id : me\nmodel name\t: A CPU: fast\nflags : a b\n\nmodel name : another\n"
    root = write(tmp_path, {"proc/cpuinfo": text})
    assert _machine.cpu_name(root, "linux") == "A CPU: fast"
    assert _machine.cpu_field(text, "flags") == "a b" and _machine.cpu_field(text, "model") == ""


def test_without_a_name_the_instruction_set_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert _machine.cpu_name(tmp_path, "linux") == "riscv64" and _machine.cpuinfo(tmp_path) == ""


def test_macos(tmp_path, monkeypatch):
    told = {
        "hw.l1dcachesize": "65536\n",
        "hw.l2cachesize": "4194304\n",
        "machdep.cpu.brand_string": "Apple M1\n",
    }

    def sysctl(command, **_):
        text = told.get(command[-1], "")
        return subprocess.CompletedProcess(command, 0 if text else 1, stdout=text or "unknown oid")

    monkeypatch.setattr(subprocess, "run", sysctl)
    assert _machine.caches(tmp_path, "darwin") == {"L1d": 65536, "L2": 4 * MIB}
    assert _machine.cpu_name(tmp_path, "darwin") == "Apple M1"

    def absent(command, **_):
        raise FileNotFoundError(command[0])

    monkeypatch.setattr(subprocess, "run", absent)
    assert _machine.caches(tmp_path, "darwin") == {}


# -- free memory ---------------------------------------------------------------------------------------------


def test_the_machine_sets_the_limit(tmp_path):
    root = write(tmp_path, meminfo(500 * MIB))
    assert _machine.available_memory(root) == (500 * MIB, "the memory of the machine (MemAvailable)")


def test_an_old_kernel_tells_only_what_is_unused(tmp_path):
    root = write(tmp_path, meminfo(300 * MIB, "MemFree"))
    assert _machine.available_memory(root) == (300 * MIB, "the memory of the machine (MemFree)")


def test_nothing_is_told(tmp_path):
    assert _machine.available_memory(tmp_path) == (None, "unknown")


def test_a_container_of_version_2(tmp_path):
    group = {"memory.max": 100 * MIB, "memory.current": 30 * MIB}
    root = write(tmp_path, meminfo(500 * MIB) | version_2("/", group))
    free, limit = _machine.available_memory(root)
    assert free == 70 * MIB and limit == "memory.max of the control group /sys/fs/cgroup"


def test_cached_files_can_be_given_back(tmp_path):
    group = {"memory.max": 100 * MIB, "memory.current": 90 * MIB,
             "memory.stat": f"anon {40 * MIB}\ninactive_file {50 * MIB}\nactive_file 1\n"}  # fmt: skip
    assert _machine.available_memory(write(tmp_path, version_2("/", group)))[0] == 60 * MIB


@pytest.mark.parametrize("mount", ["sys/fs/cgroup", "sys/fs/cgroup/unified"])
def test_the_tightest_of_the_groups_around_the_process(tmp_path, mount):
    """Limits hold for what a group's children use together: the parent's may be the one."""
    groups = {
        "a/b/memory.max": "max\n", "a/b/memory.current": 5 * MIB,
        "a/memory.max": 50 * MIB, "a/memory.current": 20 * MIB,
        "memory.max": 90 * MIB, "memory.current": 50 * MIB,
        "other/memory.max": 1, "other/memory.current": 0,
    }  # fmt: skip
    root = write(tmp_path, meminfo(500 * MIB) | version_2("/a/b", groups, mount))
    assert _machine.available_memory(root) == (30 * MIB, f"memory.max of the control group /{mount}/a")


def test_a_container_that_sees_its_path_on_the_host(tmp_path):
    """The named folder is not there; the container's own group is mounted as the root."""
    group = {"memory.max": 80 * MIB, "memory.current": 10 * MIB}
    assert _machine.available_memory(write(tmp_path, version_2("/docker/1234", group)))[0] == 70 * MIB


def test_more_used_than_allowed_leaves_nothing(tmp_path):
    group = {"memory.max": 10 * MIB, "memory.current": 30 * MIB}
    assert _machine.available_memory(write(tmp_path, version_2("/", group)))[0] == 0


def test_a_container_of_version_1(tmp_path):
    folder = "sys/fs/cgroup/memory/pod"
    tree = {
        "proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/pod/one\n0::/\n",
        f"{folder}/one/memory.limit_in_bytes": UNLIMITED,
        f"{folder}/one/memory.usage_in_bytes": 20 * MIB,
        f"{folder}/memory.limit_in_bytes": 64 * MIB,
        f"{folder}/memory.usage_in_bytes": 24 * MIB,
        f"{folder}/memory.stat": f"inactive_file 1\ntotal_inactive_file {4 * MIB}\n",
    }
    root = write(tmp_path, meminfo(500 * MIB) | tree)
    expected = (44 * MIB, "memory.limit_in_bytes of the control group /sys/fs/cgroup/memory/pod")
    assert _machine.available_memory(root) == expected
    (root / folder / "memory.limit_in_bytes").write_text(str(UNLIMITED))
    assert _machine.available_memory(root) == (500 * MIB, "the memory of the machine (MemAvailable)")


def test_a_limit_on_the_address_space(tmp_path):
    head = "Limit                     Soft Limit           Hard Limit           Units     \n"
    tree = {
        "proc/self/limits": f"{head}Max address space         {200 * MIB}            unlimited            bytes\n",
        "proc/self/status": "Name:\tpython\nVmSize:\t  51200 kB\n",
    }
    root = write(tmp_path, meminfo(500 * MIB) | tree)
    assert _machine.available_memory(root) == (
        150 * MIB, "the address space that the process may take (ulimit -v)"
    )  # fmt: skip
    write(
        root,
        {"proc/self/limits": f"{head}Max address space         unlimited            unlimited   bytes\n"},
    )
    assert _machine.available_memory(root)[0] == 500 * MIB


def limited_child(limit):
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))\n"
        "from indrnn_np import _machine; print(*_machine.available_memory())"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_this_machine():
    free, limit = _machine.available_memory()
    assert free > 0 and limit
    less, _, words = limited_child(512 * MIB).partition(" ")
    if free > 512 * MIB:
        assert 0 < int(less) < 512 * MIB and "ulimit -v" in words
