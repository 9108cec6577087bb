"""The benchmark framework: its cases, its clock, that what is wrong is not timed, and what it writes down."""

import dataclasses
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from indrnn_np import bench
from indrnn_np._cpu import provenance
from indrnn_np.backend import get
from indrnn_np.bench import agreement, iteration, layer, recurrence, report, timing
from indrnn_np.bench.cases import CASES, ITERATION, KINDS, LAYER, LEVELS, RECURRENCE, Case, select
from indrnn_np.bench.timing import FLOOR, OTHER_CELL, RIVAL, Candidate, LeftOut
from indrnn_np.ops.recurrence.activation import ACTIVATIONS

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.fixture
def no_waiting(monkeypatch):
    monkeypatch.setattr(timing, "SETTLE", 0)


BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SMALL = {
    LAYER: Case("small-layer", LAYER, 5, 3, 2, 4, "small"),
    RECURRENCE: Case("small-scan", RECURRENCE, 6, 3, 0, 4, "small", "tanh"),
    ITERATION: Case("small-network", ITERATION, 6, 4, 1, 5, "small", layers=2, batchnorm=True, dropout=0.1),
}
BRIEF = {"seconds": 1e-3, "rounds": 2}
each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True)
def small_arrays(monkeypatch):
    """Scans as long as their case says, however large this machine's caches are."""
    monkeypatch.setattr(recurrence, "CACHES", 0)


def run(kind, rivals=None):
    return bench.run([SMALL[kind]], rivals=rivals, **BRIEF)


# the registry


def test_cases_are_unique_and_say_why():
    assert len({case.name for case in CASES}) == len(CASES)
    for case in CASES:
        assert case.kind in KINDS and case.level in LEVELS and case.activation in ACTIVATIONS
        assert len(case.reason) > 20 and all(size > 0 for size in (case.T, case.B, case.H))
        assert (case.D > 0) == (case.kind != RECURRENCE)


def test_the_shapes_that_were_asked_for_are_there():
    shapes = {case.shape for case in CASES if case.kind == LAYER}
    assert {
        (784, 32, 128, 128), (150, 32, 650, 650), (5000, 50, 128, 128), (1000, 50, 2, 128), (20, 128, 150, 512),
        (1000, 8, 128, 128), (10_000, 8, 128, 128), (100_000, 8, 128, 128),
    } <= shapes  # fmt: skip
    assert {case.activation for case in CASES if case.kind == RECURRENCE} == set(ACTIVATIONS)
    network = next(case for case in CASES if case.layers > 1)
    assert (network.shape, network.layers, network.batchnorm, network.dropout) == (
        (784, 32, 1, 128),
        6,
        True,
        0.1,
    )


def test_each_level_holds_the_one_before():
    quick, default, everything = (set(select(level)) for level in LEVELS)
    assert quick < default < everything == set(CASES)
    assert {case.kind for case in quick} == set(KINDS)


def test_cases_by_name_come_in_the_registrys_order():
    first, second = CASES[4], CASES[1]
    assert select("quick", [first.name, second.name]) == (second, first)
    with pytest.raises(ValueError, match="case is 'mnist', expected one of mnist-layer, characters"):
        select(names=["mnist"])
    with pytest.raises(ValueError, match="level is 'slow', expected one of quick, default, all"):
        select("slow")


def test_the_registry_and_the_command_load_no_numpy():
    code = "import sys, indrnn_np.bench, indrnn_np.commands.bench; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# the clock


class Clock:
    """A clock that only candidates move."""

    def __init__(self, monkeypatch):
        self.now, self.order = 0.0, []
        monkeypatch.setattr(timing.time, "perf_counter", lambda: self.now)

    def candidate(self, name, seconds, **options):
        """One that takes these seconds call after call; the last ones are repeated."""
        left = list(seconds)

        def call():
            self.order.append(name)
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return Candidate(call, **options)


def test_candidates_take_turns_in_blocks_whose_first_call_is_not_counted(monkeypatch):
    clock = Clock(monkeypatch)
    found = timing.measure({"a": clock.candidate("a", [0.25]), "b": clock.candidate("b", [0.5])}, 2.0, 2)
    assert "".join(clock.order) == "aa" + "bb" + "aaaaa" + "bbb" + "bbb" + "aaaaa"
    assert found["a"] == timing.Timing(0.25, 0.25, 0.25, 8) and found["b"].calls == 4


def test_compilation_and_the_first_call_after_others_are_not_in_the_median(monkeypatch):
    clock = Clock(monkeypatch)
    spoilt = [9.0, 0.25, 5.0, 0.25, 0.5, 5.0, 0.25, 1.0]
    found = timing.measure({"a": clock.candidate("a", spoilt)}, 1.0, 2)
    assert found["a"] == timing.Timing(0.375, 0.25, 0.625, 4)


def test_a_slow_candidate_is_called_three_times_and_each_counts(monkeypatch):
    clock = Clock(monkeypatch)
    found = timing.measure({"a": clock.candidate("a", [7.0])}, 1.0, 5)
    assert found["a"].calls == 3 and len(clock.order) == 2 + 3


@pytest.mark.parametrize("rounds", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("expected", [1e-7, 1e-3, 0.2, 40.0])
def test_a_plan_has_at_least_three_calls_and_fits_into_the_rounds(expected, rounds):
    calls, turns = timing.plan(expected, 1.0, rounds)
    assert calls * turns >= timing.FEWEST and 1 <= turns <= rounds and calls <= timing.MOST
    assert calls * turns * expected <= max(1.0, (timing.FEWEST + 1) * expected) * 1.001


def test_what_comes_before_a_call_is_not_timed(monkeypatch):
    clock, prepared = Clock(monkeypatch), []

    def before():
        prepared.append(len(clock.order))
        clock.now += 100.0

    found = timing.measure({"a": clock.candidate("a", [0.5], before=before)}, 1.0, 2)
    assert prepared == list(range(len(clock.order))) and found["a"].median == 0.5


def test_progress_is_told_after_the_warm_up_and_each_round():
    ticks = []
    timing.measure({"a": Candidate(lambda: None)}, 1e-4, 3, lambda: ticks.append(1))
    assert len(ticks) == 4


# what is right, and what is not


def test_agreement_names_the_worst_element():
    right = {"h": np.zeros((2, 2)), "u": np.array([1.0, -4.0])}
    near = {"h": np.zeros((2, 2), np.float32), "u": np.array([1.0, -4.0 + 4e-5], np.float32)}
    found = agreement.compare("here", 7, right, near)
    assert found.error == pytest.approx(1e-5, rel=0.1) and found.tolerance == agreement.TOLERANCE["float32"]
    assert (found.steps, found.arrays) == (7, ("h", "u"))
    for wrong, words in (
        (
            {"u": np.array([1.1, -4.0])},
            r"here: u\[0\] is 1.1, expected 1.0 as in the reference \(error 2.5e-02",
        ),
        ({"u": np.array([np.nan, -4.0])}, r"here: u\[0\] is nan"),
        ({"u": np.zeros(3)}, r"u has shape \(3,\) and dtype float64, expected \(2,\) and a float"),
        ({"u": np.array([1, -4])}, "dtype int64"),
    ):
        with pytest.raises(agreement.WrongResult, match=words):
            agreement.compare("here", 7, right, near | wrong)
    with pytest.raises(agreement.WrongResult, match="u is missing, expected it with h"):
        agreement.compare("here", 7, right, {"h": near["h"]})


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_layer_agrees_with_the_reference_for_each_activation(activation):
    data = layer.draw(dataclasses.replace(SMALL[LAYER], activation=activation))
    assert layer.check("here", data, *layer.passes(data)).arrays == ("h", "x", "W", "u", "b")
    exact = data.astype("float64")
    assert exact.x.dtype == np.float64 and exact.activation == activation
    states, gradients = layer.passes(exact)
    assert layer.check("here", exact, states, gradients).tolerance == agreement.TOLERANCE["float64"]
    for name in gradients:
        spoilt = gradients | {name: gradients[name] + 1e-3}
        with pytest.raises(agreement.WrongResult, match=rf"here: {name}\["):
            layer.check("here", exact, states, spoilt)
    with pytest.raises(agreement.WrongResult, match=r"here: h\["):
        layer.check("here", exact, states + 1e-3, gradients)


def test_arrays_are_the_same_each_time_and_cut_to_what_is_asked():
    one, two = layer.draw(SMALL[LAYER]), layer.draw(SMALL[LAYER])
    np.testing.assert_array_equal(one.dh, two.dh)
    assert one.x.shape == (5, 3, 2) and layer.draw(SMALL[LAYER], 3).x.shape == (3, 3, 2)
    assert layer.draw(SMALL[LAYER], 99).x.shape == (5, 3, 2) and one.x.dtype == np.float32


WRONG = {
    LAYER: ("indrnn", "backward", 1),  # dW
    RECURRENCE: ("recurrence", "backward", 1),  # du
    ITERATION: ("batchnorm", "backward", 0),
}


@each_kind
def test_a_wrong_kernel_is_refused(kind, monkeypatch):
    op, name, place = WRONG[kind]
    module = getattr(get("cpu"), op)
    right = getattr(module, name)

    def wrong(*args, **options):
        found = list(right(*args, **options))
        found[place] = found[place] * np.float32(1.01)
        return tuple(found)

    monkeypatch.setattr(module, name, wrong)
    result = run(kind)
    (case,) = result["cases"]
    (sentence,) = case["wrong"].values()
    assert case["lines"] == [] and case["checks"] == {} and not report.passed(result)
    assert "expected" in sentence and "tolerance" in sentence and SMALL[kind].name in sentence
    assert report.remarks(result) == [f"{SMALL[kind].name}: wrong, not timed: {sentence}"]


# what is written down

LINE = {
    "candidate", "role", "library", "note", "ms", "ms_low", "ms_high", "calls", "us_per_step", "times_floor",
    "moved_bytes", "allocated_bytes", "gb_per_s", "share_of_copy",
}  # fmt: skip
CASE = {
    "name", "kind", "T", "B", "D", "H", "activation", "layers", "batchnorm", "dropout", "reason", "note", "checks",
    "wrong", "left_out", "lines",
}  # fmt: skip


@each_kind
def test_the_json_has_its_fields(kind):
    told = []
    result = bench.run([SMALL[kind]], progress=lambda *words: told.append(words), **BRIEF)
    assert json.loads(json.dumps(result)) == result and report.passed(result)
    assert set(result) == {"threads", "dtype", "blas", "seconds", "rounds", "cases"}
    (case,) = result["cases"]
    assert set(case) == CASE and all(set(line) == LINE for line in case["lines"])
    assert case["checks"] and not case["wrong"] and not case["left_out"]
    for line in case["lines"]:
        assert 0 < line["ms_low"] <= line["ms"] <= line["ms_high"] and line["calls"] >= timing.FEWEST
        assert line["us_per_step"] == pytest.approx(1e3 * line["ms"] / case["T"])
    for check in case["checks"].values():
        assert check["error"] <= check["tolerance"] and check["steps"] <= case["T"] and check["arrays"]
    assert told[0] == (f"{case['name']}: check", 0, 4) and told[-1][1:] == (4, 4)


@pytest.mark.parametrize("kind", [LAYER, ITERATION])
def test_a_floor_is_the_time_of_the_products(kind):
    own, floor = run(kind)["cases"][0]["lines"]
    assert (own["role"], floor["role"], floor["times_floor"]) == ("engine", "floor", 1.0)
    assert own["times_floor"] == pytest.approx(own["ms"] / floor["ms"])
    assert own["library"] == floor["library"] == provenance.blas() and own["gb_per_s"] is None


def test_bytes_of_a_scan_and_its_share_of_the_copy_rate():
    case = run(RECURRENCE)["cases"][0]
    words = {line["candidate"]: (line["moved_bytes"], line["allocated_bytes"]) for line in case["lines"]}
    word = 4 * 6 * 3 * 4
    assert words == {
        "forward, in place": (2 * word, 0), "forward": (2 * word, word), "backward": (3 * word, word),
        "copy": (2 * word, 0),
    }  # fmt: skip
    copied = case["lines"][-1]
    assert copied["role"] == "copy" and copied["share_of_copy"] == 1.0
    for line in case["lines"]:
        assert line["gb_per_s"] == pytest.approx(line["moved_bytes"] / line["ms"] / 1e6)
        assert line["share_of_copy"] == pytest.approx(line["gb_per_s"] / copied["gb_per_s"])


def test_arrays_of_a_scan_outgrow_the_caches(monkeypatch):
    monkeypatch.setattr(recurrence, "CACHES", 2)
    case = SMALL[RECURRENCE]
    assert recurrence.steps(case, 0) == 6 and recurrence.steps(case, 48 * 100 + 1) == 201
    assert recurrence.steps(case, 10) == 6


def test_the_in_place_form_finds_its_input_at_each_call():
    made = recurrence.prepare(SMALL[RECURRENCE])
    candidate = made.candidates[recurrence.IN_PLACE]
    found = []
    for _ in range(2):
        candidate.before()
        found.append(candidate.run.__self__.h.copy())
        candidate.run()
        found.append(candidate.run.__self__.h.copy())
    np.testing.assert_array_equal(found[0][1:], found[2][1:])
    np.testing.assert_array_equal(found[1], found[3])
    assert (found[0][1:] != found[1][1:]).any()


@pytest.mark.parametrize("size", [7, 2**19 + 5])
def test_the_copy_reaches_every_element(size):
    source, target = np.arange(size, dtype=np.float32), np.full(size, np.nan, np.float32)
    recurrence.copy(source, target)
    np.testing.assert_array_equal(source, target)


def test_the_products_of_a_network_are_all_of_its_products():
    net = iteration.Training(SMALL[ITERATION]).net
    products = list(iteration.products_of(net, 6, 4))
    assert [(p.x.shape, p.W.shape, p.da.shape) for p in products] == [
        ((24, 1), (5, 1), (24, 5)), ((24, 5), (5, 5), (24, 5)), ((4, 5), (10, 5), (4, 10)),
    ]  # fmt: skip
    first, second, _ = products
    first(), second()
    assert first.dx is None
    np.testing.assert_allclose(second.dx, second.da @ second.W, rtol=1e-5, atol=1e-5)
    for each in (first, second):
        np.testing.assert_allclose(each.a, each.x @ each.W.T, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(each.dW, each.da.T @ each.x, rtol=1e-5, atol=1e-4)


def test_an_iteration_changes_the_network_and_takes_its_case():
    training = iteration.Training(SMALL[ITERATION])
    before = training.net.flat.copy()
    gradient = training.iterate()
    assert gradient.shape == before.shape and (training.net.flat != before).any() and training.loss > 0
    assert [type(layer).__name__ for layer in training.net.layers[:3]] == ["IndRNN", "BatchNorm", "Dropout"]


def test_numbers_out_of_range_are_refused():
    for options, words in (({"seconds": 0}, "seconds is 0"), ({"rounds": 0}, "rounds is 0")):
        with pytest.raises(ValueError, match=words):
            bench.run([SMALL[LAYER]], **{**BRIEF, **options})
    with pytest.raises(
        ValueError, match="kind is 'dance', expected one of 'layer', 'recurrence', 'iteration'"
    ):
        bench.run([dataclasses.replace(SMALL[LAYER], kind="dance")], **BRIEF)


def test_threads_are_set(monkeypatch):
    chosen = []
    monkeypatch.setattr("indrnn_np._cpu.threads.set_threads", chosen.append)
    bench.run([SMALL[LAYER]], threads=3, **BRIEF)
    assert chosen == [3]


# rivals


def offer(gradients, role=RIVAL, **options):
    return Candidate(lambda: None, role, "its BLAS", gradients=gradients, **options)


def test_rivals_are_compared_first_and_named_whatever_becomes_of_them():
    def spoilt(data):
        states, gradients = layer.passes(data)
        return states, gradients | {"u": gradients["u"] * 2}

    def provider(case, data, threads):
        assert case is SMALL[LAYER] and data.x.shape == (5, 3, 2) and threads >= 1
        return {
            "good": offer(layer.passes, note="a note"), "bad": offer(spoilt), "cell": offer(None, OTHER_CELL),
            "absent": LeftOut("takes minutes"),
        }  # fmt: skip

    result = run(LAYER, {"some": provider, "torch": "not installed"})
    (case,) = result["cases"]
    assert [line["candidate"] for line in case["lines"]] == [layer.BOTH, "its three products", "good", "cell"]
    assert case["left_out"] == {"absent": "takes minutes", "torch": "not installed"}
    assert set(case["checks"]) == {layer.BOTH, "good"} and list(case["wrong"]) == ["bad"]
    assert case["wrong"]["bad"].startswith("small-layer, bad: u[") and not report.passed(result)
    remarks = report.remarks(result)
    assert "small-layer: torch left out: not installed" in remarks and "small-layer, good: a note" in remarks
    assert report.summary(result).endswith("medians of 4 candidates, 2 of them compared with the reference")


def test_rivals_stand_beside_layers_only():
    assert run(RECURRENCE, {"torch": "not installed"})["cases"][0]["left_out"] == {}


RIVALS = {"numpy_loop": "numpy", "torch_rivals": "torch", "jax_rivals": "jax"}


@pytest.mark.filterwarnings("ignore")  # what frameworks warn of inside themselves
@pytest.mark.parametrize(("file", "needs"), RIVALS.items())
def test_the_rivals_of_the_benchmarks_are_right(file, needs, monkeypatch):
    pytest.importorskip(needs)
    monkeypatch.syspath_prepend(BENCHMARKS)
    module = importlib.import_module(f"rivals.{file}")
    case = SMALL[LAYER]
    offers = module.candidates(case, layer.draw(case), 1)
    assert offers
    for name, found in offers.items():
        if isinstance(found, Candidate):
            found.run()
            assert found.library and found.role in (RIVAL, OTHER_CELL)
            if found.gradients is not None:
                data = layer.draw(case, 4)
                layer.check(name, data, *found.gradients(data))


# words


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (0.001234, "0.00123"),
        (0.0999, "0.0999"),
        (1.25, "1.25"),
        (12.34, "12.3"),
        (54321.2, "54321"),
    ],
)
def test_three_figures(number, text):
    assert report.figures(number) == text


def test_the_cells_of_a_table():
    case = run(RECURRENCE)["cases"][0]
    case["lines"][0] |= {
        "ms": 1.5,
        "ms_low": 1.25,
        "ms_high": 2.0,
        "calls": 8,
        "us_per_step": 0.25,
        "gb_per_s": 12.345,
    }
    case["lines"][0] |= {"share_of_copy": 0.876}
    rows = report.cells(case)
    assert rows[0] == (
        "small-scan (6, 3, 4)", "forward, in place", "1.50", "1.25 to 2.00", "8", "0.250", "-", "12.3", "88%", "-"
    )  # fmt: skip
    assert [row[0] for row in rows[1:]] == [""] * 3 and all(len(row) == len(report.HEADER) for row in rows)
    network = run(ITERATION)["cases"][0]
    assert (
        report.cells(network)[1][6] == "1.00"
        and report.title(network) == "small-network (6, 4, 1, 5, 2 layers)"
    )


def test_nothing_timed_is_no_pass():
    assert not report.passed({"cases": []}) and FLOOR in timing.ROLES


def test_the_name_of_a_blas(monkeypatch):
    pools = [
        {"user_api": "openmp", "internal_api": "openmp", "filepath": "numpy"},
        {
            "user_api": "blas",
            "internal_api": "openblas",
            "version": "1",
            "architecture": "Zen",
            "filepath": "scipy.so",
        },
        {"user_api": "blas", "internal_api": "mkl", "version": "2", "filepath": "numpy.libs/mkl.so"},
    ]
    monkeypatch.setattr(provenance, "threadpool_info", lambda: pools)
    assert provenance.blas() == "MKL 2"
    pools.pop()
    assert provenance.blas() == "OpenBLAS 1 Zen"
    pools.pop()
    assert provenance.blas() == "a BLAS that threadpoolctl does not know"


def script(*words):
    """Run a script of benchmarks/ in a process of its own, with this package."""
    path = str(BENCHMARKS.parent)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([path, os.environ.get("PYTHONPATH", "")])}
    name, *options = map(str, words)
    done = [sys.executable, str(BENCHMARKS / name), *options]
    return subprocess.run(done, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_the_script_writes_after_each_case_and_its_report_reads_it(tmp_path):
    pytest.importorskip("matplotlib")
    options = [
        "--cases",
        "adding-input",
        "--threads",
        "1",
        "--rivals",
        "numpy",
        "--seconds",
        "0.01",
        "--rounds",
        "1",
    ]
    done = script("speed.py", *options, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "speed-1-thread.json"
    result = json.loads(path.read_text("utf-8"))
    assert result["threads"] == 1 and {"commit", "versions", "pinned_to"} <= set(result["machine"])
    words = script("speed_report.py", path).stdout
    assert "| adding-input (1000, 50, 2, 128) | indrnn_np, both passes |" in words and "NumPy loop" in words
    assert (tmp_path / "speed-1-thread.png").is_file()


@pytest.mark.parametrize(
    "words", [[], ["--rivals"], ["--cases", "mnist-layer", "scan-relu", "--rounds", "3"]]
)
def test_the_process_that_measures_is_asked_for_the_same(words, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    speed = importlib.import_module("speed")
    args = speed.arguments(words)
    again = speed.arguments(speed.words(args, 2))
    assert again.child and again.threads == [2]
    assert vars(again) | {"child": False, "threads": args.threads} == vars(args)


def test_the_script_names_what_it_does_not_know():
    done = script("speed.py", "--cases", "nothing")
    assert done.returncode != 0 and "case is 'nothing', expected one of" in done.stderr
