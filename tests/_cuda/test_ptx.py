"""Every CUDA kernel is compiled for GPUs that are not there: what PTX and ptxas tell about it.

Compiling needs the extra `ptx` (numba-cuda, NVVM, ptxas); without it those tests are skipped, and .ci/run has a stage
with it. The rest, the committed table among it, needs nothing.
"""

import ast
import importlib
import re
from pathlib import Path

import numpy as np
import pytest
from ptx_text import arithmetic, bytes_of, double_arithmetic, groups, loops, main_loop, uses_local_memory

from indrnn_np._cuda import graph, launch, products
from indrnn_np._cuda.target import cuda
from indrnn_np.ops.recurrence.activation import ACTIVATIONS
from indrnn_np.ops.recurrence.cuda_steps import GROUP, LOADS

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "benchmarks" / "results" / "ptx.md"
CAPABILITIES = ("7.5", "8.0", "9.0", "10.0")
SHORT = ("7.5", "9.0")  # without --ptx-long

# Registers of a thread at most, in float32 and in float64, by how a kernel's name begins (the longest counts). A
# multiprocessor has 65536: with 64 a thread 1024 threads run at once, with 128 there are 512.
BUDGET = {
    "": (64, 96, "waits for memory are hidden by other threads"),
    "recurrence.forward": (
        64,
        80,
        "the numbers of two groups of 8 steps, and where each is read and written",
    ),
    "recurrence.forward.ahead32": (128, 255, "the same of 32 steps"),
    "recurrence.forward.ahead64": (
        255,
        0,
        "the same of 64 steps: so few columns that threads need not share",
    ),
    "recurrence.backward.ahead16": (128, 255, "the same of 16 steps, of dh and h"),
    "recurrence.backward.ahead32": (255, 0, "the same of 32 steps"),
    "recurrence.backward": (
        96,
        116,
        "twice as many; B · H threads seldom fill a GPU: loads count, not threads",
    ),
    "recurrence.forward.wide": (128, 128, "four columns of float32, two of float64, in a thread"),
    "recurrence.backward.wide": (148, 148, "the same: a quarter of the threads moves as many bytes"),
    "recurrence.scan": (80, 128, "16 numbers of a thread under way, and as many that it computes with"),
    "recurrence.scan.carry": (128, 128, "the maps of 8 chunks in few threads, one for each column"),
    "recurrence.scan.replay_gradient": (96, 128, "as recurrence.backward"),
    "recurrence.scan.single_pass": (
        168,
        216,
        "the maps of 16 chunks; shared memory holds 6 blocks of 32 threads",
    ),
    "recurrence.scan.single_pass_gradient": (136, 148, "the same without p and q"),
    "recurrence.plain_backward": (128, 128, "the compiler unrolls the walk of the plain loop"),
    "layernorm.normalise[32": (128, 128, "16 of a row's numbers under way in each of few threads"),
    "layernorm.input_gradient[32": (80, 96, "the same, of three arrays"),
    "products.product": (96, 128, "16 elements of the product, in the arrays' dtype and in float64"),
    "softmax_cross_entropy.loss[32": (
        80,
        96,
        "a row is shared by few threads, each with several of its numbers",
    ),
}

# Arithmetic of float64 in float32 kernels, and what for: on most GPUs it runs at 1/64 of float32's speed.
DOUBLE = {
    "adding.mark": ("mul", "the drawn step, from a number in float64"),
    "batchnorm.column_sums": ("add", "a long sum"),
    "batchnorm.gradient_sums": ("add", "long sums"),
    "batchnorm.gradients": ("add div mul rcp sqrt", "once a neuron: what its sums make"),
    "batchnorm.moments": ("add fma", "long sums"),
    "batchnorm.statistics": ("add div mul sub", "once a neuron: what its sums make"),
    "batchnorm.update": ("div fma mul sub", "once a neuron"),
    "binary_cross_entropy.loss": ("add", "a long sum"),
    "embedding.row": ("add mul", "a long sum, and its factor"),
    "embedding.run": ("add", "a long sum"),
    "gradient.scale": ("setp", "the factor is in float64; it is compared with 1"),
    "gradient.squares": ("fma", "a long sum"),
    "layernorm.input_gradient": ("add", "long sums, once in AHEAD numbers"),
    "layernorm.normalise": ("add", "the same"),
    "layernorm.sums": ("add", "the same"),
    "mse.loss": ("fma", "a long sum"),
    "products.add": ("add", "a long sum"),
    "products.columns": ("add", "a long sum"),
    "products.product": ("add", "long sums, once in RUN terms"),
    "recurrence.backward": ("add", "du and db, once in GROUP steps"),
    "recurrence.scan.carry": ("abs fma setp", "states between chunks, once in a chunk"),
    "recurrence.scan.compose": ("mul", "the factor of a chunk: a product over its steps"),
    "recurrence.scan.replay_gradient": ("add", "du and db, once in GROUP steps"),
    "recurrence.scan.single_pass": ("abs fma mul selp setp", "factors of chunks, and states between them"),
    "recurrence.scan.single_pass_gradient": ("abs add fma mul setp", "the same, and du and db"),
    "recurrence.sum": ("add", "long sums"),
    "rows.partial": ("add", "a long sum"),
    "rows.total": ("add", "a long sum"),
    "softmax_cross_entropy.loss": ("add sub", "a long sum"),
}


@pytest.fixture(scope="module")
def registers():
    """The module benchmarks/registers.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        yield importlib.import_module("registers")


@pytest.fixture(scope="module")
def tools(registers):
    try:
        return registers.tools()
    except RuntimeError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module", params=CAPABILITIES)
def capability(request):
    if request.param not in SHORT and not request.config.getoption("--ptx-long"):
        pytest.skip("a capability of --ptx-long")
    return request.param


@pytest.fixture(scope="module")
def compiled(registers, tools, tmp_path_factory, pytestconfig):
    """Every kernel for every capability, by capability: the rows of benchmarks/registers.py, with the PTX as `text`."""
    folder, capabilities = (
        tmp_path_factory.mktemp("ptx"),
        CAPABILITIES if pytestconfig.getoption("--ptx-long") else SHORT,
    )
    rows = [
        row | {"text": (folder / row["text"]).read_text()}
        for row in registers.everything(folder, capabilities)
    ]
    return {c: [row for row in rows if row["capability"] == c] for c in capabilities}


def label(row):
    return f"{row['kernel']} {row['dtype']}"


def entry(table, name):
    """The entry whose key begins the kernel's name, the longest of several."""
    return max((key for key in table if name.startswith(key)), key=len, default=None)


# what there is


def test_every_kernel_is_among_kernels(registers):
    """A function under @kernel that no `kernels()` gives would be compiled by nobody before a user does."""
    codes = [kernel.function.__code__ for _, kernel in registers.kernels()]
    written = set()
    for path in registers.PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for made in getattr(node, "decorator_list", []):
                if isinstance(made, ast.Call) and getattr(made.func, "id", "") == "kernel":
                    written.add((str(path), made.lineno))
    assert {(code.co_filename, code.co_firstlineno) for code in codes} == written


def test_kernels_have_names_of_their_own(registers):
    names = [name for name, _ in registers.kernels()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("table", [BUDGET, DOUBLE], ids=["BUDGET", "DOUBLE"])
def test_every_exception_is_some_kernels(registers, table):
    assert set(table) <= {entry(table, name) for name, _ in registers.kernels()}


def test_the_committed_table_is_of_these_kernels(registers):
    """Its numbers are not compared: they change with the compiler."""
    listed, ahead = (
        [line.strip("| ").split(" | ")[:2] for line in part.splitlines() if line.startswith("| ")][2:]
        for part in TABLE.read_text().split("## Loads ahead")
    )
    asked = [
        [name, dtype or "-"] for name, kernel in registers.kernels() for dtype in registers.dtypes(kernel)
    ]
    again = f"make it again: python benchmarks/registers.py --out {TABLE.relative_to(ROOT)}"
    assert listed == asked, again
    assert ahead == [row for row in asked if row[0].startswith(registers.WALKS)], again


# the checks, on what they have to find


def test_the_reading_of_ptxas(registers):
    words = """ptxas info    : 16 bytes gmem
    344 bytes stack frame, 872 bytes spill stores, 692 bytes spill loads
ptxas info    : Used 32 registers, used 1 barriers, 344 bytes cumulative stack size, 4160 bytes smem
"""
    assert registers.report(words) == registers.Resources(32, 4160, 344, 872, 692)
    with pytest.raises(RuntimeError, match="0 kernels"):
        registers.report("")


LOOP = """
	ld.global.f32 	%f1, [%rd1];
	@%p3 bra 	$L__BB0_4;
$L__BB0_1:
	setp.ge.s64 	%p1, %rd2, %rd3;
	@%p1 bra 	$L__BB0_5;
$L__BB0_2:
	fma.rn.f32 	%f4, %f5, %f6, %f7;
	st.global.f32 	[%rd6], %f4;
	mov.f32 	%f5, %f2;
	@%p2 bra 	$L__BB0_3;
	bra.uni 	$L__BB0_1;
$L__BB0_3:
	cvt.f64.f32 	%fd1, %f4;
	mul.f64 	%fd2, %fd1, 0d3FE0000000000000;
	ret;
$L__BB0_4:
	bra.uni 	$L__BB0_1;
$L__BB0_5:
	ld.global.f32 	%f2, [%rd4];
	ld.global.nc.f32 	%f3, [%rd5];
	bra.uni 	$L__BB0_2;
"""


def test_the_reading_of_ptx():
    """The loop is 1, 5, 2, as for capability 10.0: blocks stand anywhere."""
    assert main_loop(LOOP) == loops(LOOP)[0]
    assert [op.split(".")[0] for op, _ in main_loop(LOOP)] == "setp bra ld ld bra fma st mov bra bra".split()
    assert groups(main_loop(LOOP)) == [[{"%f2", "%f3"}, {"%f4", "%f5", "%f6", "%f7"}, 1]]
    assert double_arithmetic(LOOP) == {"mul"} and not uses_local_memory(LOOP)


CODE = """
LDG.E R1, [R2] | 0
FADD R1, R1, R1 | | 0
.L_x_1:
LDG.E R4, [R2] | 0
FFMA R5, R4, R4, R4
@!P0 LDG.E.128 R6, [R2] | 1
MUFU.EX2 R5, R5
.L_x_2:
FADD R5, R5, R5 | | 1
@P1 BRA `(.L_x_2)
DMUL R8, R8, R8 | | 0
STG.E [R2], R5
@P2 BRA `(.L_x_1)
BRA `(.L_x_3)
.L_x_3:
EXIT
"""


def machine_code(lines):
    """Return lines "instruction | scoreboard that it sets | scoreboard that it waits for" as nvdisasm prints them."""
    for place, line in enumerate(lines.strip().splitlines()):
        if line.startswith("."):
            yield line
        else:
            instruction, sets, waits, *_ = (part.strip() for part in f"{line}||".split("|"))
            control = (1 << int(waits) if waits else 0) << 11 | (7 << 8) | int(sets or 7) << 5
            yield f"        /*{16 * place:04x}*/                   {instruction} ;   /* 0x{0:016x} */"
            yield f"{'':50}/* 0x{control << 41:016x} */"


def test_the_reading_of_machine_code(registers):
    """Of four sums and products, three run before the first load is waited for, and one before the second."""
    code = "\n".join(machine_code(CODE))
    assert [loop[0].opcode for loop in registers.sass.loops(code)] == ["FADD", "LDG.E"]
    assert registers.sass.ahead(code) == ((3 / 4 + 1 / 4) / 2, 1 / 4)


def wrong(x, n):
    """An array that is indexed at run time, and a literal that widens float32."""
    own = cuda.local.array(64, x.dtype)
    for k in range(64):
        own[k] = x[k]
    for k in range(64):
        x[k] = 0.1 * own[(k + n) % 64]


def test_a_kernel_with_local_memory_is_seen(registers, tools, tmp_path):
    text = registers.compile(launch.kernel("real[::1], int64")(wrong), "float32")["9.0"]
    (tmp_path / "wrong.ptx").write_text(text)
    assert registers.resources(tmp_path / "wrong.ptx", "9.0").stack == 256
    assert uses_local_memory(text)
    assert double_arithmetic(text) == {"mul"}


# every kernel


@pytest.mark.slow
def test_every_kernel_compiles(compiled, registers, capability):
    """To a text that drivers of the series 580 take: its version goes with the toolkit's, not with the GPU's."""
    asked = [(name, dtype) for name, kernel in registers.kernels() for dtype in registers.dtypes(kernel)]
    assert [(row["kernel"], row["dtype"]) for row in compiled[capability]] == asked
    heads = {
        re.search(r"\.version (\S+)\n\.target (\w+)", row["text"]).groups() for row in compiled[capability]
    }
    assert heads == {("9.0", f"sm_{capability.replace('.', '')}")}


@pytest.mark.slow
def test_no_kernel_uses_local_memory(compiled, capability):
    for row in compiled[capability]:
        used = {key: row[key] for key in ("stack", "spill_stores", "spill_loads") if row[key]}
        assert not used, f"{label(row)}: {used}"
        assert not uses_local_memory(row["text"]), label(row)


@pytest.mark.slow
def test_registers_stay_in_the_budget(compiled, capability):
    over = {}
    for row in compiled[capability]:
        most = BUDGET[entry(BUDGET, row["kernel"])][row["dtype"] == "float64"]
        if row["registers"] > most:
            over[label(row)] = f"{row['registers']} > {most}"
    assert not over


@pytest.mark.slow
def test_float32_is_not_widened(compiled, capability):
    wider = {}
    for row in compiled[capability]:
        if row["dtype"] == "float32" and ".plain_" not in row["kernel"]:  # a plain twin is written to be read
            allowed = set(DOUBLE.get(entry(DOUBLE, row["kernel"]), ("",))[0].split())
            if more := double_arithmetic(row["text"]) - allowed:
                wider[row["kernel"]] = more
    assert not wider


@pytest.mark.slow
def test_the_recurrence_loads_ahead_of_its_chain(compiled, capability):
    """Each turn of the main loop loads some steps, none of which is used before the stores of this turn."""
    rows = walks(compiled[capability])
    assert len(rows) >= 2 * 2 * 2 * len(ACTIVATIONS)
    for row in rows:
        arrays = 2 if "dh=True" in row["kernel"] else 1  # what a step reads: a; h; or dh and h
        steps = LOADS // arrays if wide(row) else steps_ahead(row)
        turns = groups(main_loop(row["text"]))
        assert turns, label(row)
        for loaded, used, stores in turns:  # the compiler may have made several turns one
            assert (len(loaded), stores) == (columns(row) * steps * arrays, steps), label(row)
            assert not loaded & used, label(row)


@pytest.mark.slow
def test_loads_stay_ahead_in_machine_code(compiled, capability):
    """ptxas moves some of them behind a part of the chain (the committed table says where), and not most."""
    shares = {label(row): row["ahead"][0] for row in walks(compiled[capability])}
    assert sum(shares.values()) / len(shares) > 0.7
    relu = {
        name: share for name, share in shares.items() if re.match(r"recurrence\.forward(\.wide)?\[relu", name)
    }
    assert len(relu) == 8 and min(relu.values()) > 0.8, relu


@pytest.mark.slow
def test_memory_that_a_block_shares_has_a_barrier(compiled, capability):
    """In the simulator threads without one run one after another, and would not meet in it."""
    assert not [label(row) for row in compiled[capability] if row["shared"] and "bar.sync" not in row["text"]]


def walks(rows):
    return [row for row in rows if re.match(r"recurrence\.(forward|backward)", row["kernel"])]


def wide(row):
    return ".wide[" in row["kernel"]


def steps_ahead(row):
    """Of a narrow form."""
    ahead = re.search(r"\.ahead(\d+)\[", row["kernel"])
    return int(ahead[1]) if ahead else GROUP


def columns(row):
    """Of a thread."""
    return {"float32": 4, "float64": 2}[row["dtype"]] if wide(row) else 1


@pytest.mark.slow
def test_accesses_of_the_recurrence_are_of_a_word_or_of_16_bytes(compiled, capability):
    """All that are inside a loop, so all of arrays that are as long as time."""
    for row in walks(compiled[capability]):
        found = {
            bytes_of(op) for loop in loops(row["text"]) for op, _ in loop if re.match(r"(ld|st)\.global", op)
        }
        assert found == {16 if wide(row) else {"float32": 4, "float64": 8}[row["dtype"]]}, label(row)


@pytest.mark.slow
def test_all_forms_compute_alike(compiled, capability):
    """As many sums, products and fused ones for each step and column: what the compiler fuses changes bits."""
    found = {}
    for row in walks(compiled[capability]):
        library = re.match(
            r"recurrence\.forward[.\w]*\[(tanh|sigmoid)", row["kernel"]
        )  # tanh and exp are NVIDIA's
        if row["dtype"] == "float32" and not library:
            loop = main_loop(row["text"])
            steps = columns(row) * sum(stores for _, _, stores in groups(loop))
            counted = {kind: n / steps for kind, n in arithmetic(loop, "f32").items()}
            found.setdefault(re.sub(r"\.(wide|ahead\d+)", "", row["kernel"]), []).append(counted)
    assert len(found) == 2 * 2 + 3 * len(ACTIVATIONS)
    for name, (narrow, *others) in found.items():
        assert len(others) == 3 and all(other == narrow for other in others), name


def test_the_bindings_have_what_a_graph_asks_for():
    driver = pytest.importorskip("cuda.bindings.driver", reason="comes with the extras cuda and ptx")
    names = ("cuStreamBeginCapture", "cuStreamEndCapture", "cuGraphInstantiate", "cuGraphLaunch", "cuGraphDestroy",
             "cuGraphExecDestroy")  # fmt: skip
    assert all(callable(getattr(driver, name)) for name in names)
    assert driver.CUstreamCaptureMode(graph.RELAXED).name == "CU_STREAM_CAPTURE_MODE_RELAXED"
    assert graph._capture_mode() == graph.RELAXED


def test_a_kernel_can_be_loaded_without_a_launch():
    """Kernel.launch does so while a graph records."""
    if getattr(cuda, "implementation", "") != "NVIDIA":
        pytest.skip("graphs need numba-cuda")
    compiled = products.add_kernel.compiled
    assert [str(compiled.typeof_pyval(value)) for value in (True, np.int64(3), 2.5)] == [
        "bool",
        "int64",
        "float64",
    ]
    assert callable(compiled.compile)
    assert callable(importlib.import_module("numba.cuda.dispatcher")._Kernel.bind)
