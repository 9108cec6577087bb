"""`indrnn train TASK --help`: the options of one task in groups, with their defaults and an example."""

from __future__ import annotations

import argparse
import textwrap
from typing import NamedTuple

from ..settings import settings

WIDTH, INDENT = 80, 24  # columns of the page, and before the explanation of an option
# What a task is, and the options of an example.
TASKS = {
    "adding": ("Add two marked numbers of a long sequence. The data are generated.",
               "--steps 1000 --lr 5e-4 --schedule one-cycle --clip-norm 1"),
    "mnist": ("Classify images that are read pixel by pixel. MNIST is downloaded once.",
              "--batch 64 --schedule one-cycle --lr 2e-3 --epochs 4"),
    "copying": ("Repeat ten symbols after a long pause. The data are generated.", "--delay 500 --hidden 256"),
    "uea": ("Classify the time series of a UEA or UCR problem.", "--data FOLDER --name JapaneseVowels"),
    "sequences": ("Learn from the arrays in an npz file.", "--data FILE.npz --epochs 30"),
    "skeleton": ("Classify recordings of skeletons (NTU RGB+D).", "--data FOLDER --cache ntu.npz --protocol cv"),
    "chars": ("Predict the next character of a text.", "--data FILE.txt --layers 3 --epochs 40"),
    "words": ("Predict the next word of a text.", "--data FOLDER --layers 2 --hidden 650"),
}  # fmt: skip
# Options by group: those that have a line of their own, and those that are only named.
GROUPS = {
    "data": ("data name steps delay permuted held_out protocol",
             "standardise jitter crop batches_per_epoch missing samplings exclude cache reset"),
    "network": ("network layers hidden cell embedding batchnorm dropout",
                "blocks growth gamma u_form constrain input_init last_init layernorm per_step norm_place positions "
                "dropout_places tied embedding_dropout time time_table"),
    "optimizer and schedule": ("optimizer lr schedule clip_norm",
                               "weight_decay clip_value class_weights lr_u label_smoothing momentum warmup "
                               "lr_patience lr_every lr_factor lr_minimum"),
    "run": ("iterations epochs minutes patience batch backend threads",
            "validate_every seed log_every checkpoint_every evaluation_batch evaluation_size bn_batch dtype memory "
            "tf32 graph gradients rule update_every shards sync_bn preset least_iterations"),
    "files and output": ("out resume config tensorboard", "json quiet traceback help"),
}  # fmt: skip
OTHER = "other options"  # group of the options that are in no group above


class Option(NamedTuple):
    """An option: its name, its name as in a usage, its explanation, and its default or ""."""

    name: str
    usage: str
    explanation: str
    default: str = ""


def text(parser: argparse.ArgumentParser, task: str) -> str:
    """Return the help for a task."""
    about, example = TASKS[task]
    lines = [f"usage: indrnn train {task} [OPTION ...]", "", about]
    options = _options(parser, task)
    grouped = {name for pair in GROUPS.values() for names in pair for name in names.split()}
    rest = [name for name in options if name not in grouped]
    for group, (explained, named) in (GROUPS | ({OTHER: ("", " ".join(rest))} if rest else {})).items():
        lines += ["", f"{group}:"]
        for name in explained.split():
            lines += _explained(options[name]) if name in options else []
        lines += _named([options[name] for name in named.split() if name in options])
    lines += ["", "example:", f"  indrnn train {task} {example}", ""]
    lines += ["Defaults are in brackets. `indrnn train --help` explains every option."]
    return "\n".join(lines) + "\n"


def _options(parser: argparse.ArgumentParser, task: str) -> dict[str, Option]:
    """Return the options of a task by name."""
    known, options = settings.of_task(task), {}
    for action in parser._actions:
        if not action.option_strings or action.help is None or action.help == argparse.SUPPRESS:
            continue
        if action.dest in known:
            options[action.dest] = _of_setting(known[action.dest], task)
        elif action.dest not in settings.BY_NAME:
            name = action.option_strings[-1]
            options[action.dest] = Option(name, f"{name} {action.metavar or ''}", action.help)
    return options


def _of_setting(setting: settings.Setting, task: str) -> Option:
    default = setting.default_for(task)
    if setting.kind is bool:
        other = setting.option.replace("--", "--no-" if default else "--")
        return Option(other, f"--[no-]{setting.option[2:]}", f"{setting.help} [{'yes' if default else 'no'}]")
    explanation, choices = setting.help, ", ".join(setting.choices)
    if choices:
        both = f"{explanation}: {choices}"
        explanation = both if len(both) + len(str(default)) < WIDTH - INDENT - 3 else choices
    shown = "" if default is None else f" [{default:g}]" if setting.kind is float else f" [{default}]"
    return Option(setting.option, f"{setting.option} {setting.kind.__name__.upper()}", explanation, shown)


def _explained(option: Option) -> list[str]:
    """Return the lines of an option with its explanation."""
    return textwrap.wrap(
        option.explanation + option.default, WIDTH, initial_indent=f"  {option.usage} ".ljust(INDENT),
        subsequent_indent=" " * INDENT, break_on_hyphens=False,
    )  # fmt: skip


def _named(options: list[Option]) -> list[str]:
    """Return lines with the names and defaults of options; none breaks before a default."""
    joined = ", ".join(f"{option.name}{option.default}".replace(" ", "\0") for option in options)
    lines = textwrap.wrap(
        joined, WIDTH, initial_indent="  also ", subsequent_indent=" " * 7, break_on_hyphens=False
    )
    return [line.replace("\0", " ") for line in lines]
