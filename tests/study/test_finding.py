"""What all findings do: speak, save, draw; and their tables as text."""

import base64
import csv
import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from indrnn_np import plots
from indrnn_np.study import Finding, Flow
from indrnn_np.study.finding import to_csv

NORMS = np.array([[1e-30, 0.1, 3.0], [0.25, 1 / 3, 2.0]])


def flow(title="a", norms=NORMS):
    return Flow(("0", "1.2"), norms, title)


def test_a_finding_says_its_main_number():
    said = flow().words()
    assert said.startswith(
        "‖∂L/∂h‖ at the first step of layer 0 is 1e-30, 5e-31 times that at the last step of layer 1.2"
    )
    assert repr(flow()) == f"<Flow a: {said}>" and repr(flow("")) == f"<Flow {said}>"
    assert flow(norms=np.zeros((2, 3))).words() == "no gradient reaches layer 1.2 (2 layers, 3 steps)"
    padded = flow(norms=np.array([[1.0, 2.0, 0.0], [3.0, 4.0, 0.0]])).words()
    assert "is 1, 0.25 times that at step 2, the last of any sample, of layer 1.2" in padded


def test_arrays_are_read_back_without_pickles(tmp_path):
    path = flow().save(tmp_path / "deep" / "a.npz")
    with np.load(path, allow_pickle=False) as found:
        assert set(found) == {"kind", "words", "layers", "norms", "title"}
        assert np.array_equal(found["norms"], NORMS) and found["layers"].tolist() == ["0", "1.2"]
        assert str(found["kind"]) == "flow" and str(found["words"]) == flow().words()


def test_a_table_becomes_a_frame():
    frame = flow().to_pandas()
    assert list(frame.columns) == list(flow().table()) and len(frame) == 6
    assert frame["norm of dL/dh_t"].tolist() == NORMS.ravel().tolist()


@dataclass(frozen=True, repr=False, eq=False)
class Odd(Finding):
    """Fields that are not there, and one with a name that a file has."""

    kind: ClassVar[str] = "odd"

    file: np.ndarray
    absent: np.ndarray | None = None
    title: str = ""

    def words(self):
        return "odd"

    def table(self):
        return {"n": self.file, "wide": [1.5] * len(self.file)}


def test_what_is_not_there_is_left_out(tmp_path):
    assert set(Odd(np.arange(2)).arrays()) == {"file", "title"}


def test_tables_are_read_back_exactly(tmp_path):
    path = flow().save(tmp_path / "a.csv")
    with path.open(newline="") as file:
        head, *lines = csv.reader(file)
    assert head == ["layer", "step t", "norm of dL/dh_t"]
    assert [line[:2] for line in lines] == [[n, str(t)] for n in ("0", "1.2") for t in (1, 2, 3)]
    assert [float(line[2]) for line in lines] == NORMS.ravel().tolist()


def test_errors(tmp_path):
    with pytest.raises(
        ValueError, match=r"Finding.save: the suffix of path is '.txt', expected one of '.npz', '.csv'"
    ):
        flow().save(tmp_path / "a.txt")
    with pytest.raises(
        ValueError, match=r"to_csv: columns have lengths {'a': 1, 'b': 2}, expected one length"
    ):
        to_csv({"a": [1], "b": [1, 2]})
    with pytest.raises(
        ValueError, match=r"Finding.plot: others hold \['odd'\], expected findings of kind 'flow' only"
    ):
        flow().plot(Odd(np.arange(2)))
    with pytest.raises(TypeError):
        Finding()
    assert not list(tmp_path.iterdir())


class TestPictures:
    """With matplotlib."""

    @pytest.fixture(autouse=True)
    def matplotlib(self):
        pytest.importorskip("matplotlib")

    def test_several_in_one_figure_share_their_scale(self):
        zero = flow("nothing at step 1", np.array([[0.0, 1.0, 2.0], [1e-60, 4.0, 5.0]]))
        figure = flow("first").plot(zero)
        first, second = figure.axes
        assert [axes.get_title("left") for axes in (first, second)] == ["first", "nothing at step 1"]
        assert figure.get_supxlabel() == "time step $t$" and "partial L" in figure.get_supylabel()
        assert first.get_ylim() == second.get_ylim() and first.get_yscale() == "log"
        assert [line.get_label() for line in first.lines] == ["layer 0", "layer 1.2"]
        drawn = second.lines[1].get_ydata()
        assert np.isnan(drawn[0]) and drawn[1] == 4.0  # more than 24 decades below the largest norm

    def test_deep_networks_are_drawn_in_one_scale_of_colours(self):
        zero = np.array([[0.0, 1.0, 2.0], [1e-60, 4.0, 5.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
        deep = Flow(("0", "1.2", "2", "3"), zero, "nothing at step 1")
        figure = flow("first").plot(deep)
        first, second, bar = figure.axes
        assert second.get_xlabel() == "time step $t$" and first.get_ylabel() == "layer"
        assert "partial L" in bar.get_ylabel()
        one, other = (axes.images[0] for axes in (first, second))
        assert one.norm.vmin == other.norm.vmin == pytest.approx(5e-24) and one.norm.vmax == 5.0
        assert np.isnan(other.get_array().filled(np.nan)[0, 0])  # zero is no colour of the scale
        assert [label.get_text() for label in first.get_yticklabels()] == ["0", "1.2"]

    def test_all_nothing_is_drawn_too(self):
        assert len(flow(norms=np.zeros((2, 3))).plot().axes[0].lines) == 2
        deep = Flow(tuple("0123"), np.zeros((4, 3)))
        assert deep.plot().axes[0].images

    def test_a_page_is_light_or_dark(self, tmp_path):
        written = {}
        for theme in ("light", "dark"):
            path = tmp_path / f"{theme}.png"
            figure = flow().plot(path=path, theme=theme)
            written[theme] = path.read_bytes()
            bright = sum(figure.get_facecolor()[:3]) / 3
            assert (bright > 0.9) == (theme == "light")
        assert written["light"][:4] == b"\x89PNG" and written["light"] != written["dark"]
        assert flow().plot(path=tmp_path / "a.svg") and (tmp_path / "a.svg").read_text().startswith("<?xml")
        with pytest.raises(ValueError, match=r"plots.theme: name is 'pink', expected one of 'light', 'dark'"):
            flow().plot(theme="pink")

    def test_a_notebook_shows_the_sentence_and_the_figure(self):
        shown = flow("<a> & b")._repr_html_()
        assert f"<p>&lt;a&gt; &amp; b: {flow().words()}</p>" in shown
        data = re.search(r'src="data:image/png;base64,([^"]+)"', shown)[1]
        assert base64.b64decode(data)[:4] == b"\x89PNG"

    def test_without_matplotlib_it_shows_the_repr(self, monkeypatch):
        monkeypatch.setattr("indrnn_np.study.finding.find_spec", lambda name: None)
        assert flow()._repr_html_() is None

    def test_many_layers_keep_their_names_apart(self):
        deep = Flow(tuple(str(i) for i in range(30)), np.ones((30, 4)))
        assert len(plots.flow(deep).axes[0].get_yticklabels()) == 10
