"""Learning curves: drawn without a display from what a run left, with the paper's points where they belong."""

import importlib
import json
import struct

import pytest

pytest.importorskip("matplotlib")

from indrnn_np import plots


def run(folder, task, lines, **summary):
    folder.mkdir()
    base = {
        "metric": "mse", "loss": "mse", "baseline": None, "task": task, "plan": {"batch": 32}, "ended": "iterations",
        "iterations": 100, "parameters": 10, "seconds": 1.0, "final": {}, "backend": "cpu", "dtype": "float32",
        "machine": {"cpu": "a CPU", "threads": 1}, "versions": {},
    }  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(base | summary))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def lines(name, end, loss="mse"):
    made = [{"kind": "train", "iteration": i, loss: 1 / i} for i in range(100, end + 1, 100)]
    return made + [
        {"kind": "validation", "iteration": i, name: 0.1 + 10 / i} for i in range(100, end + 1, 100)
    ]


def size_of(path):
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">2I", data[16:24])


def words(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_the_adding_problem(tmp_path, figure):
    folder = run(tmp_path / "a", {"task": "adding", "steps": 1000}, lines("mse", 5500), baseline=1 / 6)
    path = plots.learning_curve(folder, folder / "curve.png")
    (axes,) = figure[0].axes
    assert size_of(path) == (1080, 675)
    assert axes.get_yscale() == "log" and axes.get_xlabel() and axes.get_ylabel() == "mean squared error"
    assert [t.get_text() for t in axes.texts] == ["blind guess 0.167"]
    points = next(line for line in axes.lines if line.get_label().startswith("Li et al."))
    assert list(points.get_xdata()) == [1000, 2000, 3000, 5000]  # what lies behind the run's end stays away
    assert points.get_ydata()[2] == pytest.approx(0.01)


@pytest.mark.parametrize(("metric", "scale", "label"), [("bits", "linear", "bits per character"),
                                                        ("perplexity", "log", "perplexity")])  # fmt: skip
def test_language_models(tmp_path, figure, metric, scale, label):
    """Loss and baseline are in the metric's own words."""
    loss = "softmax_cross_entropy"
    made = [line | {metric: 9 / line["iteration"]} for line in lines(loss, 500, loss)]
    folder = run(
        tmp_path / "t", {"task": "text", "steps": 100}, made, metric=metric, loss=loss, baseline=4.77
    )
    plots.learning_curve(folder, folder / "curve.png")
    (axes,) = figure[0].axes
    assert axes.get_yscale() == scale and axes.get_ylabel() == label
    assert [t.get_text() for t in axes.texts] == ["blind guess 4.770"]
    assert [list(line.get_ydata()) for line in axes.lines[:2]] == [[9 / i for i in range(100, 501, 100)]] * 2


def test_mnist(tmp_path, figure):
    folder = run(tmp_path / "m", {"task": "mnist", "steps": 784}, lines("accuracy", 2000, "softmax_cross_entropy"),
                 metric="accuracy", loss="softmax_cross_entropy", plan={"batch": 64})  # fmt: skip
    plots.learning_curve(folder, folder / "curve.png")
    top, bottom = figure[0].axes
    assert top.get_ylabel() == "error rate / %" and bottom.get_ylabel() == "training loss / nats"
    points = next(line for line in top.lines if line.get_label().startswith("authors' log"))
    assert list(points.get_xdata()) == [850, 1700] and list(points.get_ydata()) == pytest.approx([21.2, 14.5])
    assert top.get_ylim()[0] <= 14.5 and top.get_ylim()[1] >= 90


def test_arrays_without_validation_and_a_value_that_was_not_finite(tmp_path, figure):
    found = [
        {"kind": "train", "iteration": i, "mse": value} for i, value in ((10, 0.5), (20, None), (30, 0.2))
    ]
    folder = run(tmp_path / "u", {"task": "arrays"}, found)
    plots.learning_curve(folder, folder / "curve.png")
    axes = figure[0].axes[0]
    assert list(axes.lines[0].get_xdata()) == [10, 30]
    assert not any("Li et al." in word for word in words(axes))


def test_a_run_without_any_lines_and_a_perfect_one(tmp_path, figure):
    for name, found in (("none", []), ("perfect", [{"kind": "validation", "iteration": 5, "accuracy": 1.0}])):
        folder = run(
            tmp_path / name, {"task": "mnist"}, found, metric="accuracy", loss="softmax_cross_entropy"
        )
        size_of(plots.learning_curve(folder, folder / "curve.png"))


def test_no_metrics(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"metrics.jsonl is not a file, expected the metrics of a run"
    ):
        plots.learning_curve(tmp_path, tmp_path / "curve.png")


def test_the_gradient_through_layers(tmp_path, figure):
    """Each layer's norm over the last one's, before training and after it; and the first layer's over time."""
    measured = [
        {"iteration": i, "norms": norms} for i, norms in ((0, [8.0, 2.0, 4.0]), (50, [3.0, 3.0, 1.5]))
    ]
    records = [{"name": name, "measured": measured} for name in ("a", "b")]
    result = {"task": "mnist", "hidden": 4, "networks": [*records, {"name": "c", "measured": measured[:1]}]}
    result["networks"][2]["measured"] = [
        {"iteration": 0, "norms": [0.0, 1.0, 1e-5]}
    ]  # what has vanished is drawn too
    plots.depth(result, tmp_path / "depth.png")
    left, right = figure[0].axes
    assert [list(line.get_ydata()) for line in left.lines[:2]] == [[2.0, 0.5, 1.0], [2.0, 2.0, 1.0]]
    assert list(right.lines[0].get_xdata()) == [0, 50] and list(right.lines[0].get_ydata()) == [2.0, 2.0]
    assert right.lines[2].get_ydata()[0] > 0 and left.get_yscale() == "log"
    assert words(left) == ["a", "b", "c"] and size_of(tmp_path / "depth.png") == (1500, 630)


def test_the_same_training_in_several_forms(tmp_path, figure):
    runs = [{"form": form, "seconds": [60, 120], "errors": [0.2, 0.1]} for form in ("old", "serial", "scan")]
    result = {"steps": 20_000, "batch": 1, "hidden": 16, "layers": 2, "runs": runs}
    plots.long_training(result, tmp_path / "long.png")
    (axes,) = figure[0].axes
    assert [list(line.get_xdata()) for line in axes.lines[:3]] == [[1.0, 2.0]] * 3
    assert axes.get_title(loc="left") == "adding problem, T = 20,000; B = 1, 2 layers of 16 units"


def test_lines_of_nu_stand_where_those_of_u_do():
    online, truncation = (
        importlib.import_module(f"indrnn_np.plots.{name}") for name in ("online", "truncation")
    )

    assert truncation._symbol("1.nu") == "$dν$ of layer 1" and truncation._symbol("0.u") == "$du$ of layer 0"
    of_u, of_nu = (online._lines(["0.W", f"0.{letter}", "1.W"]) for letter in ("u", "nu"))
    assert [(name.replace("nu", "u"), *look) for name, *look in of_nu] == of_u and len(of_u) == 2
