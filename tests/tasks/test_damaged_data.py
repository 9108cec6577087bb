"""Every file that a task reads, damaged at random: it is refused in one sentence, or read as something that fits."""

import os
import random

import numpy as np
import pytest
import small_mnist
import small_skeletons
import small_texts

from indrnn_np import tasks

TS = """# notes
@timeStamps {stamps}
@missing true
@dimensions 2
@classLabel true up down  % two
@data
{rows}
"""
ROWS = {
    "false": "0.5,?,2:1,2,3:up\n1e-1:4:down\n1,2:3,4:up\n7:8:down",
    "true": "(0,1),(1,2.5):(0,3),(1,?):up\n(2007-01-01 00:00:00,1):(2007-01-01 00:00:00,2):down",
}
COUNT = int(os.environ.get("MUTATIONS", "25"))  # of each reader
JUNK = [
    b"",
    b"\0",
    b"\xff",
    b"\n",
    b"\r",
    b":",
    b",",
    b"@",
    b"#",
    b"-",
    b"nan",
    b"inf",
    b"1e999",
    b"9" * 30,
    b"\xef\xbb\xbf",
]


def ts(folder, stamps):
    for split in ("TRAIN", "TEST"):
        (folder / f"P_{split}.ts").write_text(TS.format(stamps=stamps, rows=ROWS[stamps]))
    return folder


def images(folder, zipped):
    return small_mnist.write(folder / "data", zipped, train=20, test=10, side=2)


def sequences(folder, save):
    save(folder / "a.npz", x=np.arange(12.0).reshape(3, 2, 2), y=np.array([0, 1]), lengths=np.array([1, 3]),
         x_test=np.ones((1, 1, 2)), y_test=np.array([1]))  # fmt: skip
    return folder / "a.npz"


def recordings(folder, _):
    samples = {small_skeletons.name(performer=p): 3 for p in (1, 2, 3)}
    return small_skeletons.write(folder / "skeletons", samples)


def treebank(folder, text):
    for split in ("train", "valid", "test"):
        (folder / f"ptb.{split}.txt").write_text(text)
    return folder


READERS = {  # task, how its files are written, with what; options; whether a checksum guards all of it
    "ts": ("uea", ts, "false", {"missing": "linear"}, False),
    "ts-zero": ("uea", ts, "false", {"missing": "zero", "dtype": "float64"}, False),
    "ts-times": ("uea", ts, "true", {"missing": "zero"}, False),
    "idx": ("mnist", images, False, {}, False),
    "idx-gz": ("mnist", images, True, {}, True),
    "npz": ("sequences", sequences, np.savez, {}, True),
    "npz-packed": ("sequences", sequences, np.savez_compressed, {"dtype": "float64"}, True),
    "skeleton": ("skeleton", recordings, None, {"steps": 4}, False),
    "chars": ("chars", lambda folder, _: small_texts.write(folder), None, {"steps": 8}, False),
    "words": ("words", lambda folder, _: small_texts.write(folder), None, {"steps": 8}, False),
    "treebank": ("words", treebank, "a b\nb a c\n" * 20, {"steps": 2}, False),
}


def damage(rng, data, other):
    """Return the content of a file after one or two of the accidents that happen to files."""
    for _ in range(rng.choice((1, 1, 2))):
        data, i = bytearray(data), rng.randrange(len(data) + 1)
        j = min(len(data), i + rng.choice((1, 2, 8, 60)))
        kind = rng.randrange(6)
        if kind == 0:
            data = data[:i]
        elif kind == 1 and i < len(data):
            data[i] ^= 1 << rng.randrange(8)
        elif kind == 2:
            data[i:j] = rng.choice(JUNK)
        elif kind == 3:
            data[i:i] = data[i:j]
        elif kind == 4:
            del data[i:j]
        else:
            data = bytearray(other[: rng.randrange(len(other) + 1)]) + data[i:]
    return bytes(data)


def load(task, data, options):
    """Return what a task tells about its data and a batch of each kind, all of it finite."""
    of = tasks.get(task, data=data, **options)
    batches = [of.batch(0, 1), *(batch for split in of.splits for batch in of.evaluation(split, 3))]
    for batch in batches:
        assert np.isfinite(batch.x).all() and np.isfinite(batch.target).all()
    return [
        array.tobytes()
        for batch in batches
        for array in (batch.x, batch.target, batch.lengths)
        if array is not None
    ]


@pytest.mark.parametrize("reader", READERS)
def test_a_damaged_file_is_refused_in_one_sentence_or_fits(reader, tmp_path):
    task, write, how, options, guarded = READERS[reader]
    data, rng = write(tmp_path, how), random.Random(reader)
    whole = load(task, data, options)
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    contents = {path: path.read_bytes() for path in files}
    refused = 0
    for number in range(COUNT):
        path = rng.choice(files)
        path.write_bytes(damage(rng, contents[path], contents[rng.choice(files)]))
        try:
            found = load(task, data, options)
        except (ValueError, OSError, MemoryError) as error:
            refused += 1
            sentence = str(error)
            assert ", expected " in sentence and "\n" not in sentence, (number, path, sentence)
            assert type(error) in (ValueError, FileNotFoundError, MemoryError), (number, path, error)
        else:
            assert not guarded or found == whole, (number, path)
        path.write_bytes(contents[path])
    assert refused
