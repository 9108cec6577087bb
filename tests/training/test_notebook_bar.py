"""A notebook with a training run: one live bar, no red lines, and figures without a magic."""

import os

import nbclient
import nbformat
import pytest

CELLS = [
    "import numpy as np, indrnn_np as ir",
    """x = np.random.default_rng(0).random((6, 40, 2), dtype="float32")
net = ir.plain(2, 4, 1, layers=1, steps=6, backend="reference")
result = ir.fit(net, (x, x.sum(axis=(0, 2))[:, None]), ir.Adam(), iterations=30, batch=20, log_every=10,
                validation=0.25, validate_every=15)
result""",
    "net",
    "ir.study.gradient_flow(net, x, x.sum(axis=(0, 2))[:, None])",
    "result.plot()",
    "import matplotlib.pyplot as plt\nresult.plot()",
]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The outputs of each cell, after a run in a kernel."""
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    folder = tmp_path_factory.mktemp("notebook")
    env = os.environ | {"IPYTHONDIR": str(folder / "ipython")}
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute(
        env=env
    )
    return [cell["outputs"] for cell in notebook["cells"]]


def test_nothing_is_red(outputs):
    assert not [output for cell in outputs for output in cell if output.get("name") == "stderr"]


def test_training_draws_one_bar_which_ends_at_the_last_iteration(outputs):
    *shown, last = outputs[1]
    (bar,) = (output for output in shown if output["output_type"] == "display_data")
    assert "30/30" in bar["data"]["text/plain"]
    text = "".join(output["text"] for output in shown if output["output_type"] == "stream")
    assert text.count("iteration 30/30") >= 1 and "validation mse" in text and "\x1b" not in text
    assert last["data"]["text/plain"].startswith("<Result of arrays: 30 iterations")


def test_a_network_is_a_table(outputs):
    (shown,) = outputs[2]
    assert "<table>" in shown["data"]["text/html"] and shown["data"]["text/plain"].startswith(
        "<Sequential on"
    )


def test_a_finding_is_its_sentence_and_its_figure(outputs):
    (shown,) = outputs[3]
    assert 'src="data:image/png;base64,iVBOR' in shown["data"]["text/html"]
    assert shown["data"]["text/plain"].startswith("<Flow ")
    assert shown["data"]["text/html"].startswith("<p>Flow: ")


@pytest.mark.parametrize("cell", [4, 5], ids=["without pyplot", "with pyplot"])
def test_a_figure_is_shown_once(outputs, cell):
    (shown,) = outputs[cell]
    assert "image/png" in shown["data"]
