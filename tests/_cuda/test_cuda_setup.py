"""What is said where no GPU can be used, is too old or is full; blocks; the pool. No GPU is needed."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from indrnn_np import backend
from indrnn_np._cuda import arrays, launch, target, toolkit
from indrnn_np._cuda.pool import Pool

NEEDS_DEVICE = pytest.mark.skipif(not target.available(), reason="no GPU and no simulator")


def stub(
    monkeypatch,
    available=True,
    driver=(13, 0),
    toolkit=(13, 0),
    capability=(9, 0),
    error="no libcuda.so.1\n here",
):
    """A numba.cuda that tells of such a GPU."""
    device = SimpleNamespace(compute_capability=capability, name=b"A GPU", MULTIPROCESSOR_COUNT=132)
    context = SimpleNamespace(get_memory_info=lambda: (3 * 2**30, 4 * 2**30))
    made = SimpleNamespace(
        is_available=lambda: available, cuda_error=lambda: error, implementation="NVIDIA",
        driver=SimpleNamespace(driver=SimpleNamespace(get_version=lambda: driver)),
        runtime=SimpleNamespace(get_version=lambda: toolkit), get_current_device=lambda: device,
        current_context=lambda: context,
    )  # fmt: skip
    monkeypatch.setattr(target, "cuda", made)
    monkeypatch.setattr(target, "SIMULATED", False)
    target.multiprocessors.cache_clear()


@pytest.fixture(autouse=True)
def forget():
    yield
    target.multiprocessors.cache_clear()


@pytest.mark.not_emulated
@pytest.mark.parametrize(
    "gpu, words",
    [
        ({"available": False}, r"no NVIDIA GPU can be used \(no libcuda.so.1 here\), expected a GPU with a driver of "
         r"series 580 or newer and pip install 'indrnn-np\[cuda\]'; without a GPU, NUMBA_ENABLE_CUDASIM=1"),
        ({"driver": (12, 4), "toolkit": (13, 1)}, r"the driver is of CUDA 12\.4, expected at least 13\.0 because "
         r"kernels are compiled with toolkit 13\.1; update the driver"),
        ({"capability": (7, 0)}, r"the GPU has compute capability 7\.0, expected at least 7\.5 because CUDA 13"),
    ],
    ids=["no driver", "old driver", "old GPU"],
)  # fmt: skip
def test_what_is_missing_is_said_in_one_sentence(monkeypatch, gpu, words):
    stub(monkeypatch, **gpu)
    with pytest.raises(RuntimeError, match="^backend 'cuda': " + words):
        target.require()
    assert "expected" in target.describe()["cuda"]


@pytest.mark.not_emulated
def test_a_gpu_is_described(monkeypatch):
    stub(monkeypatch)
    target.require()
    told = target.describe()
    assert told == {
        "numba.cuda": "numba-cuda", "GPU": "A GPU, compute capability 9.0, 132 multiprocessors",
        "GPU memory": "3 GiB free of 4 GiB", "driver": "CUDA 13.0", "toolkit": "CUDA 13.0",
    }  # fmt: skip


@pytest.mark.not_emulated
def test_a_toolkit_of_a_newer_minor_version_warns(monkeypatch):
    stub(monkeypatch, toolkit=(13, 2))
    words = (
        "the toolkit is of CUDA 13.2 and the driver of CUDA 13.0; if kernels do not load, update the driver"
    )
    with pytest.warns(UserWarning, match=f"^backend 'cuda': {words}"):
        target.require()
    assert target.describe()["warning"].startswith(words)


@pytest.mark.parametrize("driver", [(13, 0), (13, 4), (14, 0)])
def test_a_driver_as_new_as_the_toolkit_does_not_warn(monkeypatch, driver):
    stub(monkeypatch, driver=driver)
    target.require()
    assert "warning" not in target.describe()


def test_numba_cuda_without_the_module_of_row_stack_is_imported(monkeypatch):
    loaded = target._load()
    monkeypatch.setattr(target, "SIMULATED", False)
    monkeypatch.setattr(loaded, "implementation", "NVIDIA", raising=False)
    monkeypatch.setattr(toolkit, "set_home", lambda: None)
    monkeypatch.delattr(np, "row_stack", raising=False)
    tried = []

    def absent(name):
        tried.append((name, hasattr(np, "row_stack")))
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(target.importlib, "import_module", absent)
    assert target._load() is loaded
    assert tried == [("numba.cuda.np.arrayobj", True)] and not hasattr(np, "row_stack")


@pytest.fixture
def toolkits(tmp_path, monkeypatch):
    """Two toolkits with libNVVM: one with nvcc in the path, as a link in another folder, and the default one."""
    for name in ("toolkit", "default"):
        (tmp_path / name / "nvvm" / "lib64").mkdir(parents=True)
        (tmp_path / name / "nvvm" / "lib64" / "libnvvm.so.4").touch()
    nvcc = tmp_path / "toolkit" / "bin" / "nvcc"
    nvcc.parent.mkdir()
    nvcc.touch(mode=0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "nvcc").symlink_to(nvcc)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(toolkit, "DEFAULT", tmp_path / "default")
    for name in ("CUDA_HOME", "CUDA_PATH"):
        monkeypatch.setenv(name, "")  # so that the variable has its old value after the test
        monkeypatch.delenv(name)
    return tmp_path


def test_the_toolkit_of_nvcc_is_taken_then_the_default_one(toolkits, monkeypatch):
    toolkit.set_home()
    assert os.environ["CUDA_HOME"] == str(toolkits / "toolkit")
    (toolkits / "toolkit" / "nvvm" / "lib64" / "libnvvm.so.4").unlink()
    monkeypatch.delenv("CUDA_HOME")
    toolkit.set_home()
    assert os.environ["CUDA_HOME"] == str(toolkits / "default")


@pytest.mark.parametrize("name", ["CUDA_HOME", "CUDA_PATH"])
def test_a_toolkit_that_the_user_names_is_kept(toolkits, monkeypatch, name):
    monkeypatch.setenv(name, "/elsewhere")
    toolkit.set_home()
    assert {n: os.environ.get(n) for n in ("CUDA_HOME", "CUDA_PATH")} == {
        "CUDA_HOME": None, "CUDA_PATH": None, name: "/elsewhere"
    }  # fmt: skip


def test_without_a_toolkit_no_variable_is_set(toolkits, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(toolkit, "DEFAULT", toolkits / "none")
    toolkit.set_home()
    assert "CUDA_HOME" not in os.environ


@pytest.mark.not_emulated
def test_blocks_are_small_until_every_multiprocessor_has_two(monkeypatch):
    stub(monkeypatch)
    sizes = [launch.block_size(n) for n in (1, 4096, 2 * 132 * 64 - 1, 2 * 132 * 64, 2 * 132 * 256, 10**9)]
    assert sizes == [32, 32, 32, 64, 256, 256]


def test_without_a_gpu_the_package_works_and_the_backend_is_not_offered():
    """A process of its own, in which numba may not use a driver."""
    program = "import indrnn_np as ir; from indrnn_np import backend; print(backend.backends()); backend.get('cuda')"
    hidden = {"NUMBA_DISABLE_CUDA": "1", "NUMBA_ENABLE_CUDASIM": "0"}
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ, **hidden}
    )
    assert ran.stdout.strip() == "('cpu', 'reference')"
    last = ran.stderr.strip().splitlines()[-1]
    assert last.startswith("RuntimeError: backend 'cuda': no NVIDIA GPU can be used (")
    assert "pip install 'indrnn-np[cuda]'" in last


def test_a_network_on_the_cpu_does_not_import_numba_cuda():
    program = (
        "import sys, numpy as np, indrnn_np as ir\n"
        "net = ir.plain(2, 3, 1, 1, 5)\n"
        "y, _, tape = net.forward(np.zeros((5, 2, 2), np.float32))\n"
        "net.backward(ir.mse(y, np.zeros_like(y))[1], tape)\n"
        "print([name for name in sys.modules if name.startswith(('numba.cuda', 'indrnn_np._cuda'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class Full:
    """A GPU's memory of so many bytes, as numba tells of it."""

    def __init__(self, size):
        self.left = size

    def device_array(self, size, dtype):
        if size > self.left:
            raise MemoryError("[CUresult] CUDA_ERROR_OUT_OF_MEMORY")
        self.left -= size
        return np.zeros(size, dtype)


@pytest.mark.not_emulated
def test_a_full_gpu_says_how_much_was_asked_and_is_free(monkeypatch):
    monkeypatch.setattr(target, "cuda", Full(2**21))
    monkeypatch.setattr(target, "memory", lambda: (2**20, 2**21))
    pool = Pool()
    block = pool.take(2**20)
    words = (
        "cuda: an array needs 8 MiB, expected at most 1 MiB, of 2 MiB on the GPU, with 1 MiB used by arrays of this "
        "program; a smaller batch or fewer steps"
    )
    with pytest.raises(MemoryError, match=words):
        pool.take(2**23)
    assert pool.live == 2**20 and block.memory.nbytes == 2**20


@pytest.mark.not_emulated
def test_memory_goes_back_to_the_pool_when_the_last_view_is_gone(monkeypatch):
    monkeypatch.setattr(target, "cuda", Full(2**20))
    pool = Pool()
    array = arrays.DeviceArray(pool.take(1000), 0, (10, 25), np.dtype("float32"))
    view = array[2:4]
    assert view.shape == (2, 25) and view.shares_memory(array) and not view.same_start(array)
    del array
    assert (pool.live, pool.held, pool.allocations) == (1024, 0, 1)
    del view
    assert (pool.live, pool.held, pool.allocations) == (0, 1024, 1)
    again = pool.take(900)
    assert pool.allocations == 1 and pool.peak_of(lambda: pool.take(5000)) == 5120
    del again
    pool.clear()
    assert pool.held == 0


@NEEDS_DEVICE
@pytest.mark.parametrize("shape", [(0, 3), (3, 1, 2), (1,), (5, 4)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
def test_arrays_there_and_back(shape, dtype):
    ops = backend.get("cuda")
    host = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    array = ops.device.asarray(host)
    assert (array.shape, array.dtype, array.nbytes) == (shape, host.dtype, host.nbytes)
    assert np.array_equal(array.to_host(), host) and np.array_equal(ops.device.copy(array).to_host(), host)
    assert np.array_equal(array[1:].to_host(), host[1:])
    assert np.array_equal(array.reshape(-1).to_host(), host.reshape(-1))
    assert array.flat.shape == (host.size,) and np.array_equal(array.flat.to_host(), host.reshape(-1))
    if len(host):
        assert np.array_equal(array[-1].to_host(), host[-1])
    assert ops.device.asarray(array) is array and "in the GPU's memory" in repr(array)


@NEEDS_DEVICE
def test_what_an_array_cannot_do_is_an_error():
    array = backend.get("cuda").device.zeros((4, 3), "float32")
    with pytest.raises(
        TypeError, match=r"the index is \(0, 1\), expected an integer, or a slice without a step"
    ):
        array[0, 1]
    with pytest.raises(TypeError, match="expected an integer, or a slice without a step"):
        array[::-1]
    with pytest.raises(IndexError, match=r"index 4 is out of range for shape \(4, 3\)"):
        array[4]
    with pytest.raises(ValueError, match=r"the shape is \(5, 2\), expected one of 12 elements"):
        array.reshape(5, 2)
    with pytest.raises(ValueError, match=r"cuda\.assign: the array has shape \(2,\), expected \(4, 3\)"):
        arrays.assign(array, np.zeros(2))
    with pytest.raises(ValueError, match="the array has dtype float32, expected float64"):
        backend.get("cuda").device.asarray(array, "float64")
    with pytest.raises(TypeError):
        np.ones(3) + array
