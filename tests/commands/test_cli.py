"""The `indrnn` command: settings, files, exit codes, and errors of one sentence."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import small_mnist
import small_runs
import small_texts

import indrnn_np as ir
from indrnn_np import tasks
from indrnn_np.commands import train as train_command
from indrnn_np.commands.cli import COMMANDS, main
from indrnn_np.settings import defaults, settings
from indrnn_np.training import checkpoint

SMALL = ["--backend", "reference", "--steps", "6", "--hidden", "4", "--batch", "3", "--quiet"]
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(capsys, *arguments):
    """Return exit code, stdout and stderr of the command."""
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def adding(capsys, *arguments):
    return run(capsys, "train", "adding", *SMALL, *arguments)


def test_train_adding_leaves_all_its_files(capsys, tmp_path):
    code, out, err = adding(
        capsys, "--iterations", 6, "--validate-every", 3, "--log-every", 2, "--out", "run"
    )
    assert code == 0 and err == ""
    for words in (
        "finished after 6 iterations",
        "test: mse",
        "best validation mse",
        "a blind guess: mse 0.167",
        "results: run",
    ):
        assert words in out
    for name in ("config.toml", "metrics.jsonl", "summary.json", "log.txt", "checkpoints/best.npz"):
        assert (tmp_path / "run" / name).is_file()


def test_the_learning_curve_needs_matplotlib_and_says_so(capsys, monkeypatch):
    pytest.importorskip("matplotlib")
    adding(capsys, "--iterations", 2, "--out", "with")
    assert Path("with/curve.png").is_file()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert adding(capsys, "--iterations", 2, "--out", "without")[0] == 0
    assert not Path("without/curve.png").exists()
    assert "no curve.png: matplotlib is not installed" in Path("without/log.txt").read_text()


def test_json_and_a_new_folder_each_time(capsys):
    for folder in ("runs/adding", "runs/adding-2"):
        code, out, _ = adding(capsys, "--iterations", 2, "--validate-every", 0, "--json")
        assert code == 0 and json.loads(out)["iterations"] == 2 and json.loads(out)["best"] is None
        assert Path(folder, "summary.json").is_file()


def test_what_was_used_can_be_fed_back(capsys):
    adding(
        capsys,
        "--iterations",
        4,
        "--lr",
        "1e-3",
        "--clip-norm",
        "2",
        "--schedule",
        "one-cycle",
        "--out",
        "one",
    )
    code, _, _ = run(capsys, "train", "adding", "--config", "one/config.toml", "--quiet", "--out", "two")
    assert code == 0 and Path("one/config.toml").read_text() == Path("two/config.toml").read_text()
    one, two = (
        checkpoint.read(f"{name}/checkpoints/iteration-00000004.npz").arrays for name in ("one", "two")
    )
    np.testing.assert_array_equal(one["params/0.W"], two["params/0.W"])


def test_the_command_line_goes_before_the_file_and_the_file_before_defaults(capsys):
    Path("mine.toml").write_text('hidden = 5\nlr = 1\nschedule = "step"\n')
    adding(capsys, "--config", "mine.toml", "--lr", "0.5", "--iterations", "1", "--out", "run")
    used = settings.read("run/config.toml")
    assert (used["hidden"], used["lr"], used["schedule"], used["gamma"]) == (4, 0.5, "step", 2.0)
    assert "epochs" not in used and used["task"] == "adding"


def mnist(capsys, *arguments):
    small_mnist.write(Path("data"), train=1000, side=2)
    options = [
        "--data",
        "data",
        "--backend",
        "reference",
        "--hidden",
        "4",
        "--layers",
        "2",
        "--quiet",
        "--bn-batch",
        "30",
    ]
    return run(capsys, "train", "mnist", *options, *arguments)


def test_train_mnist_permuted_and_eval(capsys):
    code, out, _ = mnist(
        capsys,
        "--permuted",
        "--epochs",
        "0.2",
        "--batch",
        "100",
        "--validate-every",
        "1",
        "--json",
        "--out",
        "run",
    )
    summary = json.loads(out)
    assert code == 0 and summary["iterations"] == 2 and summary["metric"] == "accuracy"
    assert summary["task"]["task"] == "mnist-permuted" and len(summary["task"]["pixel_order"]["sha256"]) == 16
    for split in ("test", "validation"):
        code, out, _ = run(capsys, "eval", "run", "--split", split, "--json")
        assert code == 0 and json.loads(out)["accuracy"] == summary["final"][split]["accuracy"]
    code, out, _ = run(capsys, "eval", "run", "--split", "train", "--batch", "95", "--json")
    assert code == 0 and 0 < json.loads(out)["accuracy"] < 1 and json.loads(out)["split"] == "train"
    code, out, _ = run(capsys, "eval", "run", "--which", "best", "--data", "data", "--threads", "1")
    assert code == 0 and out.startswith("run/checkpoints/best.npz, iteration ") and "accuracy" in out
    code, _, err = run(capsys, "eval", "run", "--seed", "3")
    assert code == 2 and "expected no seed" in err


def test_eval_of_other_sequences_gives_another_number(capsys):
    adding(capsys, "--iterations", 3, "--out", "run")
    results = [
        json.loads(run(capsys, "eval", "run", "--json", *more)[1])["mse"]
        for more in ([], [], ["--seed", "9"])
    ]
    assert results[0] == results[1] != results[2]


def test_resume_goes_on_and_says_what_changed(capsys):
    adding(capsys, "--iterations", 4, "--log-every", 2, "--out", "run")
    adding(capsys, "--iterations", 9, "--log-every", 2, "--out", "whole")
    code, out, _ = run(capsys, "train", "adding", "--quiet", "--resume", "run", "--iterations", "9")
    assert code == 0 and "results: run" in out
    log = Path("run/log.txt").read_text()
    assert "changed from the run: iterations: 4 -> 9" in log and "after iteration 4" in log
    losses = [
        [json.loads(line).get("mse") for line in Path(name, "metrics.jsonl").read_text().splitlines()]
        for name in ("run", "whole")
    ]
    assert losses[0] == losses[1]
    one, two = (
        checkpoint.read(f"{name}/checkpoints/iteration-00000009.npz").arrays for name in ("run", "whole")
    )
    np.testing.assert_array_equal(one["optimizer/v"], two["optimizer/v"])
    code, out, _ = run(capsys, "train", "adding", "--quiet", "--resume", "run/checkpoints/iteration-00000009.npz",
                       "--iterations", "10", "--out", "elsewhere")  # fmt: skip
    assert code == 0 and "results: elsewhere" in out


def test_resume_refuses_another_network(capsys):
    adding(capsys, "--iterations", 2, "--out", "run")
    code, _, err = run(capsys, "train", "adding", "--resume", "run", "--hidden", "7")
    assert code == 2 and "resume: hidden is 7, expected 4, the value stored in the run" in err
    code, _, err = run(capsys, "train", "mnist", "--resume", "run", "--data", "nowhere")
    assert code == 2 and "resume: " in err
    import indrnn_np as ir

    ir.save("plain.npz", ir.plain(2, 3, 1, 1, 6, backend="reference"))
    code, _, err = run(capsys, "train", "adding", "--resume", "plain.npz")
    assert code == 2 and "plain.npz holds no settings" in err
    code, _, err = run(capsys, "eval", "plain.npz")
    assert code == 2 and "plain.npz holds no settings" in err


WRONG = [
    (
        ["train", "adding", "--hiden", "5"],
        r"unknown option '--hiden' (did you mean --hidden or --time or --tied?), expected one of --help, --out",
    ),
    (
        ["train", "mnist", "--steps", "5"],
        "indrnn train: unknown setting 'steps' (a setting of adding, skeleton, chars, words), expected one of",
    ),
    (
        ["train", "adding", "--permuted"],
        "indrnn train: unknown setting 'permuted' (a setting of mnist), expected one of",
    ),
    (["train", "adding", "--steps", "1"], "tasks.Adding: steps is 1, expected a number of at least 2"),
    (["train", "adding", "--backend", "gpu"], "is 'gpu', expected one of 'cpu', 'cuda', 'reference'"),
    (["train", "adding", "--lr", "-1"], "indrnn train: lr is -1.0, expected a finite number above 0"),
    (
        ["train", "adding", "--lr-u", "-1"],
        "indrnn train: lr_u is -1.0, expected a finite number of at least 0",
    ),
    (["train", "adding", "--tf32"], "tf32 is True, expected False because only backend 'cuda' has it"),
    (["train", "adding", "--graph"], "graph is True, expected False because only backend 'cuda' records"),
    (
        ["train", "adding", "--hidden", "0"],
        "indrnn train: hidden is 0, expected a whole number of at least 1",
    ),
    (["train", "adding", "--batch", "0"], "batch is 0"),
    (["train", "adding", "--config", "nowhere.toml"], "nowhere.toml is not a file, expected a TOML file"),
    (["train", "adding", "--resume", "nowhere"], "nowhere holds no last checkpoint"),
    (["train", "mnist", "--data", "nowhere"], "data is 'nowhere', expected a folder with the four idx files"),
    (
        ["train", "mnist", "--iterations", "5", "--epochs", "1"],
        "iterations and epochs are both set, expected one of them",
    ),
    (["train", "adding", "--threads", "-1"], "threads is -1, expected a whole number of at least 0"),
    (
        ["train", "adding", "--steps", "6", "--out", "in-the-way/run"],
        "out is 'in-the-way/run', which can't be written",
    ),
    (
        ["train", "adding", "--schedule", "plateau", "--validate-every", "0", "--out", "p"],
        "the plateau schedule depends",
    ),
    (["eval", "nowhere"], "nowhere holds no last checkpoint, expected a run's folder or a checkpoint"),
    (["train"], "indrnn train: TASK is None, expected one of adding, mnist, copying"),
    (
        ["train", "adding", "--evaluation-bach", "3"],
        "(did you mean --evaluation-batch or --evaluation-size?), expected one of --help",
    ),
    (["info", "more"], "indrnn info: 'more' is one argument too many, expected options such as --help"),
    (
        ["study", "report", "nowhere", "--thread", "2"],
        "indrnn study report: unknown option '--thread' (did you mean --threads",
    ),
    (
        ["eval", "nowhere", "--backend", "gpu"],
        "indrnn: backend: name is 'gpu', expected one of 'cpu', 'cuda'",
    ),
    (["train", "adding", "--config", ""], "is not a file, expected a TOML file of settings"),
    (["eval", "nowhere", "--best"], "indrnn eval: unknown option '--best'"),
    (["eval", "nowhere", "--seed", "-1"], "indrnn eval: seed is -1, expected a whole number of at least 0"),
    (["study", "flow", "--batch", "0"], "indrnn study: batch is 0, expected a whole number of at least 1"),
    (["reproduce", "all", "--minutes", "nan"], "indrnn reproduce: minutes is nan, expected a finite number"),
    (["train", "mnist", "--epochs", "inf"], "indrnn train: epochs is inf, expected a finite number above 0"),
    (["train", "adding", "--seed", str(2**64)], "and below 18446744073709551616"),
]


@pytest.mark.parametrize(
    ("arguments", "words"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_errors_are_one_sentence_and_exit_code_two(capsys, arguments, words):
    Path("in-the-way").write_text("")
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "") and words in err
    assert err.startswith("indrnn: ") and len(err.splitlines()) == 1 and "Traceback" not in err


def test_wrong_files_of_settings(capsys):
    for text, words in (
        ("hidden = 'many'", "mine.toml: hidden is 'many', expected a value of type int"),
        ("hidden = true", "hidden is True, expected a value of type int"),
        ("hiden = 3", "unknown setting 'hiden' (did you mean hidden?), expected one of backend"),
        ("hidden =", "mine.toml is not TOML"),
        ("schedule = 'up'", "schedule is 'up', expected one of constant, step, plateau, cosine, one-cycle"),
        ("task = 'mnist'", "task is 'mnist', expected 'adding' as on the command line"),
    ):
        Path("mine.toml").write_text(text)
        code, _, err = adding(capsys, "--config", "mine.toml")
        assert code == 2 and words in err


def test_argparse_lists_choices(capsys):
    for arguments, words in (
        (["train", "coping"], "invalid choice: 'coping'"),
        (["train", "adding", "--schedule", "up"], "invalid choice: 'up'"),
        (["train", "adding", "--lr", "fast"], "argument --lr: invalid float value: 'fast'"),
        (["fly"], "invalid choice: 'fly'"),
        (["--traceback"], "the following arguments are required: COMMAND"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2 and words in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["eval", "nowhere"],
        ["study", "report", "nowhere"],
        ["study", "flow", "nowhere"],
        ["generate", "nowhere"],
    ],
)
def test_traceback_on_demand(arguments):
    with pytest.raises(FileNotFoundError):
        main([*arguments, "--traceback"])


def test_a_resumed_run_and_a_file_of_settings_say_which_task(capsys):
    assert adding(capsys, "--iterations", 2, "--out", "run")[0] == 0
    code, out, _ = run(capsys, "train", "--resume", "run", "--iterations", "3", "--quiet")
    assert code == 0 and "finished after 3 iterations" in out
    code, out, _ = run(capsys, "train", "--config", "run/config.toml", "--quiet", "--out", "again")
    assert code == 0 and "finished after 3 iterations" in out
    code, _, err = run(capsys, "train", "mnist", "--resume", "run")
    assert code == 2 and "task is 'mnist', expected 'adding', the value stored in the run" in err


def test_divergence_is_one_sentence_and_exit_code_one(capsys):
    with np.errstate(all="ignore"):
        code, _, err = adding(
            capsys, "--optimizer", "sgd", "--lr", "1e30", "--iterations", "50", "--out", "run"
        )
    assert code == 1 and err.startswith("indrnn: train: ") and len(err.splitlines()) == 1
    assert "the last good state is in run/checkpoints/iteration-" in err


def test_ctrl_c_before_the_loop(capsys, monkeypatch):
    def interrupted(args):
        raise KeyboardInterrupt

    monkeypatch.setattr(train_command, "run", interrupted)
    code, _, err = adding(capsys)
    assert code == 130 and err == "indrnn: aborted\n"


def test_the_command_alone_shows_where_to_start(capsys):
    code, out, err = run(capsys)
    shown = [line.split()[1] for line in out.splitlines() if line.startswith("  indrnn ")]
    assert code == 0 and err == "" and len(shown) == 5 and set(shown) <= set(COMMANDS)
    assert "`indrnn --help` lists all commands" in out and max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("command", [[], *[[name] for name in COMMANDS]])
def test_help(capsys, command):
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--help"])
    out = capsys.readouterr().out
    assert stopped.value.code == 0 and out.startswith("usage: indrnn")
    if command == ["train"]:
        for setting in settings.SETTINGS:
            assert setting.option in out
        assert "(default: 2; mnist 6, skeleton 6" in " ".join(out.split())


def test_version_and_info(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith("indrnn_np ")
    code, out, _ = run(capsys, "info")
    assert code == 0
    for words in (
        "numpy: ",
        "numba: ",
        "cpu: ready",
        "reference: ready",
        "compiled kernels: ",
        "BLAS",
        "threads: ",
    ):
        assert words in out
    assert set(json.loads(run(capsys, "info", "--json")[1])) >= {"versions", "machine", "BLAS", "folders"}


def test_settings_have_a_type_a_default_and_a_known_task():
    for setting in settings.SETTINGS:
        for task in setting.tasks:
            default = setting.default_for(task)
            assert default is None or type(default) is setting.kind, setting.name
            assert not setting.choices or default in (None, *setting.choices)
    assert set(settings.TASKS) == set(tasks.TASKS)
    for task in settings.TASKS:
        assert set(defaults.DEFAULTS[task]) <= set(settings.of_task(task))
        used = settings.merge(task)
        assert settings.merge(task, used, {}) == used
        assert settings.check({k: v for k, v in used.items() if v is not None}, task, "x") | {"task": task}


def interrupted(command, log, words):
    """Run a command of a shell until its log has some words, send Ctrl-C, and return stdout and stderr."""
    process = subprocess.Popen(
        ["sh", "-c", f"exec {command}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"},
    )  # fmt: skip
    limit = time.monotonic() + 600
    while not (log.exists() and words in log.read_text()):
        assert process.poll() is None and time.monotonic() < limit, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 130 and "Traceback" not in err
    return out, err


def test_ctrl_c_in_a_real_process_ends_with_a_checkpoint_and_the_command_that_continues(tmp_path):
    """And the command sets the environment before numpy reads it."""
    options = "--backend reference --steps 20 --hidden 8 --batch 4 --iterations 10000000 --log-every 5 --out 'my run'"
    run, indrnn = tmp_path / "my run", f"{shlex.quote(sys.executable)} -m indrnn_np"
    out, err = interrupted(f"{indrnn} train adding {options}", run / "log.txt", "iteration 10/")
    assert "interrupted after" in out and "iteration 10/10000000  mse" in err
    iterations = json.loads((run / "summary.json").read_text())["iterations"]
    assert (run / "checkpoints" / f"iteration-{iterations:08d}.npz").is_file()
    *_, line = out.splitlines()
    assert line == f"{indrnn} train --resume 'my run'"
    resumed = (
        f"resumed from my run/checkpoints/iteration-{iterations:08d}.npz, after iteration {iterations}\n"
    )
    later = f"iteration {iterations // 5 * 5 + 10}/"
    out, err = interrupted(line, run / "log.txt", later)
    assert resumed in err and out.splitlines()[-1] == line
    assert json.loads((run / "summary.json").read_text())["ended"] == "interrupted"


# -- runs of ir.fit ------------------------------------------------------------------------------------------


def fitted(task, out, **options):
    net = small_runs.net_for(task)
    return ir.fit(
        net, task, ir.Adam(), iterations=4, batch=5, validate_every=2, out=out, progress=False, **options
    )


def test_a_run_of_fit_on_a_task_without_files_is_evaluated_and_reported(capsys):
    result = fitted(small_runs.adding(), "run")
    code, out, _ = run(capsys, "eval", "run", "--json")
    assert code == 0 and json.loads(out)["mse"] == result.summary["final"]["test"]["mse"]
    assert run(capsys, "eval", "run", "--seed", "3", "--json")[1] != out
    subject = ir.study.from_run("run")
    assert subject.title == "IndRNN, iteration 4" and subject.batch().x.shape == (8, 5, 2)
    code, _, err = run(capsys, "study", "clipping", "run", "--iterations", "2", "--quiet")
    assert code == 2 and "the run was trained by ir.fit, expected a run of `indrnn train`" in err


def test_a_run_of_fit_on_a_file_is_evaluated_with_its_path(capsys):
    Path("text.txt").write_text(small_texts.text())
    task = tasks.get("chars", data="text.txt", steps=8)
    result = ir.fit(
        small_texts.model(task), task, ir.Adam(), iterations=2, batch=3, out="run", progress=False
    )
    code, _, err = run(capsys, "eval", "run")
    assert (
        code == 2 and "was trained by ir.fit, which stores no path of the data, expected --data PATH" in err
    )
    code, out, _ = run(capsys, "eval", "run", "--data", "text.txt", "--json")
    assert code == 0 and json.loads(out)["bits"] == result.summary["final"]["test"]["bits"]
    Path("other.txt").write_text(small_texts.text(seed=1))
    code, _, err = run(capsys, "eval", "run", "--data", "other.txt")
    assert (
        code == 2
        and "of the data is" in err
        and re.search(r"the value in .*checkpoints/iteration-00000002.npz", err)
    )


def test_a_run_of_fit_on_arrays_is_reported_as_far_as_it_can_be(capsys):
    rng = np.random.default_rng(0)
    x, y = rng.random((6, 20, 2), np.float32), rng.random((20, 1), np.float32)
    net = ir.plain(2, 4, 1, 2, 6, backend="reference")
    ir.fit(net, (x, y), ir.Adam(), iterations=4, batch=5, validation=0.2, out="run", progress=False)
    code, _, err = run(capsys, "eval", "run")
    assert (
        code == 2
        and "was trained by ir.fit on arrays, which is in no file, expected a run on one of adding" in err
    )
    assert "ir.load('run/checkpoints/iteration-00000004.npz').net(x) gives the outputs for x" in err
    assert run(capsys, "study", "flow", "run", "--quiet")[0] == 2
    pytest.importorskip("matplotlib")
    code, _, err = run(capsys, "study", "report", "run", "--quiet")
    page = Path("run/report.html").read_text()
    from indrnn_np.study.report.sections import SECTIONS

    absent = len(SECTIONS) - len(("The run", "Parameters"))
    assert code == 0 and page.count("Not measured for this network") == absent and "parameters in" in page
    code, _, err = run(capsys, "train", "--resume", "run")
    assert code == 2 and "holds no settings, expected a checkpoint of `indrnn train`" in err


def test_data_for_a_task_that_draws_its_own(capsys):
    adding(capsys, "--iterations", 2, "--out", "run")
    code, _, err = run(capsys, "eval", "run", "--data", "x")
    assert (
        code == 2
        and "eval: data is 'x' for task adding, expected no data because the task generates its data" in err
    )
