"""`indrnn study playground`: one small file without libraries and requests, opened or copied by the command."""

import re

import pytest

from indrnn_np.commands import cli, study_playground

PAGE = study_playground.PAGE


def test_the_page_is_one_small_file():
    text = PAGE.read_text(encoding="utf-8")
    assert len(PAGE.read_bytes()) < 60_000
    assert re.findall(r"""(?:src|href)=["']?([^"'>]+)""", text) == [
        "data:,",
        "https://arxiv.org/abs/1803.04831",
    ]
    assert not re.search(r"\b(fetch|import|XMLHttpRequest|url)\s*\(|@import", text)


@pytest.mark.parametrize("found", [True, False])
def test_the_command_opens_the_page(found, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(study_playground.webbrowser, "open", lambda uri: opened.append(uri) or found)
    assert cli.main(["study", "playground"]) == 0
    printed = capsys.readouterr()
    assert opened == [PAGE.as_uri()] and printed.out == f"{PAGE}\n"
    assert ("open this file" in printed.err) == (not found)


def test_the_command_copies_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(study_playground.webbrowser, "open", lambda uri: pytest.fail("opened a browser"))
    copy = tmp_path / "new" / "page.html"
    assert cli.main(["study", "playground", "--out", str(copy)]) == 0
    assert copy.read_bytes() == PAGE.read_bytes()
    assert capsys.readouterr().out == f"written: {copy}\n"


def test_a_copy_that_cannot_be_written_is_an_error(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert cli.main(["study", "playground", "--out", str(tmp_path / "file" / "page.html")]) == 2
    assert "study playground: " in capsys.readouterr().err
