"""Files whose JSON was changed: every reader refuses them in one sentence that names file and key."""

import copy
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import small_runs
import small_texts

import indrnn_np as ir
from indrnn_np._files import archive, forms
from indrnn_np.commands.cli import main
from indrnn_np.settings import settings
from indrnn_np.training import checkpoint, records

DEEP = json.loads("[" * 200 + "]" * 200)
HOSTILE = [None, True, -1, 1.5, 10**30, float("nan"), "x", "", [], [5], {}, {"a": 5}, DEEP]
ADDING = ["train", "adding", "--backend", "reference", "--steps", "6", "--hidden", "4", "--batch", "3", "--quiet",
          "--iterations", "4", "--log-every", "2", "--validate-every", "2", "--schedule", "plateau"]  # fmt: skip


def rewrite(path, change):
    """Change the JSON in a checkpoint."""
    with zipfile.ZipFile(path) as file:
        members = {info.filename: file.read(info) for info in file.infolist()}
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            with file.open(name, "w", force_zip64=True) as member:
                if name != "meta.npy":
                    member.write(data)
                    continue
                text = checkpoint_text(data, change).encode()
                np.lib.format.write_array(member, np.frombuffer(text, np.uint8))


def checkpoint_text(data, change):
    header = json.loads(data[data.index(b"\n") + 1 :].decode())
    return json.dumps(change(header))


def places(value, path=()):
    """Yield the way to every value in an object."""
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from places(part, (*path, name))


def changed(value, path, hostile):
    """Return the object with another value, or without the key for ..., at one place."""
    if not path:
        return hostile
    value = copy.deepcopy(value)
    inner = value
    for name in path[:-1]:
        inner = inner[name]
    if hostile is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = hostile
    return value


def variants(value):
    for path in places(value):
        for hostile in HOSTILE + ([...] if path else []):
            yield path, hostile, changed(value, path, hostile)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def tried(function, *arguments):
    """Return the error message of a call, or ""; fail for an error that is not in the package's form."""
    try:
        with np.errstate(all="ignore"):
            function(*arguments)
    except (ValueError, TypeError, OSError, MemoryError) as error:
        assert ", expected " in str(error), error
        return str(error)
    return ""


def test_the_forms():
    form = {"a": forms.COUNT, "b": forms.Maybe({"c": forms.Each(forms.FINITE, list)})}
    value = forms.json_object("here", "f.json", '{"a": 1}', form)
    assert value == {"a": 1, "b": None}
    for text, words in (
        ('{"a": -1}', "here: f.json: a is -1, expected a whole number of at least 0"),
        ('{"a": true}', "here: f.json: a is True, expected a whole number of at least 0"),
        ('{"a": 1, "b": {"c": [1, NaN]}}', "here: f.json: b.c.1 is nan, expected a finite number"),
        ('{"a": 1, "b": {}}', "here: f.json: b has no 'c', expected this key"),
        ('{"a": 1, "b": 3}', "here: f.json: b is 3, expected an object"),
        ("[]", r"here: f.json is \[\], expected an object"),
        ("{", "here: f.json is not JSON .*, expected an object"),
        ('{"a": ' * 100_000, "here: f.json is not JSON .*, expected an object"),
        ('{"a": 1, "x": ' + "[" * 150 + "]" * 150 + "}", "here: f.json is nested deeper than 100 levels"),
        (f'{{"a": {10**30}}}', "here: f.json: a is a number of more than 64 bits, expected a whole number"),
    ):
        with pytest.raises(ValueError, match=words):
            forms.json_object("here", "f.json", text, form)


def test_a_file_without_read_permission_is_not_called_damaged(tmp_path, monkeypatch):
    path = ir.save(tmp_path / "a.npz", small_runs.net_for(small_runs.adding()))

    def refuse(self, *_, **__):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(
        PermissionError, match=r"a.npz can't be read \(Permission denied\), expected a checkpoint"
    ):
        ir.load(path)


NETWORKS = [
    [
        ir.Embedding(5, 4),
        ir.BatchNorm(4, per_step=True),
        ir.Residual((ir.IndRNN(4, 4), ir.Linear(4, 4))),
        ir.Tied(4, 5),
    ],
    [ir.Bidirectional(ir.LSTM(3, 4)), ir.Dropout(0.2), ir.LastStep(), ir.Linear(8, 2)],
]


@pytest.mark.parametrize("layers", NETWORKS, ids=["symbols", "numbers"])
def test_every_value_of_a_checkpoint_changed(tmp_path, layers, monkeypatch):
    """Of the network's, the optimizer's and the header's own values; most are refused, none breaks anything."""
    net = ir.Sequential(layers, 6, "reference", seed=1)
    path = ir.save(tmp_path / "a.npz", net, ir.Adam(1e-3, lr_of={"u": 0.5}), task={"task": "none"})
    contents = checkpoint.read(path)
    counted = 0
    for _, _, header in variants(contents.header):
        text = np.frombuffer(json.dumps(header).encode(), np.uint8)
        monkeypatch.setattr(archive, "read", lambda *_, text=text: {**contents.arrays, "meta": text})
        counted += bool(tried(ir.load, path))
    assert counted > 300


def test_a_header_of_absurd_sizes_is_refused_before_memory_is_taken(tmp_path):
    path = ir.save(tmp_path / "a.npz", small_runs.net_for(small_runs.adding()))
    rewrite(path, lambda header: changed(header, ("network", "layers", 0, "hidden_size"), 2**40))
    assert "expected" in tried(ir.load, path)
    rewrite(path, lambda header: changed(header, ("network", "layers", 0, "hidden_size"), 6))
    net = ir.Sequential([ir.BatchNorm(3, per_step=True, positions=5)], backend="reference")
    path = ir.save(tmp_path / "b.npz", net)
    rewrite(path, lambda header: changed(header, ("network", "layers", 0, "positions"), 2**40))
    assert r"'buffers/0.mean' has shape (5, 3), expected (1099511627776, 3)" in tried(ir.load, path)


def test_every_value_of_a_training_run_s_meta_changed(tmp_path):
    small_runs.adding_run(tmp_path / "run", 5)
    contents = checkpoint.read(tmp_path / "run" / "checkpoints" / "iteration-00000005.npz")
    changes = [meta for path, _, meta in variants(contents.header["meta"]) if path]
    refused = [tried(records.check_meta, contents.path, meta) for meta in changes]
    for words in ("meta.totals.loss is 'x', expected a finite number", "meta.best has no 'iteration'"):
        assert any(words in sentence for sentence in refused)


def test_a_stream_whose_state_was_changed(tmp_path):
    task = small_texts.chars(tmp_path)
    net = small_texts.model(task)
    ir.fit(net, task, ir.Adam(), iterations=3, batch=3, out=tmp_path / "run", **small_runs.QUIET)
    path = tmp_path / "run" / "checkpoints" / "iteration-00000003.npz"
    carried = checkpoint.read(path).header["meta"]["carried"]
    assert carried is not None
    for _, hostile, other in variants(carried):
        if other == carried:
            continue
        rewrite(path, lambda header, other=other: changed(header, ("meta", "carried"), other))
        resumed = tried(lambda: ir.fit(small_texts.model(task), task, ir.Adam(), iterations=4, batch=3, resume=path,
                                       **small_runs.QUIET))  # fmt: skip
        assert resumed or type(hostile) is int


def test_every_value_of_metrics_and_summary_changed(tmp_path):
    small_runs.adding_run(tmp_path / "run", 5)
    summary, lines = tmp_path / "run" / "summary.json", tmp_path / "run" / "metrics.jsonl"
    whole = json.loads(summary.read_text())
    for path, _, other in variants(whole):
        if not {"optimizer", "schedule", "versions"} & set(path[:1]):  # of which nothing is read
            tried(forms.check, "run", "summary.json", other, records.SUMMARY)
    summary.write_text(json.dumps(changed(whole, ("plan", "batch"), 0)))
    assert "summary.json: plan.batch is 0, expected a whole number of at least 1" in tried(
        records.read_summary, summary
    )
    for _, _, other in variants(json.loads(lines.read_text().splitlines()[0])):
        lines.write_text(json.dumps(other) + "\n{}\n")
        assert tried(records.read_metrics, lines)
    for damage in (b'\xff{"kind": 1}', b'{"kind": "train", "iteration": 1, "\xed\xa0\x80": 1}'):
        lines.write_bytes(damage + b"\n{}\n")
        assert "line 1 is not JSON" in tried(records.read_metrics, lines)
    entry = b'{"kind": "train", "iteration": 1}\n'
    for rest, words in (
        (b'{"kind', None),
        (b'{"kind\n', "line 2 is not JSON"),
        (b"\n", "line 2 is not JSON"),
    ):
        lines.write_bytes(entry + rest)  # only a line without an end was left half written
        if words is None:
            assert len(records.read_metrics(lines)) == 1
        else:
            assert words in tried(records.read_metrics, lines)


def test_the_checkpoint_before_a_damaged_one_is_named(capsys):
    assert main([*ADDING, "--out", "run"]) == 0
    newest = Path("run/checkpoints/iteration-00000004.npz")
    newest.write_bytes(newest.read_bytes()[:-30])
    for arguments in (["eval", "run"], ["generate", "run"], ["study", "flow", "run"], ["study", "report", "run"],
                      ["train", "adding", "--resume", "run"]):  # fmt: skip
        assert main(arguments) == 2
        err = capsys.readouterr().err
        assert "the checkpoint before it is run/checkpoints/iteration-00000002.npz" in err


def test_every_setting_of_a_checkpoint_changed():
    used = settings.merge("adding")
    for path, _, other in variants(used):
        if path and path[0] != "backend":
            tried(settings.of_run, "eval", Path("a.npz"), other)


@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 5000, "lr = " + "9" * 400,
     "lr = " + "9" * 5000, "hidden = 10000000000000000000000000", "lr = [1]", "[lr]\na = 1",
     "lr = nan", "threads = -1", "batch = 0", "dropout = 1.0", "lr_u = inf", "\0", "lr = 1\nlr = 2", "lr = 2024-01-01"],
)  # fmt: skip
def test_hostile_settings_in_toml(text):
    Path("mine.toml").write_text(text)
    assert "mine.toml" in tried(lambda: settings.check(settings.read("mine.toml"), "adding", "mine.toml"))


def test_a_value_that_is_not_finite_at_the_end_of_a_run(capsys):
    """It stands as null in the files, and the command says so."""
    from indrnn_np.commands import train

    summary = {"metric": "mse", "ended": "iterations", "iterations": 1, "seconds": 1.0, "best": None, "baseline": None,
               "final": {"test": {"mse": None}}}  # fmt: skip
    assert "test: mse not finite" in train.words(summary, Path("run"))
