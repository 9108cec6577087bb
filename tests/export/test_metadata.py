"""What a run hands to its exported network: settings, class names, standardisation."""

import pytest

import indrnn_np as ir
from indrnn_np.export import metadata

NET = ir.Sequential([ir.IndRNN(1, 1)], steps=1, backend="reference")


def test_entries_of_a_run():
    task = {"task": "uea", "classes": ["a", "b"], "mean": [0.5], "deviation": [2.0], "seed": 3}
    meta = {"task": task, "settings": {"lr": 0.1}, "plan": None, "totals": {}, "elapsed": 3.0}
    found = metadata.of_run("best.npz", meta)
    assert found == {
        "settings": {"lr": 0.1},
        "task": task,
        "classes": ["a", "b"],
        "mean": [0.5],
        "deviation": [2.0],
    }


def test_the_vocabulary_names_the_outputs_of_a_language_model():
    assert metadata.of_run("a.npz", {"task": {"task": "chars", "vocabulary": ["\n", "a"]}})["classes"] == [
        "\n",
        "a",
    ]


@pytest.mark.parametrize("meta", [{}, {"note": "x"}, {"task": None, "settings": {}}])
def test_a_checkpoint_without_a_run_has_none(meta):
    assert metadata.of_run("a.npz", meta) == {}


def test_booleans_become_texts():
    task = {"task": "arrays", "classes": [False, True]}
    meta = metadata.of_run("a.npz", {"task": task})
    assert metadata.checked("export", NET, meta)["classes"] == ["False", "True"]


@pytest.mark.parametrize("write", [ir.export.to_onnx, ir.export.to_safetensors, ir.export.to_c])
def test_only_networks_are_written(write, tmp_path):
    words = rf"export\.{write.__name__}: net is a int, expected a network, such as ir\.load\(path\)\.net"
    with pytest.raises(TypeError, match=words):
        write(3, tmp_path / "net.c")


def test_a_number_of_classes_has_no_names():
    task = {"task": "skeleton", "classes": 60}
    assert metadata.of_run("a.npz", {"task": task}) == {"task": task}


def test_a_damaged_run_is_refused():
    with pytest.raises(ValueError, match=r"a\.npz: meta\.task is 3, expected an object"):
        metadata.of_run("a.npz", {"task": 3})


@pytest.mark.parametrize(
    ("meta", "error", "words"),
    [
        ({"classes": ["a", 1]}, ValueError, r"meta: classes\.1 is 1, expected a text"),
        ({"classes": "ab"}, ValueError, "meta: classes is 'ab', expected a list"),
        ({"mean": [1, "2"]}, ValueError, r"meta: mean\.1 is '2', expected a finite number"),
        ({"deviation": 3}, ValueError, "meta: deviation is 3, expected a list"),
        ({"note": object()}, TypeError, r"meta is not JSON \(.*\), expected values that JSON can hold"),
        ({"note": float("nan")}, TypeError, r"meta is not JSON \(.*\), expected values that JSON can hold"),
    ],
)
def test_entries_are_checked(meta, error, words):
    with pytest.raises(error, match=f"export: {words}"):
        metadata.checked("export", NET, meta)


def test_a_copy_is_returned():
    meta = {"classes": ["a"]}
    assert metadata.checked("export", NET, meta) == meta == {"classes": ["a"]}
    assert metadata.checked("export", NET, None) == {}
    assert metadata.texts({"a": "text", "b": [1, "é"]}) == {"a": "text", "b": '[1, "\\u00e9"]'}


def test_the_scaling_of_real_targets_is_carried(tmp_path):
    task = {
        "task": "uea",
        "mean": [0.5],
        "deviation": [2.0],
        "targets": {"mean": [1000.0], "deviation": [50.0]},
    }
    carried = metadata.of_run("best.npz", {"task": task})
    assert (carried["target_mean"], carried["target_deviation"]) == ([1000.0], [50.0])
    source = ir.export.to_c(NET, tmp_path / "net.c", carried).read_text(encoding="utf-8")
    assert "value = y * target_deviation + target_mean" in source
    assert float.fromhex("0x1.f4p+9") == 1000 and "net_target_mean[1] = {\n    0x1.f4p+9\n}" in source
