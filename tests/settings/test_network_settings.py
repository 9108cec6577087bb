"""The settings of networks: what they make, and what is refused because the network has no use for it."""

import json
from pathlib import Path

import pytest

from indrnn_np import layers, networks, tasks
from indrnn_np.commands.cli import main
from indrnn_np.layers import recurrent_weight
from indrnn_np.layers.chain import named_layers
from indrnn_np.optim import optimizers
from indrnn_np.settings import build, settings

SMALL = ["--backend", "reference", "--steps", "6", "--hidden", "4", "--batch", "3", "--quiet"]
SHORT = ["--iterations", "2", "--validate-every", "0"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def made(**given):
    """The network that the settings make for the adding problem."""
    used = settings.merge("adding", {"steps": 6, "backend": "reference", **given})
    return build.network(used, tasks.get("adding", steps=6, backend="reference"))


def kinds(net):
    return [type(layer).__name__ for layer in net.layers]


def rates(net):
    return [layer.rate for _, layer in named_layers(net.layers) if isinstance(layer, layers.Dropout)]


def test_the_words_of_the_settings_are_those_of_the_networks():
    by_name = settings.BY_NAME
    assert by_name["network"].choices == tuple(networks.PLACES)
    assert by_name["cell"].choices == tuple(networks.CELLS)
    assert by_name["norm_place"].choices == networks.NORMS
    assert by_name["u_form"].choices == recurrent_weight.FORMS
    for name in networks.PLACES:
        assert callable(getattr(networks, name))


def test_each_network_takes_its_settings():
    plain = made(hidden=5, layers=3, batchnorm=True, norm_place="before", per_step=True, gamma=3.0)
    assert kinds(plain)[:4] == ["Linear", "BatchNorm", "Recurrence", "Linear"]
    assert plain.layers[1].per_step and plain.bounds["2.u"] == pytest.approx(3 ** (1 / 6))
    assert made(constrain=False, last_init="ones").bounds == {}
    assert [layer.time for layer in made(time="parallel").layers[:2]] == ["parallel", "parallel"]
    for options in (
        {"norm_place": "before", "batchnorm": True},
        {"network": "residual"},
        {"network": "dense"},
    ):
        net = made(u_form="exp", **options)
        assert net.weight_bounds and not net.bounds and not any(name.endswith(".u") for name in net.params)
    residual = made(network="residual", hidden=5, blocks=2)
    assert kinds(residual) == ["Linear", "Residual", "Residual", "Recurrence", "LastStep", "Linear"]
    assert residual.layers[1].inputs == 5
    dense = made(network="dense", growth=2, batchnorm=True)
    assert kinds(dense).count("Concat") == 18 and dense.layers[0].outputs == 12


@pytest.mark.parametrize("cell", [cell for cell in networks.CELLS if cell != "indrnn"])
def test_each_cell_takes_no_settings_of_an_indrnn(cell):
    net = made(cell=cell, hidden=6)
    assert kinds(net)[0] == networks.CELLS[cell][0] and not net.bounds


def test_rates_of_dropout_by_place():
    assert rates(made(layers=3, dropout=0.2)) == [0.2] * 3
    assert rates(made(layers=3, dropout=0.2, dropout_places="last=0.5")) == [0.2, 0.2, 0.5]
    dense = made(network="dense", growth=2, dropout=0.1, dropout_places="first=0.2, dense=0.3")
    assert rates(dense) == [0.2, *([0.1, 0.3] * 8), 0.1, *([0.1, 0.3] * 6), 0.1, *([0.1, 0.3] * 4), 0.1]


@pytest.mark.parametrize(("text", "words"), [
    ("last", "settings: dropout_places is 'last', expected rates by place such as"),
    ("last=high", "dropout_places is 'last=high'"),
    ("first=0.1", "plain: a place of dropout is 'first', expected one of 'embedding', 'layer', 'last'"),
])  # fmt: skip
def test_rates_that_cannot_be_read(text, words):
    with pytest.raises(ValueError, match=words):
        made(dropout_places=text)


@pytest.mark.parametrize(("given", "words"), [
    ("--network residual --layers 3", "indrnn train: layers is 3 with network='residual', expected no layers because "
     "only network='plain' uses it"),
    ("--network dense", "hidden is 4 with network='dense', expected no hidden because only network='plain' or "
     "network='residual' uses it"),
    ("--blocks 2", "blocks is 2 with network='plain', expected no blocks because only network='residual' uses"),
    ("--growth 2", "growth is 2 with network='plain', expected no growth because only network='dense' uses it"),
    ("--network residual --cell lstm", "cell is 'lstm' with network='residual', expected no cell"),
    ("--cell lstm --gamma 2", "gamma is 2.0 with cell='lstm', expected no gamma because only cell='indrnn' uses it"),
    ("--cell gru --no-constrain", "constrain is False with cell='gru', expected no constrain"),
    ("--cell gru --time parallel", "time is 'parallel' with cell='gru', expected no time because only cell='indrnn'"),
    ("--cell gru --u-form exp", "u_form is 'exp' with cell='gru', expected no u_form because only cell='indrnn' uses"),
    ("--u-form exp --no-constrain", "IndRNN: constrain is False with u_form='exp', expected True"),
    ("--u-form exp --last-init symmetric", "IndRNN: recurrent_init is 'symmetric' with u_form='exp', expected"),
    ("--time-table a.json", "train: time_table is 'a.json', expected None because no layer of the network has"),
])  # fmt: skip
def test_a_setting_that_the_network_has_no_use_for(given, words, capsys):
    assert main(["train", "adding", *SMALL, *SHORT, *given.split()]) != 0
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "given", ["--network residual --blocks 1", "--cell lstm", "--cell rotating", "--u-form exp"]
)
def test_what_a_run_wrote_can_be_given_back(given, capsys):
    """Though it holds settings that the network has no use for."""
    assert main(["train", "adding", *SMALL, *SHORT, *given.split(), "--out", "run"]) == 0
    again = ["train", "adding", "--config", "run/config.toml", "--out", "again", "--quiet"]
    assert (
        main(again) == 0 and main(["train", "adding", "--resume", "run", "--iterations", "3", "--quiet"]) == 0
    )
    capsys.readouterr()


def test_the_choice_of_a_table_is_stored_and_repeated(capsys):
    pairs = {"reference": {"source": "a test", "least_steps": {"relu": [[12, 6]]}}}
    table = {"format": "indrnn_np time table", "version": 1, "backends": pairs}
    Path("table.json").write_text(json.dumps(table), encoding="utf-8")
    auto = ["--time", "auto", "--time-table", "table.json", "--out", "run"]
    assert main(["train", "adding", *SMALL, *SHORT, *auto]) == 0
    Path("table.json").unlink()
    assert main(["eval", "run"]) == 0
    assert main(["train", "adding", "--resume", "run", "--iterations", "3", "--quiet"]) == 0
    log = Path("run", "log.txt").read_text(encoding="utf-8")
    assert "time: parallel (T = 6, B = 3, by table.json)" in log and "time: parallel (as stored in run" in log
    for changed in (["--time", "serial"], ["--time-table", "other.json"]):
        assert main(["train", "adding", "--resume", "run", *changed]) != 0
        assert "the value stored in the run" in capsys.readouterr().err


def test_a_run_that_is_older_than_a_setting_goes_on_with_its_default():
    now = settings.merge("adding")
    before = {name: value for name, value in now.items() if name not in ("network", "cell", "norm_place")}
    assert settings.changes(before, now) == []
    with pytest.raises(
        ValueError, match="resume: network is 'dense', expected None, the value stored in the run"
    ):
        settings.changes(before, now | {"network": "dense"})


def test_weight_decay_and_learning_rates_reach_parameters_inside():
    """By their letter, whatever the number of the container."""
    net = made(network="residual", blocks=1, hidden=4)
    adam = optimizers.Adam(1e-3, weight_decay=0.1, lr_of={"u": 0.5})
    adam.update(net, net.backward(None, net.forward(tasks.get("adding", steps=6).batch(0, 2).x)[2])[2])
    start = 0
    for name, value in net.params.items():
        part = slice(start, start + value.size)
        assert set(adam._decay[part]) == {float(name.endswith("W"))}, name
        assert set(adam._rate[part]) == {0.5 if name.endswith("u") else 1.0}, name
        start += value.size


@pytest.mark.parametrize(("options", "recurrent"), [
    ({"cell": "indrnn"}, {"u"}), ({"u_form": "exp"}, {"nu"}), ({"cell": "rotating"}, {"nu", "theta"}),
])  # fmt: skip
def test_lr_u_sets_the_rate_of_the_recurrent_weights_of_the_cell(options, recurrent):
    used = settings.merge("adding", {**options, "lr_u": 0.5, "weight_decay": 0.1})
    made_of = build.optimizer(used)
    assert made_of.lr_of == dict.fromkeys(recurrent, 0.5) and tuple(made_of.decay_on) == ("W",)
    assert recurrent <= {name.rpartition(".")[2] for name in made(**options, hidden=4).params}


@pytest.mark.parametrize("cell", ["rnn-tanh", "rnn-relu", "irnn", "lstm", "gru"])
def test_a_cell_with_a_recurrent_matrix_has_no_lr_u(cell):
    with pytest.raises(ValueError, match=f"lr_u is 0.5 with cell='{cell}', expected no lr_u because only"):
        build.complete("indrnn train", "adding", {"cell": cell, "lr_u": 0.5})
    used, _ = build.complete("indrnn train", "adding", {"preset": "fast"}, {"cell": cell})
    assert used["lr_u"] == 0.05 and build.optimizer(used).lr_of == {}
