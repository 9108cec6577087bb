"""The report of a run: what it holds, that it needs nothing from outside, that its text is escaped."""

import html.parser
import json
import re

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

from indrnn_np import study
from indrnn_np.commands import cli
from indrnn_np.study.report import page

SMALL = ["--steps", "12", "--hidden", "5", "--iterations", "6", "--batch", "4", "--threads", "1", "--quiet"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short run of the adding problem."""
    folder = tmp_path_factory.mktemp("report") / "small"
    assert (
        cli.main(
            ["train", "adding", *SMALL, "--validate-every", "3", "--log-every", "2", "--out", str(folder)]
        )
        == 0
    )
    return folder


class Reader(html.parser.HTMLParser):
    """Which elements there are, that all of them are closed, and all addresses."""

    VOID = frozenset({"meta", "link", "img", "source", "br"})

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.addresses, self.text = [], [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        self.addresses += [value for name, value in attrs if name in ("src", "srcset", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.seen if name == tag]


@pytest.mark.slow
def test_the_file_holds_all_that_it_shows(run, capsys):
    assert cli.main(["study", "report", str(run)]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"written: {run / 'report.html'}\n" and "Gradient flow" in captured.err
    text = (run / "report.html").read_text(encoding="utf-8")
    found = Reader(text)
    assert not found.open
    assert all(address.startswith(("data:", "#")) for address in found.addresses)
    assert "http" not in re.sub(r'base64,[^"]*', "", text)
    images, dark = found.all("img"), found.all("source")
    assert len(images) == len(dark) >= 2 and all(image["alt"] for image in images)
    assert all(image["src"] != other["srcset"] for image, other in zip(images, dark, strict=True))
    parts = {attrs["id"] for attrs in found.all("section")}
    assert {attrs["href"] for attrs in found.all("a")} == {f"#{part}" for part in parts}
    for words in (
        "blind guess",
        "gradients of this network agree",
        "0.W",
        "test: mse",
        "of the terms of 12 time steps",
        "the noise scale is",
        "the eigenvalues of the Hessian reach from",
    ):
        assert words in found.text


@pytest.mark.slow
def test_another_place_another_checkpoint_and_json(run, tmp_path, capsys):
    out = tmp_path / "deep" / "r.html"
    args = ["study", "report", str(run), "--out", str(out), "--which", "best", "--json", "--quiet"]
    assert cli.main(args) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"report": str(out)} and captured.err == ""
    assert out.stat().st_size > 10_000


@pytest.mark.slow
def test_a_run_that_has_not_ended(run, tmp_path):
    """A checkpoint alone is enough: no summary, no curve."""
    (tmp_path / "checkpoints").mkdir()
    name = "iteration-00000006.npz"
    (tmp_path / "checkpoints" / name).write_bytes((run / "checkpoints" / name).read_bytes())
    text = study.report(tmp_path).read_text(encoding="utf-8")
    assert "has not ended yet" in text and "Gradient flow" in text


def test_a_section_that_does_not_apply_says_why(tmp_path):
    run = tmp_path / "tanh"
    assert cli.main(["train", "adding", *SMALL, "--cell", "rnn-tanh", "--out", str(run)]) == 0
    text = Reader(study.report(run).read_text(encoding="utf-8")).text
    assert (
        "Not measured for this network. study.attribution: layer 0 has activation 'tanh', expected 'relu'"
        in text
    )


def test_batch_norm_has_no_curvature_and_the_noise_of_its_running_statistics(tmp_path):
    folder = tmp_path / "normed"
    assert cli.main(["train", "adding", *SMALL, "--batchnorm", "--out", str(folder)]) == 0
    shown = Reader(study.report(folder).read_text(encoding="utf-8")).text
    assert "Not measured for this network. second derivative: BatchNorm has none" in shown
    assert "the noise scale is" in shown


def test_no_run_is_an_error(tmp_path, capsys):
    assert cli.main(["study", "report", str(tmp_path)]) == 2
    assert "holds no last checkpoint, expected a run's folder or a checkpoint" in capsys.readouterr().err


def test_without_the_libraries_it_says_what_to_install(run, capsys, monkeypatch):
    from indrnn_np.commands import study_report

    monkeypatch.setattr(study_report, "find_spec", lambda name: None)
    assert cli.main(["study", "report", str(run)]) == 2
    assert "matplotlib and jinja2 can't be found" in capsys.readouterr().err


def test_text_is_escaped_and_columns_must_fit():
    table = page.Table("<b>", {"a&b": ["<script>", 1.23456789], "n": np.array([1, 2])})
    document = page.Document("<i>", "x", [page.Section("T", ("1 < 2",), tables=(table,))])
    text = page.render(document)
    assert "<script>" not in text and "&lt;script&gt;" in text and "1 &lt; 2" in text and "a&amp;b" in text
    assert "<td>1.235</td><td>2</td>" in text
    with pytest.raises(ValueError):
        page.render(
            page.Document("t", "", [page.Section("T", tables=(page.Table("h", {"a": [1], "b": []}),))])
        )
