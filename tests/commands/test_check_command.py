"""The command `indrnn check`: what it covers, its table, its JSON, and that it fails when something is wrong."""

import argparse
import functools
import json

import numpy as np
import pytest

from indrnn_np._cuda import target
from indrnn_np._gradcheck.cases import all_checks
from indrnn_np._gradcheck.twins import Outcome, compare_arrays, worst
from indrnn_np.backend import OPS, backends, get
from indrnn_np.commands import check
from indrnn_np.commands.cli import main
from indrnn_np.layers import TYPES

NAMES = backends()


def parse(*words):
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    return parser.parse_args(words)


def test_every_op_and_layer_is_covered_on_every_backend():
    listed = list(all_checks(NAMES))
    assert {c.backend for c in listed} == set(NAMES)
    for backend in NAMES:
        titles = [c.what for c in listed if c.backend == backend]
        for layer, made in TYPES.items():
            needs = (
                made.needs if isinstance(made.needs, tuple) else ()
            )  # a property where layers inside say it
            if not all(get(backend).serves(op) for op in needs):
                continue
            assert any(layer in title for title in titles if title.startswith("layer ")), layer
    twins = {
        name: " ".join(c.what for c in listed if c.against == "reference" and c.dtype == name)
        for name in ("float32", "float64")
    }
    for op in OPS:
        assert all(op in titles for titles in twins.values()), op
    assert not [c for c in listed if c.backend == c.against]


@pytest.mark.skipif(target.SIMULATED, reason="too slow in the simulator; cuda is in the test below")
def test_everything_passes_and_is_told_in_a_table(capsys):
    assert check.run(parse("--seed", "3")) == 0
    told = capsys.readouterr().out
    for word in (
        "op recurrence, relu",
        "layer BatchNorm, per step",
        "largest error",
        "tolerance",
        "kinks",
        "passed",
        "ms",
    ):
        assert word in told
    count = len(list(all_checks(NAMES)))
    assert f"{count} of {count} checks passed" in told


def test_json_holds_one_entry_for_each_check(capsys):
    assert check.run(parse("--json", "--backend", "reference")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["passed"] is True and told["seconds"] > 0
    assert {entry["backend"] for entry in told["checks"]} == {"reference"}
    assert set(told["checks"][0]) == {
        "what", "against", "backend", "dtype", "error", "tolerance", "kinks", "result", "ms", "detail"
    }  # fmt: skip


def test_an_unknown_backend_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ValueError, match="'tpu', expected one of 'cpu', 'cuda', 'reference'"):
        check.run(parse("--backend", "tpu"))


@pytest.mark.skipif(not target.SIMULATED, reason="for the simulator; a GPU runs everything above")
def test_ops_and_layers_pass_in_the_simulator():
    found = check.run_checks(["cuda"])
    assert not [entry["detail"] for entry in found if entry["result"] != "passed"]
    assert {entry["what"].split()[0] for entry in found} == {"op", "layer"}


def test_the_simulator_is_named_in_the_first_line(monkeypatch, capsys):
    monkeypatch.setattr(check, "run_checks", lambda *_: [])
    monkeypatch.setattr(get("reference").device, "simulated", True)
    check.run(parse("--backend", "reference"))
    start = "check: kernels of backend reference run as plain Python in numba's simulator (NUMBA_ENABLE_CUDASIM=1)"
    assert capsys.readouterr().err == f"{start}; sizes are small and whole networks are left out\n"
    check.run(parse("--backend", "cpu"))
    assert capsys.readouterr().err == ""


def test_each_check_is_a_part_of_the_progress():
    parts = []
    found = check.run_checks(["cpu"], 0, "op rows", lambda *part: parts.append(part))
    total = len(found)
    assert parts == [(f"cpu: {entry['what']}", done, total) for done, entry in enumerate(found)]


@pytest.mark.parametrize(
    "backend", [name for name in NAMES if not target.SIMULATED or get(name).device.arrays is np.ndarray]
)
def test_a_wrong_backward_fails_with_exit_code_1(backend, monkeypatch, capsys):
    module = get(backend).affine
    right = module.backward

    def wrong(dy, x, W, out=None, input_gradient=True):
        dx, dW, db = right(dy, x, W, out, input_gradient)
        return dx, dW, 2 * db

    monkeypatch.setattr(module, "backward", wrong)
    assert check.run(parse("--backend", backend)) == 1
    told = capsys.readouterr().out
    assert "failed" in told and "b: backward " in told and "worst element" in told
    for title, result in (
        ("op affine", "failed"),
        ("layer Linear", "failed"),
        ("op recurrence, relu", "passed"),
    ):
        results = {r["what"]: r["result"] for r in check.run_checks([backend], only=title)}
        assert results[title] == result


def test_a_twin_that_differs_fails_and_names_the_element(monkeypatch):
    module = get("cpu").adam
    right = module.update

    @functools.wraps(right)  # the catalogue reads the signature
    def wrong(p, *rest, **options):
        right(p, *rest, **options)
        p[7] += 1.0

    monkeypatch.setattr(module, "update", wrong)
    found = check.run_checks(["cpu"], only="adam")
    assert [r["result"] for r in found] == ["failed", "failed"]
    assert all(r["detail"].startswith("p[7]: ") for r in found)


def test_a_mismatch_behind_a_gate_that_flipped_is_undecided():
    expected, actual = np.array([1.0, 0.0]), np.array([1.0, 1e-3])
    assert compare_arrays("h", actual, expected, "float64").status == "failed"
    assert compare_arrays("h", actual, expected, "float64", kinks=1).status == "undecided"
    assert compare_arrays("h", expected.astype(np.float32), expected, "float64").status == "failed"
    assert (
        compare_arrays("bits", np.array([1, 2]), np.array([1, 3]), "float64").detail
        == "bits: 1 elements differ"
    )


def test_the_worst_outcome_is_told():
    good, unsure, bad = (
        Outcome(0.5, 1.0),
        Outcome(9.0, 1.0, 3, "undecided"),
        Outcome(2.0, 1.0, 1, "failed", "x"),
    )
    assert worst([good, bad, unsure]) == Outcome(2.0, 1.0, 4, "failed", "x")
    assert worst([good, Outcome(0.1, 0.1)]).error == 0.1
    assert np.isnan(worst([good, Outcome(float("nan"), 1.0)]).error)


def test_what_is_undecided_is_no_pass(monkeypatch, capsys):
    found = {"what": "net", "against": "derivatives", "backend": "cpu", "dtype": "float64"}
    found |= {
        "error": 0.1,
        "tolerance": 1e-6,
        "kinks": 4,
        "result": "undecided",
        "ms": 1.0,
        "detail": "4 gates",
    }
    monkeypatch.setattr(check, "run_checks", lambda *_, **__: [found])
    assert check.run(parse()) == 1
    assert "undecided" in (told := capsys.readouterr().out) and "4 gates" in told


def test_threads_are_set_for_the_process(monkeypatch):
    chosen = []
    monkeypatch.setattr("indrnn_np._cpu.threads.set_threads", chosen.append)
    monkeypatch.setattr(check, "run_checks", lambda *_: [])
    assert main(["check", "--threads", "2"]) == 1  # no check ran, so nothing is proved
    assert main(["check"]) == 1
    assert chosen == [2]
