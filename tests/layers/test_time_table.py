"""The table behind time="auto": what the package ships, how it is read, and which files are refused."""

import json

import pytest

from indrnn_np import backend
from indrnn_np.layers import time_table
from indrnn_np.ops.recurrence.activation import ACTIVATIONS

CPU = {"source": "a test", "least_steps": {"relu": [[16, 1000], [64, 5000]], "tanh": []}}
GOOD = {"format": "indrnn_np time table", "version": 1, "backends": {"cpu": CPU}}


def write(folder, content):
    path = folder / "table.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_the_shipped_table_has_every_backend_and_activation():
    table = time_table.shipped()
    assert {*table.least_steps} == {*backend.NAMES}
    for activations in table.least_steps.values():
        assert {*activations} == {*ACTIVATIONS}


@pytest.mark.parametrize(("activation", "steps", "columns", "expected"), [
    ("relu", 999, 1, "serial"), ("relu", 1000, 16, "parallel"), ("relu", 1000, 17, "serial"),
    ("relu", 5000, 64, "parallel"), ("relu", 10**9, 65, "serial"), ("tanh", 10**9, 1, "serial"),
])  # fmt: skip
def test_the_first_pair_with_enough_columns_counts(tmp_path, activation, steps, columns, expected):
    table = time_table.read(write(tmp_path, GOOD))
    assert table.choice("cpu", activation, steps, columns) == expected


def test_an_entry_that_is_missing(tmp_path):
    table = time_table.read(write(tmp_path, GOOD))
    for name, activation in (("cuda", "relu"), ("cpu", "sigmoid")):
        words = f"time table: .*table.json has no entry for backend '{name}' and activation '{activation}', expected"
        with pytest.raises(ValueError, match=words):
            table.choice(name, activation, 100, 1)


def with_pairs(pairs):
    return GOOD | {"backends": {"cpu": {"source": "a test", "least_steps": {"relu": pairs}}}}


@pytest.mark.parametrize(("content", "words"), [
    ("relu", r"table.json is not JSON \(.*\), expected an object"),
    ("[]", r"table.json is \[\], expected an object"),
    ({}, "table.json has format None, expected 'indrnn_np time table'"),
    (GOOD | {"version": 2}, "table.json has version 2, expected at most 1 because"),
    (GOOD | {"backends": []}, r"table.json: backends is \[\], expected an object"),
    (GOOD | {"backends": {"cpu": {"source": "x"}}}, "table.json: backends.cpu has no 'least_steps'"),
    (with_pairs([[16, 0]]), r"least_steps.relu is \[\[16, 0\]\], expected a list of pairs \[columns, least steps\]"),
    (with_pairs([[16, 10], [16, 20]]), "expected a list of pairs .*, with increasing columns"),
    (with_pairs([[16]]), "expected a list of pairs"),
    (with_pairs(16), "expected a list of pairs"),
])  # fmt: skip
def test_a_file_that_is_no_table(tmp_path, content, words):
    with pytest.raises(ValueError, match=f"^time table: .*{words}"):
        time_table.read(write(tmp_path, content))


def test_a_file_that_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"time table: .*no.json is not a file, expected a JSON file"):
        time_table.read(tmp_path / "no.json")
