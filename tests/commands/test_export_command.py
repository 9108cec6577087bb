"""`indrnn export`: a trained run becomes a file of each format, and its errors are one sentence."""

import json
import shutil
import sys

import numpy as np
import onnxruntime
import pytest
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np.commands.cli import main

TRAIN = [
    "train",
    "adding",
    "--backend",
    "reference",
    "--steps",
    "6",
    "--hidden",
    "4",
    "--batch",
    "3",
    "--quiet",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main([*TRAIN, "--iterations", "4", "--validate-every", "2", "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


def indrnn(capsys, *arguments):
    """Return exit code, stdout and stderr of the command."""
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


def test_onnx(capsys, run):
    code, out, err = indrnn(capsys, "export", run, "--format", "onnx")
    checkpoint = run / "checkpoints" / "iteration-00000004.npz"
    assert (code, out, err) == (0, f"{run / 'net.onnx'}, from {checkpoint}, iteration 4\n", "")
    model, net = onnxruntime.InferenceSession(run / "net.onnx"), ir.load(checkpoint).net
    x = np.random.default_rng(0).random((6, 2, 2), dtype=np.float32)
    start = {value.name: np.zeros((1, 2, 4), np.float32) for value in model.get_inputs()[1:]}
    assert_close(model.run(["y"], {"x": x, **start})[0], net(x))
    texts = model.get_modelmeta().custom_metadata_map
    assert json.loads(texts["settings"])["hidden"] == 4 and json.loads(texts["task"])["task"] == "adding"


def test_onnx_with_lengths(capsys, run):
    assert (
        indrnn(capsys, "export", run, "--format", "onnx", "--lengths", "--out", run / "a" / "b.onnx")[0] == 0
    )
    names = [value.name for value in onnxruntime.InferenceSession(run / "a" / "b.onnx").get_inputs()]
    assert names == ["x", "lengths", "0.h", "1.h"]


def test_an_exported_safetensors_file_is_evaluated_like_its_run(capsys, run):
    assert indrnn(capsys, "export", run, "--format", "safetensors")[0] == 0
    (_, first, _), (_, second, _) = (
        indrnn(capsys, "eval", path, "--json") for path in (run, run / "net.safetensors")
    )
    first, second = json.loads(first), json.loads(second)
    assert first.pop("checkpoint") != second.pop("checkpoint") and first == second


def test_c_from_the_best_checkpoint_file(capsys, run):
    best = run / "checkpoints" / "best.npz"
    code, out, _ = indrnn(capsys, "export", best, "--format", "c")
    assert code == 0 and out.startswith(f"{run / 'net.c'}, from {best}")
    assert "void net_step(net_state *state, const float *x, float *y)" in (run / "net.c").read_text()
    moved = shutil.copy(best, run.parent / "moved.npz")
    assert indrnn(capsys, "export", moved, "--format", "c", "--which", "best")[0] == 0
    assert (run.parent / "net.c").read_text() == (run / "net.c").read_text()


def test_class_names_of_own_labels_are_carried(capsys, tmp_path):
    rng = np.random.default_rng(0)
    x, labels = rng.random((5, 6, 2), dtype=np.float32), np.array(["walk", "run", "rest"] * 2)
    net = ir.plain(2, 4, 3, layers=1, steps=5, backend="reference")
    ir.fit(net, (x, labels), ir.Adam(1e-2), epochs=1, batch=3, out=tmp_path / "own", progress=False)
    assert indrnn(capsys, "export", tmp_path / "own", "--format", "c")[0] == 0
    text = (tmp_path / "own" / "net.c").read_text()
    assert 'const char *const net_classes[3] = {\n    "rest",\n    "run",\n    "walk",\n};' in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--format", "c", "--lengths"], "export: lengths is set with format=c, expected no --lengths"),
        (["--format", "c", "--out", "a-b.c"], "export.to_c: name is 'a-b', expected a C identifier"),
        (["--format", "safetensors", "--out", "a.npz"], "export.to_safetensors: path is 'a.npz', expected a name that"),
        (["--format", "onnx", "--out", "run/log.txt/a"], "export.to_onnx: run/log.txt/a can't be written"),
    ],
)  # fmt: skip
def test_errors_are_one_sentence(capsys, run, monkeypatch, arguments, words):
    monkeypatch.chdir(run.parent)
    code, out, err = indrnn(capsys, "export", run, *arguments)
    assert (code, out) == (2, "") and err.startswith(f"indrnn: {words}") and err.count("\n") == 1


def test_a_missing_package_is_one_sentence(capsys, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    code, _, err = indrnn(capsys, "export", run, "--format", "onnx")
    assert (
        code == 2
        and err.startswith("indrnn: export.to_onnx: onnx is not installed, expected")
        and err.count("\n") == 1
    )


def test_a_folder_without_a_run(capsys, tmp_path):
    code, _, err = indrnn(capsys, "export", tmp_path, "--format", "c")
    assert code == 2 and "holds no last checkpoint, expected a run's folder or a checkpoint" in err
