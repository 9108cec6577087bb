"""Names of version 0.1.0 that have new ones: files and command lines are read, keywords warn."""

import json
import pickle
import warnings

import pytest

import indrnn_np as ir
from indrnn_np import _renamed
from indrnn_np.commands.cli import main
from indrnn_np.networks.specs import layer_from_spec
from indrnn_np.settings import settings
from indrnn_np.study.subjects import from_settings

SMALL = "--backend reference --steps 6 --hidden 4 --batch 3 --iterations 1 --quiet --batchnorm".split()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_each_new_name_is_a_setting_and_no_old_one_is():
    assert set(_renamed.SETTINGS.values()) <= set(settings.BY_NAME)
    assert not set(_renamed.SETTINGS) & set(settings.BY_NAME)


def test_a_file_with_old_names_is_read_with_one_line(capsys):
    found = {"bn_place": "before", "bn_per_step": True, "hidden": 3}
    read = settings.check(found, "adding", "mine.toml")
    assert read == {"norm_place": "before", "per_step": True, "hidden": 3}
    assert capsys.readouterr().err == "mine.toml: bn_place is now norm_place, bn_per_step is now per_step\n"
    assert settings.check(read, "adding", "mine.toml") == read and capsys.readouterr().err == ""


def test_both_names_in_one_file_are_refused():
    words = "mine.toml: bn_place and norm_place are both set, expected norm_place only"
    with pytest.raises(ValueError, match=words):
        settings.check({"bn_place": "before", "norm_place": "before"}, "adding", "mine.toml")


def test_old_options_of_the_command_line(capsys):
    assert main(["train", "adding", *SMALL, "--bn-place", "before", "--bn-per-step", "--out", "run"]) == 0
    assert "indrnn train: bn_place is now norm_place, bn_per_step is now per_step" in capsys.readouterr().err
    used = settings.read("run/config.toml")
    assert used["norm_place"] == "before" and used["per_step"] is True and "bn_place" not in used


def test_the_help_shows_new_options_only(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    out = capsys.readouterr().out
    assert "--norm-place" in out and "--bn-place" not in out
    assert main(["train", "adding", "--norm-plce", "before"]) == 2
    assert "--bn-place" not in capsys.readouterr().err


def test_old_settings_of_a_study(capsys):
    study = "study flow --backend reference --steps 5 --cells indrnn"
    assert main([*study.split(), "--set", "bn_place=before", "--set", "batchnorm=yes"]) == 0
    assert "bn_place is now norm_place" in capsys.readouterr().err
    subject = from_settings("adding", steps=5, backend="reference", batchnorm=True, bn_place="before")
    assert type(subject.net.layers[1]).__name__ == "BatchNorm"


def test_old_keywords_of_networks_and_layers_warn():
    with pytest.warns(DeprecationWarning, match="plain: norm is now norm_place") as seen:
        net = ir.plain(2, 4, 1, 2, 5, batchnorm=True, norm="before")
    assert seen[0].filename == __file__
    assert net.layers == ir.plain(2, 4, 1, 2, 5, batchnorm=True, norm_place="before").layers
    with pytest.warns(DeprecationWarning, match="Embedding: weight_dropout is now embedding_dropout"):
        assert ir.Embedding(5, 3, weight_dropout=0.5) == ir.Embedding(5, 3, embedding_dropout=0.5)
    with pytest.raises(TypeError, match="norm and norm_place are both set, expected norm_place only"):
        ir.plain(2, 4, 1, 2, 5, norm="before", norm_place="before")


def test_the_spec_of_an_old_layer_is_read(capsys):
    layer = ir.Embedding(5, 3, embedding_dropout=0.5)
    old = json.loads(json.dumps(layer.spec()).replace("embedding_dropout", "weight_dropout"))
    assert "weight_dropout" in old and layer_from_spec(old) == layer
    assert "Sequential.from_spec: weight_dropout is now embedding_dropout\n" in capsys.readouterr().err


def test_the_pickle_of_an_old_layer_is_read():
    layer = ir.Embedding(5, 3, embedding_dropout=0.5)
    state = {"symbols": 5, "size": 3, "init_scale": 0.04, "weight_dropout": 0.5}
    old = object.__new__(ir.Embedding)
    old.__setstate__(state)
    assert old == layer == pickle.loads(pickle.dumps(layer))


def test_current_names_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ir.plain(5, 4, 5, 1, 6, embedding=3, embedding_dropout=0.1, output="every", norm_place="after")
