"""`indrnn info`: the facts in words, and each advice where it belongs and nowhere else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from indrnn_np import backend
from indrnn_np._cpu import tiles
from indrnn_np._cuda import target
from indrnn_np.commands import cli, info

OPENBLAS = {
    "user_api": "blas", "internal_api": "openblas", "num_threads": 8, "version": "0.3", "architecture": "SkylakeX",
    "filepath": "site/numpy.libs/libopenblas.so",
}  # fmt: skip
GOOD = {
    "versions": {"numpy": "2"}, "system": "Linux", "cpu": "A CPU", "avx512": True,
    "caches": {"L1d": 48 * 2**10, "L2": 2**20, "L3": 32 * 2**20}, "threads": 8, "free": 3 * 2**30,
    "free_limit": "the memory of the machine (MemAvailable)", "backends": ("cpu",), "blas": [OPENBLAS],
    "environment": {}, "made": {}, "cache": "here", "kernels": "here/kernels/1", "kernels_kept": True,
    "kernels_number": 7, "kernels_bytes": 3000, "kernels_others": 2, "kernels_others_bytes": 1000,
    "data": "there", "gpu": {"numba.cuda": "built-in", "cuda": "no GPU"},
}  # fmt: skip
HASWELL = {**OPENBLAS, "architecture": "Haswell"}
SCIPYS = {**OPENBLAS, "filepath": "site/scipy.libs/libopenblas.so"}


def environment(**variables):
    return {"environment": variables}


BAD = [
    (environment(NUMBA_DISABLE_JIT="1"), "NUMBA_DISABLE_JIT is set"),
    (environment(NUMBA_BOUNDSCHECK="1"), "NUMBA_BOUNDSCHECK is set"),
    ({"gpu": {"numba.cuda": "simulator"}}, "NUMBA_ENABLE_CUDASIM is set"),
    ({"blas": [HASWELL]}, "OpenBLAS runs its Haswell kernels (AVX2) though the CPU has AVX-512"),
    (
        {"blas": [{**OPENBLAS, "architecture": "Zen"}]},
        "set OPENBLAS_CORETYPE=SkylakeX before numpy is imported",
    ),
    (environment(OPENBLAS_NUM_THREADS="2"), "OPENBLAS_NUM_THREADS is 2 of 8 threads"),
    (environment(OMP_NUM_THREADS="7"), "OMP_NUM_THREADS is 7 of 8 threads"),
    ({"kernels_kept": False}, "the folder here can't be written: kernels are compiled anew at each start"),
    (
        {"kernels_kept": False, "kernels": ""},
        "the files of the package can't be read, as in a frozen program",
    ),
    ({"blas": [OPENBLAS, SCIPYS]}, "2 BLAS libraries are loaded (libopenblas.so, libopenblas.so)"),
    ({"caches": {"L1d": 1}}, "does not report the size of the L2 cache"),
    ({"blas": [{**OPENBLAS, "internal_api": "blis"}]}, "numpy's BLAS is blis, not OpenBLAS or MKL"),
    ({"blas": []}, "numpy's BLAS is none that threadpoolctl knows"),
]
FINE = [
    {},
    environment(NUMBA_DISABLE_JIT="0", NUMBA_BOUNDSCHECK=""),
    {"blas": [HASWELL], "avx512": False},
    {"blas": [{**OPENBLAS, "internal_api": "mkl", "architecture": None}]},
    environment(OPENBLAS_NUM_THREADS="8", OMP_NUM_THREADS="16"),
    environment(OMP_NUM_THREADS="4,2"),
    environment(OMP_NUM_THREADS="0"),
    {"blas": [OPENBLAS, OPENBLAS]},
]


@pytest.mark.parametrize(("change", "words"), BAD, ids=[words[:30] for _, words in BAD])
def test_each_advice_and_only_it(change, words):
    lines = info.advice({**GOOD, **change})
    assert len(lines) == 1 and words in lines[0]


@pytest.mark.parametrize("change", FINE)
def test_no_advice_when_all_is_well(change):
    assert info.advice({**GOOD, **change}) == []


def test_every_advice_has_a_case():
    given = [{**GOOD, **change} for change, _ in BAD]
    assert all(any(list(advise(found)) for found in given) for advise in info.ADVICE)


def test_the_facts_in_words():
    told = info.sections({**GOOD, **environment(OPENBLAS_CORETYPE="SkylakeX")})
    assert told["machine"]["caches"] == "L1d 48 KiB, L2 1 MiB, L3 32 MiB"
    assert told["machine"]["memory free"] == "3 GiB, by the memory of the machine (MemAvailable)"
    assert told["BLAS"] == {"openblas 0.3": "8 threads, kernels for SkylakeX"}
    assert told["folders"]["compiled kernels"] == "here/kernels/1 (7 kernels, 2.93 KiB)"
    assert told["folders"]["kernels of other versions"] == "2 kernels, 1000 bytes; may be deleted at any time"
    assert told["environment"] == {"OPENBLAS_CORETYPE": "SkylakeX"}
    made = {"made": {"OPENBLAS_CORETYPE": "SkylakeX"}}
    told = info.sections({**GOOD, **environment(OPENBLAS_CORETYPE="SkylakeX"), **made})
    assert "set by this command" in told["environment"]["OPENBLAS_CORETYPE"]


def test_what_is_unknown_is_called_unknown():
    unknown = {"free": None, "caches": {}, "kernels_bytes": 0, "blas": [{**OPENBLAS, "architecture": None}]}
    told = info.sections({**GOOD, **unknown})
    assert told["machine"]["memory free"] == told["machine"]["caches"] == "unknown"
    assert told["BLAS"] == {"openblas 0.3": "8 threads"}
    assert told["folders"]["compiled kernels"].endswith("(7 kernels, 0 bytes)")


def test_the_gpu_is_told_and_the_simulator_is_no_gpu():
    assert info.sections(GOOD)["GPU"] == GOOD["gpu"]
    simulated = {**GOOD, "gpu": {"numba.cuda": "simulator"}}
    assert "NUMBA_ENABLE_CUDASIM" in next(info.simulator(simulated)) and not list(info.simulator(GOOD))
    assert ("cuda" in backend.backends()) == (not target.problem()[0])


def test_the_facts_of_this_machine():
    found = info.facts()
    assert found["versions"]["numpy"] and found["versions"]["matplotlib"] and found["cpu"]
    assert found["kernels"].startswith(found["cache"])
    assert set(GOOD) == set(found)


def ask(*arguments, **variables):
    """Run the command in a process of its own, where it is there before numpy."""
    environ = {k: v for k, v in os.environ.items() if k not in info.VARIABLES} | variables
    command = [sys.executable, "-m", "indrnn_np", "info", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout


def test_the_command(tmp_path):
    out = ask(INDRNN_CACHE_DIR=str(tmp_path))
    assert f"compiled kernels: {tmp_path}" in out and "(0 kernels, 0 bytes)" in out
    assert out.split("advice\n")[1].strip()


def test_a_folder_that_cannot_be_written(tmp_path):
    """And the variables that make everything slow."""
    (tmp_path / "file").write_text("")
    found = json.loads(ask("--json", INDRNN_CACHE_DIR=str(tmp_path / "file"), NUMBA_DISABLE_JIT="1"))
    assert any("can't be written" in line for line in found["advice"])
    assert any("NUMBA_DISABLE_JIT" in line for line in found["advice"])
    assert found["environment"]["NUMBA_DISABLE_JIT"] == "1"


STRATEGIES = [("1000,50,2,128", "few inputs", "D = 2"), ("150,32,650,5000", "BLAS", "does not fit"),
              ("50,3,7,5", "BLAS", "a side below 16")]  # fmt: skip


@pytest.mark.parametrize(("shape", "strategy", "why"), STRATEGIES)
def test_explain_a_shape(shape, strategy, why):
    found = json.loads(ask("--explain", shape, "--json"))
    assert found["strategy"] == strategy and why in found["why"]
    assert ",".join(str(size) for size in found["shape"].values()) == shape
    assert found["W"] == 4 * found["shape"]["D"] * found["shape"]["H"] and found["threads"] >= 1
    assert (Path(__file__).parents[2] / found["file"]).exists()


def test_explain_tiles_and_print():
    known = tiles.SIZES and any(tiles._features().get(name) for name in tiles.SIZES)
    out = ask("--explain", "784,32,128,128")
    assert f"strategy: {'tiles' if known else 'BLAS'}" in out and "W: 64 KiB" in out
    assert "T = 784, B = 32, D = 128, H = 128" in out
    out = ask("--explain", "784,32,128,128", NUMBA_DISABLE_JIT="1")
    assert "strategy: BLAS" in out and "not compiled" in out


@pytest.mark.parametrize(
    "shape", ["", "1,2,3", "1,2,3,4,5", "1,2,3,0", "1,2,3,-4", "1,2,3,x", "1,,2,3,4", "1,2,3,9999999999"]
)
def test_explain_refuses_a_bad_shape(shape, capsys):
    assert cli.main(["info", f"--explain={shape}"]) == 2
    assert f"info: --explain is {shape!r}, expected T,B,D,H, four integers" in capsys.readouterr().err
