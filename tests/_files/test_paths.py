"""Paths as users write them: `~`, names that are not UTF-8, and paths that the system cannot look up."""

import json
import os
from pathlib import Path

import pytest
import small_runs
import small_texts

import indrnn_np as ir
from indrnn_np import _files
from indrnn_np.commands.cli import main
from indrnn_np.settings import settings
from indrnn_np.training import checkpoint

SMALL = [
    "--backend",
    "reference",
    "--steps",
    "6",
    "--hidden",
    "4",
    "--batch",
    "3",
    "--iterations",
    "2",
    "--quiet",
]
ODD = os.fsdecode(b"r\xfcn")  # "rün" in Latin-1, which is not UTF-8


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Work in a folder of its own, with the home directory beside it."""
    home, work = tmp_path / "home", tmp_path / "work"
    for folder in (home, work):
        folder.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(work)
    return home


@pytest.fixture
def odd_names(tmp_path):
    """Skip where the file system takes names in UTF-8 only."""
    try:
        (tmp_path / ODD).mkdir()
    except OSError:
        pytest.skip("the file system takes names in UTF-8 only")


def test_the_home_directory_is_put_in(home):
    assert _files.user_path("here", "out", "~/run") == home / "run"
    assert _files.user_path("here", "out", Path("~")) == home
    assert _files.user_path("here", "out", "a/~b") == Path("a/~b")
    assert _files.user_path("here", "out", "a~") == Path("a~")


def test_a_folder_called_tilde_can_be_named():
    once = _files.user_path("here", "out", "./~")
    assert once == Path.cwd() / "~" == _files.user_path("here", "out", once)


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (
            "a" * 300,
            OSError,
            r"here: out is 'aaa.*' \(File name too long\), expected a path that can be looked up",
        ),
        ("a\0b", ValueError, r"here: out is 'a\\x00b' \(embedded null byte\), expected a path"),
        (5, TypeError, "here: out is 5 .*, expected a path"),
    ],
)
def test_a_path_that_cannot_be_looked_up_is_refused_by_name(value, error, words):
    with pytest.raises(error, match=words) as raised:
        _files.user_path("here", "out", value)
    assert len(str(raised.value)) < 400


def test_python_calls_take_the_home_directory(home):
    net = small_runs.net_for(small_runs.adding())
    assert ir.save("~/net.npz", net) == home / "net.npz"
    assert ir.load("~/net.npz").net.size == net.size
    for iterations, options in ((2, {"out": "~/run"}), (3, {"resume": "~/run"})):
        ir.fit(small_runs.net_for(small_runs.adding()), small_runs.adding(), ir.Adam(), iterations=iterations,
               batch=3, **options, **small_runs.QUIET)  # fmt: skip
    assert (home / "run" / "summary.json").is_file() and not Path("~").exists()


def test_the_command_takes_the_home_directory(home, capsys):
    (home / "mine.toml").write_text("hidden = 5\n")
    assert main(["train", "adding", *SMALL[:4], *SMALL[6:], "--config", "~/mine.toml", "--out", "~/run"]) == 0
    assert main(["eval", "~/run"]) == 0
    assert main(["train", "adding", "--quiet", "--resume", "~/run", "--iterations", "3"]) == 0
    assert settings.read(home / "run" / "config.toml")["hidden"] == 5 and not Path("~").exists()


def test_over_long_paths_are_one_sentence(capsys):
    long = "a" * 300
    for arguments in (
        ["train", "adding", *SMALL, "--out", long],
        ["train", "adding", *SMALL, "--config", long],
        ["train", "adding", *SMALL, "--resume", long],
        ["eval", long],
        ["generate", long],
        ["reproduce", "--table", "--out", long],
    ):
        assert main(arguments) == 2
        err = capsys.readouterr().err
        assert "File name too long" in err and len(err.splitlines()) == 1 and len(err) < 400


@pytest.mark.usefixtures("odd_names")
def test_a_run_whose_names_are_not_utf_8(capsys):
    """From the first line of its log to its report."""
    data = f"{ODD}.txt"
    Path(data).write_text(small_texts.text())
    train = ["train", "chars", *SMALL[:2], *SMALL[4:], "--steps", "4", "--embedding", "4", "--data", data]
    assert main([*train, "--out", ODD]) == 0
    assert main(["eval", ODD, "--json"]) == 0
    assert main(["train", "chars", "--quiet", "--resume", ODD, "--iterations", "3"]) == 0
    assert main(["train", "chars", "--config", f"{ODD}/config.toml", "--quiet", "--out", f"{ODD}-2"]) == 0
    assert settings.read(f"{ODD}-2/config.toml")["data"] == data
    assert (
        checkpoint.read(f"{ODD}/checkpoints/iteration-00000003.npz").header["meta"]["settings"]["data"]
        == data
    )
    assert ODD in Path(ODD, "log.txt").read_text(encoding="utf-8", errors="surrogateescape")
    assert json.loads(Path(ODD, "summary.json").read_text())["iterations"] == 3


def test_settings_with_a_mark_of_byte_order():
    Path("mine.toml").write_bytes(b"\xef\xbb\xbfhidden = 5\n")
    assert settings.read("mine.toml") == {"hidden": 5}
