"""safetensors files with a digest, and files of other programs."""

import json

import numpy as np
import pytest

from indrnn_np._files import tensors

ARRAYS = {"b": np.arange(3.0), "a": np.ones((2, 3), np.float32), "empty": np.zeros((0, 2), np.int64)}


def test_arrays_and_texts_come_back(tmp_path):
    path = tmp_path / "a.safetensors"
    tensors.write("test", path, ARRAYS, {"note": "ä\n", "none": ""})
    arrays, texts = tensors.read("test", path)
    assert texts == {"note": "ä\n", "none": ""} and set(arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array, strict=True)


def test_the_digest_depends_on_everything_but_the_order():
    digests = {tensors.digest(ARRAYS, {"x": "1"}), tensors.digest(dict(reversed(ARRAYS.items())), {"x": "1"})}
    assert len(digests) == 1
    for name, changed in [("b", np.arange(3)), ("a", np.ones((3, 2), np.float32)), ("c", np.arange(3.0))]:
        digests.add(tensors.digest({**ARRAYS, name: changed}, {"x": "1"}))
    digests |= {tensors.digest(ARRAYS, {"x": "2"}), tensors.digest(ARRAYS, {})}
    assert len(digests) == 6


def crafted(path, entry, data):
    """Write a file by hand; the library of NumPy arrays writes no such types."""
    header = json.dumps(
        {"x": entry | {"data_offsets": [0, len(data)]}, "__metadata__": {"sha256": "0"}}
    ).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)


@pytest.mark.parametrize(
    ("entry", "data", "words"),
    [
        ({"dtype": "BF16", "shape": [1]}, b"\0\0", r"is damaged \("),
        ({"dtype": "F8_E4M3", "shape": [1]}, b"\0", r"is damaged \("),
        ({"dtype": "F32", "shape": [2**40, 2**40]}, b"\0\0\0\0", r"is damaged \(.*[Oo]verflow"),
        ({"dtype": "F32", "shape": [2]}, b"\0\0\0\0", r"is damaged \("),
        (
            {"dtype": "F32", "shape": [1]},
            b"\0\0\0\0",
            r"is damaged \(its sha256 differs\), expected a safetensors",
        ),
    ],
)
def test_odd_types_and_sizes_are_refused(tmp_path, entry, data, words):
    path = tmp_path / "a.safetensors"
    crafted(path, entry, data)
    with pytest.raises(ValueError, match=f"test: .*a.safetensors {words}"):
        tensors.read("test", path)
