"""`indrnn train TASK --help`: the options of a task, short enough for one look."""

import shlex

import pytest

from indrnn_np.commands import task_help
from indrnn_np.commands.cli import _parser, main
from indrnn_np.settings import settings

each_task = pytest.mark.parametrize("task", settings.TASKS)


def shown(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["train", *arguments])
    captured = capsys.readouterr()
    assert stopped.value.code == 0 and captured.err == ""
    return captured.out


@each_task
def test_it_has_under_60_lines_of_80_columns(capsys, task):
    lines = shown(capsys, task, "--help").splitlines()
    assert len(lines) < 60 and max(map(len, lines)) <= 80
    assert lines[0] == f"usage: indrnn train {task} [OPTION ...]"


@each_task
def test_it_shows_each_option_of_the_task_once_with_its_default(capsys, task):
    text = shown(capsys, task, "--help")
    words = text.replace("[no-]", "").replace("--no-", "--").replace(",", " ").replace(":", " ").split()
    own = settings.of_task(task)
    for setting in settings.SETTINGS:
        assert (
            words.count(setting.option) == (setting.name in own) or setting.option in task_help.TASKS[task][1]
        )
    for setting in own.values():
        default = setting.default_for(task)
        if default is not None and setting.kind is not bool:
            entry = text.partition(f"{setting.option} ")[2].partition("]")[0]
            assert setting.kind(entry.rpartition("[")[2]) == default
    for option in (
        "--out",
        "--resume",
        "--config",
        "--tensorboard",
        "--json",
        "--quiet",
        "--traceback",
        "--help",
    ):
        assert option in words


@each_task
def test_its_example_is_a_command(capsys, task):
    lines = shown(capsys, "--seed", "3", task, "-h").splitlines()
    command = shlex.split(lines[lines.index("example:") + 1])
    assert command[:3] == ["indrnn", "train", task]
    args, unknown = _parser()[0].parse_known_args(command[1:])
    chosen = {name: value for name, value in vars(args).items() if name in settings.BY_NAME}
    assert not unknown and settings.check(chosen, task, "example") == chosen


def test_booleans_choices_and_options_of_other_tasks(capsys):
    text = shown(capsys, "mnist", "--help")
    assert "--[no-]batchnorm      batch norm in each layer [yes]" in text
    assert "--no-constrain" in text and "--per-step" in text and "--no-per-step" not in text
    assert "--cell STR            indrnn, rnn-tanh, rnn-relu, irnn, lstm, gru, rotating\n" in text
    assert "--delay" not in text and "--embedding" not in text


def test_an_option_that_is_in_no_group_is_not_lost(monkeypatch):
    groups = {
        group: (explained.replace("lr ", ""), named) for group, (explained, named) in task_help.GROUPS.items()
    }
    monkeypatch.setattr(task_help, "GROUPS", groups)
    assert "other options:\n  also --lr [0.0002]\n" in task_help.text(_parser()[1]["train"], "adding")


def test_without_a_task_all_options_are_explained(capsys):
    text = shown(capsys, "--help")
    assert all(setting.option in text for setting in settings.SETTINGS) and "indrnn train TASK --help" in text
