"""The checks find faulty PTX: a barrier removed, an address changed, a loop with another end."""

import pytest

from ptx.calls import drawn
from ptx.mutants import assert_found
from ptx.special_calls import small_constants

# (op, function, sizes, options). 128 time steps fill the groups that the recurrence loads; a load beyond the last time
# step is discarded, so that its address would not matter.
CALLS = (
    ("recurrence", "forward", {"T": 128, "B": 3, "H": 12}, {"activation": "tanh", "lengths": True, "reverse": True}),
    ("indrnn", "backward", {"T": 128, "B": 3, "D": 2, "H": 36},
     {"activation": "relu", "lengths": True, "reverse": False}),
    ("affine", "forward", {"T": 14, "B": 5, "D": 33, "K": 129}, {"every": True}),
    ("batchnorm", "forward", {"T": 9, "B": 17, "H": 33}, {"lengths": True, "per_step": False}),
    ("batchnorm", "backward", {"T": 40, "B": 5, "H": 3}, {"lengths": False, "per_step": True}),
    ("layernorm", "forward", {"T": 5, "B": 2, "H": 40}, {}),
    ("layernorm", "backward", {"T": 5, "B": 2, "H": 40}, {}),
    ("softmax_cross_entropy", "loss", {"T": 9, "B": 5, "K": 40}, {"every": True, "mask": True}),
    ("mse", "loss", {"T": 9, "B": 5, "K": 3}, {"every": True, "mask": True}),
    ("embedding", "backward", {"T": 50, "B": 3, "H": 2, "K": 700}, {"factors": True}),
    ("gradient", "clip_norm", {"T": 40, "H": 16}, {"limit": 0.5}),
    ("dropout", "forward", {"T": 70, "B": 7, "H": 33}, {"rate": 0.3}),
    ("rows", "join", {"T": 5, "B": 3, "D": 2, "H": 4}, {}),
)  # fmt: skip
DRAWS = 5  # another element of a mask may have the same value


@pytest.mark.parametrize(
    ("op", "name", "size", "options"), CALLS, ids=[f"{op}.{name}" for op, name, *_ in CALLS]
)
def test_every_mutant_is_found(op, name, size, options, monkeypatch):
    small_constants(op, monkeypatch)
    assert_found(drawn(op, name, "float32", (size,) * DRAWS, **options), monkeypatch)
