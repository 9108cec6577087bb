"""Ranks: the tree between them, what they agree on, and runs under mpiexec with the bits of one process."""

import json
import sys

import numpy as np
import pytest
from mpi_ranks import ThreadComm, mpiexec, needs_mpi, on_threads
from sharded_runs import PROBLEMS

import indrnn_np as ir
from indrnn_np.commands import cli
from indrnn_np.training.ranks import MpiRanks
from indrnn_np.training.run_directory import RunDirectory


def on_ranks(function, size=4):
    """The results of function(ranks) on each rank."""
    return on_threads(size, lambda comm: function(MpiRanks(comm)))


def test_the_sum_over_ranks_is_the_tree_on_each_rank():
    terms = np.random.default_rng(0).standard_normal((4, 50)).astype(np.float32)
    losses = [0.1, 1e-17, 0.3, 1e17]

    def add(ranks):
        gradient = terms[ranks.rank].copy()
        return ranks.add(losses[ranks.rank], gradient), gradient

    expected = (terms[0] + terms[1]) + (terms[2] + terms[3])
    for loss, gradient in on_ranks(add):
        assert gradient.tobytes() == expected.tobytes()
        assert loss == (losses[0] + losses[1]) + (losses[2] + losses[3])


def test_changes_are_made_in_the_order_of_the_ranks_and_reach_all():
    for array in on_ranks(lambda ranks: ranks.in_turn(lambda a: 10 * a + ranks.rank, np.array([7]))):
        assert array == [70123]


def test_ranks_agree_on_the_first_true_value():
    assert on_ranks(lambda ranks: ranks.first_true("minutes" if ranks.rank > 1 else "")) == ["minutes"] * 4
    assert on_ranks(lambda ranks: ranks.first_true(0)) == [0] * 4
    assert on_ranks(lambda ranks: ranks.gather([ranks.rank] * 2)) == [[0, 0, 1, 1, 2, 2, 3, 3]] * 4


def test_ranks_with_other_data_are_refused_by_name():
    def check(ranks):
        facts = {"settings": {"lr": 0.1}, "data": [np.full(3, ranks.rank // 3), {"seed": 1}]}
        with pytest.raises(ValueError, match="fit: rank 3 has other data than rank 0, expected the same"):
            ranks.check_equal("fit", lambda: facts)
        ranks.check_equal("fit", lambda: {"settings": facts["settings"]})
        return True

    assert on_ranks(check) == [True] * 4


@pytest.mark.parametrize(
    "size, shards, message",
    [
        (3, None, "comm has 3 ranks, expected a power of two"),
        (4, 6, "shards is 6, expected a multiple of 4 because each of the 4 ranks"),
        (16, None, "shards is 16 with batch 8, expected at most 8"),
    ],
)
def test_a_plan_refuses_ranks_that_have_no_tree(size, shards, message):
    with pytest.raises(ValueError, match=message):
        ir.Plan(iterations=1, batch=8, shards=shards, comm=ThreadComm(0, size, {}))


def test_a_plan_refuses_what_is_no_communicator():
    with pytest.raises(TypeError, match="comm is 4, expected a communicator of mpi4py"):
        ir.Plan(iterations=1, comm=4)


def test_a_plan_has_one_shard_for_each_rank_and_its_spec_no_communicator():
    plan = ir.Plan(iterations=1, batch=8, comm=ThreadComm(0, 4, {}))
    assert plan.ranks.size == 4
    task = ir.tasks.get("adding", steps=4)
    whole = plan.complete(task, 0.1)
    assert whole.shards == 4 and "comm" not in whole.spec() and json.dumps(whole.spec())


@pytest.mark.parametrize(
    "names", [("PMI_RANK", "PMI_SIZE"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE")]
)
def test_mpiexec_without_mpi4py_is_an_error_that_names_the_extra(monkeypatch, capsys, names):
    for name, value in zip(names, ("0", "2"), strict=True):
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert cli.main(["train", "adding"]) == 2
    assert "mpi4py is not installed, expected the package of the extra 'mpi'" in capsys.readouterr().err


def state_of(folder):
    """The arrays of all checkpoints of a run as bytes, and their meta without the clock."""
    state = {}
    for path in [*RunDirectory(folder).files().values(), RunDirectory(folder).best]:
        with np.load(path) as file:
            arrays = {name: file[name].tobytes() for name in file.files if name != "meta"}
            header = json.loads(file["meta"].tobytes())
        del header["meta"]["elapsed"], header["meta"]["totals"]["seconds"], header["meta"]["best_sha256"]
        state[path.name] = arrays, header
    return state


def lines_of(folder):
    clock = ("seconds", "steps_per_second")
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [{name: value for name, value in line.items() if name not in clock} for line in lines]


@needs_mpi
@pytest.mark.slow
def test_ranks_have_the_bits_of_one_process(tmp_path):
    for name, run in PROBLEMS.items():
        run(tmp_path / "1" / name)
    for size in (2, 4):
        done = mpiexec(size, "-m", "mpi4py", "-m", "sharded_runs", str(tmp_path / str(size)))
        assert (done.returncode, done.stderr) == (0, "")
        for name in PROBLEMS:
            folders = tmp_path / "1" / name, tmp_path / str(size) / name
            one, ranks = map(state_of, folders)
            assert len(one) >= 3 and one == ranks, name
            one, ranks = map(lines_of, folders)
            assert one == ranks, name


@needs_mpi
@pytest.mark.slow
def test_a_run_resumes_with_another_number_of_ranks(tmp_path):
    train = "train adding --backend reference --steps 8 --hidden 6 --batch 6 --log-every 2 --validate-every 3 --quiet"
    start = [*train.split(), "--threads", "1"]

    def on_two(*arguments):
        done = mpiexec(2, "-m", "indrnn_np", *arguments)
        assert done.returncode == 0 and done.stderr == "", done.stderr
        assert done.stdout.count("results:") == 1

    parts, whole = tmp_path / "parts", tmp_path / "whole"
    on_two(*start, "--iterations", "4", "--out", str(parts))
    assert cli.main(["train", "--resume", str(parts), "--iterations", "7", "--quiet"]) == 0
    on_two("train", "--resume", str(parts), "--iterations", "9", "--quiet")
    assert cli.main([*start, "--shards", "2", "--iterations", "9", "--out", str(whole)]) == 0
    last = "iteration-00000009.npz"
    assert state_of(parts)[last][0] == state_of(whole)[last][0]
    assert curve_of(parts) == curve_of(whole)


def curve_of(folder):
    """The lines of a run that resumptions do not add to."""
    return [line for line in lines_of(folder) if line["kind"] != "final"]


@needs_mpi
@pytest.mark.slow
def test_an_error_on_one_rank_ends_all_with_one_sentence(tmp_path):
    done = mpiexec(2, "-m", "mpi4py", "-m", "sharded_runs", str(tmp_path), "fail")
    assert done.returncode == 2
    assert done.stderr.count("indrnn:") == 1
    assert "indrnn: rank 1 of 2: rank 1 has a problem\n" in done.stderr
