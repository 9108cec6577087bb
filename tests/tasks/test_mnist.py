"""Sequential MNIST on small files of the test's own, and every way in which such files can be wrong."""

import gzip
import struct
import sys
import types

import numpy as np
import pytest
import small_mnist

from indrnn_np import _machine, tasks
from indrnn_np.tasks import idx, mnist


@pytest.fixture
def folder(tmp_path):
    return small_mnist.write(tmp_path / "data")


def get(folder, **options):
    return tasks.get("mnist", data=folder, held_out=10, **options)


def grey(images):
    return ((images / 256 - 0.5) * 2).astype(np.float32)


def test_pixels_come_one_a_step_and_scaled(folder):
    task, images = get(folder), small_mnist.contents()["t10k-images-idx3-ubyte"]
    batches = list(task.evaluation("test", 5))
    assert [batch.x.shape for batch in batches] == [(9, 5, 1), (9, 5, 1), (9, 2, 1)]
    assert all(batch.x.flags.c_contiguous and batch.target.dtype == np.int64 for batch in batches)
    np.testing.assert_array_equal(
        np.concatenate([b.x for b in batches], axis=1)[:, :, 0], grey(images).reshape(12, 9).T
    )
    np.testing.assert_array_equal(np.concatenate([b.target for b in batches]), np.arange(12) % 10)
    assert (task.input_size, task.output_size, task.steps, task.name) == (1, 10, 9, "mnist")


def test_permuted_is_one_fixed_order_of_the_pixels(folder):
    plain, mixed, again = get(folder), get(folder, permuted=True), get(folder, permuted=True)
    assert sorted(mixed.pixels) == list(range(9)) and list(mixed.pixels) != list(range(9))
    for split in ("validation", "test"):
        one, other = next(plain.evaluation(split, 99)), next(mixed.evaluation(split, 99))
        np.testing.assert_array_equal(one.x[mixed.pixels], other.x)
    np.testing.assert_array_equal(mixed.batch(3, 4).x, again.batch(3, 4).x)
    assert mixed.describe()["pixel_order"]["sha256"] != plain.describe()["pixel_order"]["sha256"]
    assert mixed.describe()["pixel_order"]["first"] == [int(i) for i in mixed.pixels[:8]]
    assert get(folder, permuted=True, seed=1).describe()["split"] != mixed.describe()["split"]


def test_the_split_and_the_epochs_cover_the_training_images(folder):
    task = get(folder)
    held = next(task.evaluation("validation", 99))
    epochs = [[task.batch(7 * epoch + i, 4) for i in range(7)] for epoch in (0, 1)]
    assert task.epoch_length(4) == 7 and task.epoch_length(30) == 1
    seen = [np.concatenate([b.x[:, :, 0] for b in epoch], axis=1).T for epoch in epochs]
    everything = grey(small_mnist.contents()["train-images-idx3-ubyte"]).reshape(40, 9)
    key = {tuple(row): i for i, row in enumerate(everything)}
    numbers = [[key[tuple(row)] for row in images] for images in seen]
    held_numbers = {key[tuple(row)] for row in held.x[:, :, 0].T}
    assert len(held_numbers) == 10 and all(len(set(n)) == 28 for n in numbers)  # 30 images, batches of 4
    assert numbers[0] != numbers[1] and not held_numbers & set(numbers[0] + numbers[1])
    assert held_numbers == set(task.split[:10].tolist())
    assert task.describe()["images"] == {"train": 30, "validation": 10, "test": 12}


def test_batches_depend_on_the_iteration_only(folder):
    task = get(folder)
    first = task.batch(20, 4)
    task.batch(3, 4)
    np.testing.assert_array_equal(task.batch(20, 4).x, first.x)
    stream, again = task.evaluation("train", 8, 5), task.evaluation("train", 8, 5)
    one = next(stream)
    np.testing.assert_array_equal(one.x, next(again).x)
    assert (next(stream).x != one.x).any()


def test_an_epoch_can_be_counted_as_the_authors_do(folder):
    task = get(folder, batches_per_epoch=5)
    assert task.epoch_length(6) == 5
    with pytest.raises(
        ValueError, match=r"batches_per_epoch is 5, expected at most 4 for batches of 7 out of 30"
    ):
        task.epoch_length(7)
    with pytest.raises(ValueError, match=r"tasks.Mnist: batch is 31, expected a number from 1 to below 31"):
        task.epoch_length(31)


def test_files_without_gzip(tmp_path, folder):
    plain = get(small_mnist.write(tmp_path / "plain", zipped=False))
    np.testing.assert_array_equal(plain.batch(0, 5).x, get(folder).batch(0, 5).x)


IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
GOOD = small_mnist.idx(small_mnist.contents()["train-images-idx3-ubyte"])


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        (
            IMAGES,
            GOOD[:100],
            r"images-idx3-ubyte.gz has 84 bytes of data, expected 360 for the shape \(40, 3, 3\)",
        ),
        (IMAGES, GOOD + b"x", "has 361 bytes of data, expected 360"),
        (IMAGES, GOOD[:10], "has 10 bytes, expected at least 16 for its header"),
        (IMAGES, b"", "has 0 bytes, expected at least 4 for the magic number"),
        (
            IMAGES,
            b"\x00\x00\x08\x01" + GOOD[4:],
            "has magic number 2049, expected 2051 for unsigned bytes with 3 axes",
        ),
        (
            IMAGES,
            struct.pack(">4I", 2051, 2**32 - 1, 2**32 - 1, 2**32 - 1),
            "has 0 bytes of data, expected 7922816",
        ),
        (
            IMAGES,
            small_mnist.idx(np.zeros((0, 3, 3))),
            r"labels-idx1-ubyte.gz holds 40 labels, expected 0 to match",
        ),
        (IMAGES, gzip.compress(GOOD)[:-20], "is a damaged gzip file .*, expected a file that unpacks"),
        (IMAGES, gzip.compress(GOOD)[:-8] + b"\0" * 8, "is a damaged gzip file .*CRC"),
        (IMAGES, b"\x1f\x8b" + GOOD, "is a damaged gzip file"),
        (LABELS, small_mnist.idx(np.arange(39)), "holds 39 labels, expected 40 to match"),
        (
            LABELS,
            small_mnist.idx(np.append(np.arange(39) % 10, 255)),
            "train-labels-idx1-ubyte.gz has labels from 0 to 255 but no 10, expected every class at least once",
        ),
        (
            "t10k-labels-idx1-ubyte.gz",
            small_mnist.idx(np.full(12, 10)),
            "t10k-labels-idx1-ubyte.gz has label 10 at position 0, expected 0 to 9 to match .*train-labels",
        ),
        (
            "t10k-images-idx3-ubyte.gz",
            small_mnist.idx(np.zeros((12, 2, 2))),
            "has 2 x 2 pixels per image, expected 3 x 3 pixels",
        ),
        (
            "t10k-images-idx3-ubyte.gz",
            small_mnist.idx(np.zeros((12, 1, 9))),
            "has 1 x 9 pixels per image, expected 3 x 3 pixels",
        ),
        (IMAGES, gzip.compress(GOOD + b"xy", mtime=0), "has 361 bytes of data, expected 360"),
        (
            IMAGES,
            gzip.compress(struct.pack(">4I", 2051, 2**31, 2**31, 2**31), mtime=0),
            f"has [0-9]+ bytes of data, expected {2**93} for the shape",
        ),
    ],
)
def test_files_are_not_trusted(folder, name, data, words):
    (folder / name).write_bytes(data)
    with pytest.raises(ValueError, match=words):
        get(folder)


def test_missing_files(folder, tmp_path):
    (folder / LABELS).unlink()
    with pytest.raises(
        FileNotFoundError, match=r"has no train-labels-idx1-ubyte, expected a folder with the four idx files"
    ):
        get(folder)
    with pytest.raises(
        FileNotFoundError, match=r"tasks.Mnist: data is '.*nowhere', expected a folder with the four"
    ):
        get(tmp_path / "nowhere")


def test_a_file_that_unpacks_to_more_than_there_is_memory(folder, monkeypatch):
    monkeypatch.setattr(_machine, "available_memory", lambda: (100, "a limit"))
    with pytest.raises(
        MemoryError, match=r"train-images-idx3-ubyte.gz unpacked needs 3.35e-07 GiB, expected at most"
    ):
        get(folder)


@pytest.mark.parametrize("place", ["", "raw", "MNIST/raw", "mnist"])
@pytest.mark.parametrize("form", ["{}.gz", "{}", "dotted"])
def test_files_as_people_have_them(tmp_path, folder, place, form):
    """The names and folders of torchvision, of Kaggle's copies and of Fashion-MNIST."""
    for name, array in small_mnist.contents().items():
        path = (
            tmp_path
            / "root"
            / place
            / (form.format(name) if form != "dotted" else name.replace("-idx", ".idx"))
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        data = small_mnist.idx(array)
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
        path.with_name(f"._{path.name}").write_bytes(b"macOS")
    np.testing.assert_array_equal(get(tmp_path / "root").batch(3, 4).x, get(folder).batch(3, 4).x)


def test_a_folder_with_several_images(tmp_path):
    for name in ("MNIST", "FashionMNIST"):
        small_mnist.write(tmp_path / name / "raw", seed=len(name))
    with pytest.raises(
        ValueError, match=r"holds the images of FashionMNIST, MNIST, expected one of them \(--name"
    ):
        get(tmp_path)
    for name in ("MNIST", "FashionMNIST"):
        one, other = get(tmp_path, name=name), get(tmp_path / name)
        np.testing.assert_array_equal(one.batch(0, 4).x, other.batch(0, 4).x)
    with pytest.raises(FileNotFoundError, match=r"name is 'KMNIST', expected one of 'FashionMNIST', 'MNIST'"):
        get(tmp_path, name="KMNIST")


def emnist(folder, classes, first):
    """Write the letters' files, whose images are stored with rows and columns exchanged."""
    rng = np.random.default_rng(classes)
    images = {}
    for split, count in (("train", 3 * classes), ("test", classes)):
        images[split] = rng.integers(0, 256, (count, 2, 4))
        files = {
            "images-idx3": images[split].transpose(0, 2, 1),
            "labels-idx1": first + np.arange(count) % classes,
        }
        for part, array in files.items():
            name = f"emnist-set{classes}-{split}-{part}-ubyte.gz"
            (folder / name).write_bytes(gzip.compress(small_mnist.idx(array)))
    return images


def test_emnist_has_its_own_names_classes_and_exchanged_rows_and_columns(tmp_path):
    written = {classes: emnist(tmp_path, classes, first) for classes, first in ((26, 1), (47, 0))}
    with pytest.raises(
        ValueError, match="holds the images of emnist-set26, emnist-set47, expected one of them"
    ):
        get(tmp_path)
    for classes, first in ((26, 1), (47, 0)):
        task = get(tmp_path, name=f"emnist-set{classes}")
        test = next(task.evaluation("test", 99))
        assert task.output_size == classes and task.steps == 8
        assert test.target.tolist() == list(range(classes))
        np.testing.assert_array_equal(test.x[:, :, 0], grey(written[classes]["test"]).reshape(classes, 8).T)
        assert task.describe()["labels"] == [first, first + classes - 1]


def test_the_share_that_is_held_out(folder):
    """3000 images if not set, of 3000 or fewer a share of them."""
    assert [mnist._held_out(None, count) for count in (60_000, 3001, 3000, 40, 2)] == [3000, 3000, 150, 2, 1]
    sizes = {None: (38, 2), 0.05: (38, 2), 0.25: (30, 10), 10: (30, 10), 1: (39, 1), 0: (40, 0)}
    for held_out, (train, validation) in sizes.items():
        task = tasks.get("mnist", data=folder, held_out=held_out)
        assert task.describe()["images"] == {"train": train, "validation": validation, "test": 12}
    assert task.splits == ("test",) and tasks.get("mnist", data=folder).describe()["images"]["train"] == 38
    assert (tasks.get("mnist", data=folder, held_out=0.25).split == get(folder).split).all()
    for held_out, words in [
        (40, "held_out is 40, expected a number from 0.0 to below 40"), (1.5, "held_out is 1.5, expected a number of"),
        (-1, "held_out is -1"), (float("nan"), "held_out is nan"), (0.999, "images left to train on is 0"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=words):
            tasks.get("mnist", data=folder, held_out=held_out)


def test_no_images(tmp_path):
    (tmp_path / "empty").write_bytes(small_mnist.idx(np.zeros((0, 3, 3))))
    assert idx.read(tmp_path / "empty", 3).shape == (0, 3, 3)


def test_the_download_compares_checksums_and_names_the_files(folder, monkeypatch, tmp_path):
    asked = []

    def retrieve(url, known_hash, fname, path):
        asked.append((url, known_hash))
        return str(folder / fname)

    monkeypatch.setitem(
        sys.modules, "pooch", types.SimpleNamespace(retrieve=retrieve, os_cache=lambda _: tmp_path)
    )
    assert tasks.get("mnist", held_out=10).steps == 9
    assert len(asked) == 4 and all(url.endswith(".gz") and known.startswith("md5:") for url, known in asked)

    def offline(url, known_hash, fname, path):
        raise ConnectionError("no route to host\nmore")

    monkeypatch.setattr(sys.modules["pooch"], "retrieve", offline)
    with pytest.raises(
        OSError, match=r"the download from .* failed \(no route to host\).*pass their folder as data"
    ):
        tasks.get("mnist")
