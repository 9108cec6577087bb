"""The gallery: every wrong backward is caught in the op too, every right one passes, every hiding place hides."""

import numpy as np
import pytest
from saved_arrays import read_npz

from indrnn_np._gradcheck import GradientError, gradcheck
from indrnn_np.backend import get
from indrnn_np.commands import cli
from indrnn_np.ops.recurrence import reference
from indrnn_np.ops.recurrence.activation import ACTIVATIONS
from indrnn_np.study import backwards
from indrnn_np.study.bugs import GALLERY, bugs, scan

NAMES = [bug.name for bug in GALLERY]
SCANS = [bug for bug in GALLERY if bug.setting is scan and bug.right is backwards.recurrence]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_all_are_caught_where_they_show_and_none_where_they_hide(seed):
    found = bugs(seed)
    assert list(dict.fromkeys(found.bugs)) == NAMES and len(NAMES) >= 8
    assert (found.caught == ~found.hides).all() and all(
        found.hides[i] for i, w in enumerate(found.wrong) if not w
    )
    assert found.right.max() < found.tolerance / 100
    assert found.errors[~found.hides].min() > 1000 * found.tolerance
    assert {bug for bug, hides in zip(found.bugs, found.hides, strict=True) if hides} == set(NAMES)
    shown = {bug: wrong for bug, wrong in zip(found.bugs, found.wrong, strict=True) if wrong}
    assert shown["h_0 forgotten in du"] == shown["wrong time index in du"] == shown["mean for a sum"] == "du"
    assert shown["carry forgotten"] == "da, du, dh0" and shown["matrix not transposed"] == "dx"
    assert f"{len(NAMES)} of {len(NAMES)} wrong backward passes are caught" in found.words()
    assert set(found.table()["result"]) == {"caught", "passes"}


@pytest.mark.parametrize("T,B,H", [(1, 1, 1), (6, 3, 5), (9, 2, 1)])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_right_ones_are_those_of_the_ops(T, B, H, activation):
    rng = np.random.default_rng(1)
    a, u, h0, dhT = (rng.normal(size=s) for s in ((T, B, H), (H,), (B, H), (B, H)))
    lengths = rng.integers(1, T + 1, B)
    for ends in (None, lengths):
        h = reference.forward(a, u, h0, activation, ends)
        dh = rng.normal(size=a.shape)
        expected = reference.backward(dh, h, u, dhT, activation, ends)
        right = backwards.recurrence if ends is None else backwards.recurrence_with_lengths
        found = right(dh, dhT, h, u, ACTIVATIONS[activation].array_dphi, *([] if ends is None else [ends]))
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("bug", SCANS, ids=lambda bug: bug.name)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_planted_in_the_op_gradcheck_names_the_same_gradients(bug, activation, backend, monkeypatch):
    def planted(dh, h, u, dhT=None, activation="relu", lengths=None, reverse=False, out=None):
        return bug.wrong(dh, dhT, h, u, ACTIVATIONS[activation].array_dphi)

    monkeypatch.setattr(get(backend).recurrence, "backward", planted)
    with pytest.raises(GradientError, match="wrong gradient of") as caught:
        gradcheck("recurrence", backend=backend, T=6, B=3, H=5, activation=activation)
    named = set(str(caught.value).splitlines()[0].split("wrong gradient of ")[1].split(", "))
    expected = (
        {"u"}
        if bug.name in ("h_0 forgotten in du", "wrong time index in du", "mean for a sum")
        else {"a", "u", "h0"}
    )
    assert named == expected


def test_the_command(tmp_path, capsys, figure):
    assert cli.main(["study", "bugs", "--out", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in NAMES) and "wrong backward passes are caught" in told
    assert {path.name for path in tmp_path.iterdir()} == {"bugs.npz", "bugs.csv", "bugs.json", "bugs.png"}
    (axes,) = figure[0].axes
    assert axes.get_xlabel() == "relative error of a derivative" and axes.get_xscale() == "log"
    assert not axes.patches and {line.get_marker() for line in axes.lines[:3]} == {"o"}  # dots, no bars
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels[0] == f"{NAMES[0].replace('h_0', '$h_0$')}: random numbers" and len(labels) == len(
        read_npz(tmp_path / "bugs.npz")["errors"]
    )
    assert cli.main(["study", "bugs", "--json", "--out", str(tmp_path)]) == 0
    assert '"kind": "bugs"' in capsys.readouterr().out
