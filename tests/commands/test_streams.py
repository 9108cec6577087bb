"""What the command writes to: closed, broken, full and narrow streams, and a working directory that is gone."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import small_texts

from indrnn_np.commands.cli import main

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name != "posix", reason="file descriptors of a Unix")


def process(*arguments, **options):
    """Run the command in a process of its own, with its stdout in a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "indrnn_np", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    try:
        return subprocess.run(
            command, env=environment, **{"stdout": writing, "stderr": subprocess.PIPE} | options
        )
    finally:
        os.close(writing)


@posix
def test_a_reader_that_has_gone_ends_the_command_quietly():
    """As in `indrnn reproduce | head -1`; stderr may be the same pipe."""
    ended = process("reproduce")
    assert (ended.returncode, ended.stderr) == (141, b"")
    assert process("eval", "nowhere", stderr=subprocess.STDOUT).returncode == 141


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_behind_stdout_is_said(unbuffered, monkeypatch):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with open("/dev/full", "wb") as full:
        ended = process("reproduce", stdout=full)
    assert ended.returncode == 2 and ended.stderr.startswith(
        b"indrnn: reproduce: a file or stream can't be used"
    )
    assert b"(No space left on device), expected" in ended.stderr and len(ended.stderr.splitlines()) == 1


def test_closed_streams(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["reproduce"]) == 0
    assert main(["eval", "nowhere"]) == 2
    sys.stdout.close()
    sys.stderr.close()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_what_an_encoding_lacks_is_written_as_an_escape(monkeypatch, encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["reproduce"]) == 0
    stream.flush()
    text = stream.buffer.getvalue().decode(encoding)
    assert r"\u03b3 = 5" in text and "adding-100/indrnn" in text


@posix
def test_a_working_directory_that_is_gone(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert main(["eval", "nowhere"]) == 2
    expected = (
        "indrnn: the working directory can't be used (No such file or directory), expected one that exists\n"
    )
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize(("encoding", "lacking"), [("ascii", r"\xe9"), ("cp1252", r"\u03c6")])
def test_generate_writes_what_the_encoding_lacks_as_escapes_and_says_so_once(
    tmp_path, monkeypatch, capsys, encoding, lacking
):
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text(small_texts.text(symbols="\n aébφ"), encoding="utf-8")
    train = "train chars --data text.txt --backend reference --steps 4 --hidden 4 --batch 3 --iterations 1 --quiet"
    assert main([*train.split(), "--embedding", "4", "--out", "run"]) == 0
    capsys.readouterr()
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["generate", "run", "--length", "60"]) == 0
    stream.flush()
    text = stream.buffer.getvalue().decode(encoding)
    assert lacking in text and text.endswith("\n")
    err = capsys.readouterr().err
    assert f"stdout has the encoding {encoding}, which lacks" in err and err.count("\n") == 1
