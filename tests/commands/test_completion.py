"""`indrnn --print-completion SHELL`: the script completes commands, options, choices and paths."""

import shutil
import subprocess
import sys

import pytest
import shtab

from indrnn_np.commands import completion
from indrnn_np.commands.cli import COMMANDS, main


def script(capsys, shell):
    with pytest.raises(SystemExit) as stopped:
        main(["--print-completion", shell])
    assert stopped.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_every_shell_has_a_script_with_all_commands(capsys, shell):
    text = script(capsys, shell)
    assert shell in shtab.SUPPORTED_SHELLS and all(command in text for command in COMMANDS)
    assert "--bn-per-step" not in text  # an old name, which works and is not offered


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("indrnn ev", {"eval"}),
        ("indrnn study cl", {"closed-form", "clipping"}),
        ("indrnn train --lr-u", {"--lr-u"}),
        ("indrnn train ad", {"adding"}),
        ("indrnn train adding --schedule c", {"constant", "cosine"}),
        ("indrnn eval ru", {"runs/"}),
        ("indrnn train --resume ru", {"runs/"}),
    ],
)
def test_bash_completes(capsys, tmp_path, line, expected):
    (tmp_path / "script").write_text(script(capsys, "bash"))
    (tmp_path / "runs").mkdir()
    words = line.split()
    program = f"""
        source ./script
        COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; COMP_LINE='{line}'; COMP_POINT={len(line)}
        $(complete -p indrnn | sed 's/.*-F \\([^ ]*\\).*/\\1/') indrnn '{words[-1]}' '{words[-2]}'
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert {word.rstrip() for word in done.stdout.splitlines()} in (
        expected,
        {w.rstrip("/") for w in expected},
    )


def test_without_shtab_the_error_names_the_extra(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    with pytest.raises(SystemExit) as stopped:
        main(["--print-completion", "bash"])
    err = capsys.readouterr().err
    assert stopped.value.code == 2 and err.startswith("indrnn: shtab is not installed, expected")
    assert "pip install 'indrnn-np[completion]'" in err and len(err.splitlines()) == 1
