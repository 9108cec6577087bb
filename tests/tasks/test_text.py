"""Texts as tasks: how they are cut into symbols, splits, lanes and windows, and what is wrong with a file."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import small_texts
from hypothesis import given
from hypothesis import strategies as st

from indrnn_np import tasks
from indrnn_np.tasks import corpus

TREEBANK = {"train": "a cat\n the cat <unk>  \n\nthe end\n", "valid": "the cat\n", "test": "a <unk> end\n"}


def treebank(folder, texts=TREEBANK, prefix="ptb."):
    folder.mkdir(parents=True, exist_ok=True)
    for split, text in texts.items():
        (folder / f"{prefix}{split}.txt").write_bytes(text.encode())
    return folder


def written(loaded, split):
    return [loaded.vocabulary[i] for i in loaded.ids[split]]


# -- symbols and splits --------------------------------------------------------------------------------------


def test_one_file_is_split_by_characters(tmp_path):
    text = small_texts.text(1000)
    loaded = corpus.load("test", small_texts.write(tmp_path, length=1000), False)
    assert loaded.vocabulary == sorted(set(text))
    for split, part in {"train": text[:900], "validation": text[900:950], "test": text[950:]}.items():
        assert written(loaded, split) == list(part)
        assert loaded.ids[split].dtype == np.int32


def test_line_ends_and_other_alphabets(tmp_path):
    text = "äbc\r\n☃ é\u2028x\n" * 20  # the line separator of Unicode is a symbol, not a line's end
    (tmp_path / "text.txt").write_bytes(b"\xef\xbb\xbf" + text.encode())
    loaded = corpus.load("test", tmp_path / "text.txt", False)
    assert "".join(s for split in corpus.SPLITS for s in written(loaded, split)) == text.replace("\r\n", "\n")
    assert loaded.vocabulary == sorted(set(text) - {"\r"})


def test_words_end_lines_with_a_word_of_their_own(tmp_path):
    loaded = corpus.load("test", treebank(tmp_path), True)
    assert loaded.vocabulary == ["<eos>", "<unk>", "a", "cat", "end", "the"]
    assert written(loaded, "train") == "a cat <eos> the cat <unk> <eos> <eos> the end <eos>".split()
    assert written(loaded, "validation") == ["the", "cat", "<eos>"]
    assert len(loaded.ids["test"]) == 4


def test_characters_of_a_treebank_are_the_same_in_both_forms(tmp_path):
    lines = corpus.load("test", treebank(tmp_path / "words"), False)
    assert "".join(written(lines, "train")) == "a_cat\nthe_cat_<unk>\n\nthe_end\n"
    spaced = {k: "".join(" ".join(line.strip(" ").replace(" ", "_")) + "\n" for line in text.split("\n")[:-1])
              for k, text in TREEBANK.items()}  # fmt: skip
    single = corpus.load("test", treebank(tmp_path / "single", spaced, "ptb.char."), False)
    assert (single.vocabulary, single.sha256) == (lines.vocabulary, lines.sha256)
    for split in corpus.SPLITS:
        assert np.array_equal(single.ids[split], lines.ids[split])


def test_the_treebank_in_its_published_form(tmp_path):
    """Word files have outer spaces; character files end each line in a space, which is no symbol."""
    words = dict.fromkeys(("train", "valid", "test"), " a cat sat on N mats \n the <unk> sat \n")
    loaded = corpus.load("test", treebank(tmp_path / "words", words), True)
    assert written(loaded, "train") == "a cat sat on N mats <eos> the <unk> sat <eos>".split()
    characters = dict.fromkeys(words, "t h e _ < u n k > \nN _ a \n")
    loaded = corpus.load("test", treebank(tmp_path / "characters", characters, "ptb.char."), False)
    assert "".join(written(loaded, "train")) == "the_<unk>\nN_a\n"
    assert loaded.vocabulary == sorted("the_<unk>\nNa")


@given(
    st.lists(st.text(st.characters(blacklist_characters="\r\ufeff", codec="utf-8"), max_size=12), max_size=6)
)
def test_parsing_loses_nothing(lines):
    text = "\n".join(lines)
    assert "".join(corpus.parse("text", text.split("\n"))) == text
    words = corpus.parse("words", text.split("\n"))
    assert [w for w in words if w != corpus.END] == text.replace("\n", " ").split()


def test_the_baseline_is_the_guess_by_frequency(tmp_path):
    task = small_texts.chars(tmp_path)
    counts = Counter(task.corpus.ids["train"].tolist())
    total = sum(counts.values())
    nats = -sum(n / total * math.log(n / total) for n in counts.values())
    assert task.baseline == pytest.approx(nats / math.log(2)) and task.baseline < math.log2(task.input_size)
    words = tasks.get(
        "words", data=treebank(tmp_path / "words", {k: v * 9 for k, v in TREEBANK.items()}), steps=2
    )
    assert words.metric == "perplexity" and 1 < words.baseline < words.input_size == words.output_size == 6


def test_what_a_checkpoint_needs_is_described(tmp_path):
    told = small_texts.chars(tmp_path).describe()
    assert told["vocabulary"] == sorted(small_texts.SYMBOLS)
    assert told["symbols"] == {"train": 810, "validation": 45, "test": 45}
    assert len(set(told["sha256"].values())) == 3 and told["reset"] == 0.0
    (tmp_path / "text.txt").write_text(small_texts.text(seed=1))
    other = tasks.get("chars", data=tmp_path / "text.txt").describe()
    assert other["vocabulary"] == told["vocabulary"] and other["sha256"] != told["sha256"]


def plain(tmp_path, text, words=True):
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    return corpus.load("test", tmp_path / "text.txt", words)


def test_words_that_training_has_not_are_unknown(tmp_path):
    text = "a b once a b\n" * 9 + "a b rare twice twice a b\n" + "a new\nb a\n"
    loaded = plain(tmp_path, text)
    assert loaded.vocabulary == ["<eos>", "<unk>", "a", "b", "once", "twice"]
    assert "".join(f"{s} " for split in corpus.SPLITS for s in written(loaded, split)) == (
        text.replace("rare", "<unk>").replace("new", "<unk>").replace("\n", " <eos> ")
    )
    assert loaded.unknown() == {"train": 1, "validation": 1, "test": 0}
    own = plain(tmp_path, text.replace("once", "<unk>"))
    assert own.unknown()["train"] == 9 and "rare" in own.vocabulary  # a text that somebody has prepared
    assert plain(tmp_path, text.replace("new", "a")).vocabulary == [
        "<eos>",
        "a",
        "b",
        "once",
        "rare",
        "twice",
    ]


def test_one_line_of_words_has_no_line_ends(tmp_path):
    """The last line's <eos>, which stands in no file, was refused as unknown."""
    for end in ("", "\n", "\na b\n"):
        loaded = plain(tmp_path, "a b " * 50 + end)
        assert loaded.vocabulary == ["a", "b"] and loaded.unknown() == {}
        assert sum(len(ids) for ids in loaded.ids.values()) == 100 + 2 * (len(end) > 1)


def test_a_character_may_come_late(tmp_path):
    loaded = plain(tmp_path, "ab\n" * 40 + "a\nbxa\n", words=False)
    assert loaded.vocabulary == ["\n", "a", "b", "x"] and "x" in written(loaded, "test")
    assert 3 not in loaded.ids["train"] and math.isfinite(loaded.entropy())
    task = tasks.get("chars", data=tmp_path / "text.txt", steps=5)
    assert task.output_size == 4 and task.baseline == pytest.approx(math.log2(3), abs=0.01)


# -- lanes and windows ---------------------------------------------------------------------------------------


@given(size=st.integers(1, 12), steps=st.integers(1, 30), seed=st.integers(0, 5))
def test_an_epoch_reads_every_lane_window_by_window(tmp_path_factory, size, steps, seed):
    folder = tmp_path_factory.mktemp("text")
    task = tasks.get("chars", data=small_texts.write(folder), steps=steps, seed=seed)
    ids, length = task.corpus.ids["train"], task.epoch_length(size)
    assert length >= 1
    for epoch in (0, 3):
        batches = [task.batch(epoch * length + k, size) for k in range(length)]
        assert [b.carry for b in batches] == [False] + [True] * (length - 1)
        x, target = (np.concatenate(parts) for parts in zip(*((b.x, b.target) for b in batches), strict=True))
        assert x.shape == target.shape == (length * steps, size)
        assert np.array_equal(x[1:], target[:-1])
        for lane in x.T:  # each lane is a part of the text
            found = [i for i in range(len(ids) - len(lane)) if np.array_equal(ids[i : i + len(lane)], lane)]
            assert found
    skipped = len(ids) - 1 - length * steps * size
    assert skipped < 5 * steps + size * steps  # at most the offset, and less than a window of each lane


def test_epochs_begin_at_places_of_their_own(tmp_path):
    task = small_texts.chars(tmp_path, steps=10)
    length, ids = task.epoch_length(3), task.corpus.ids["train"]
    starts = set()
    for epoch in range(60):
        first = task.batch(epoch * length, 3).x[:, 0]
        places = [i for i in range(50) if np.array_equal(ids[i : i + 10], first)]
        assert places
        starts.add(places[0])
    assert len(starts) > 20 and max(starts) > 35


def test_a_batch_is_a_function_of_seed_iteration_and_size(tmp_path):
    task, again = (small_texts.chars(tmp_path, reset=0.3) for _ in range(2))
    wanted = [(i, size) for i in (0, 57, 3, 1000) for size in (4, 2)]
    for i, size in wanted + wanted[::-1]:
        one, other = task.batch(i, size), again.batch(i, size)
        assert one.x.tobytes() == other.x.tobytes() and one.carry == other.carry
    other = tasks.get("chars", data=tmp_path / "text.txt", steps=8, seed=4)
    assert any(not np.array_equal(other.batch(i, 4).x, task.batch(i, 4).x) for i in range(3))


@pytest.mark.parametrize("reset", [0.0, 0.25, 1.0])
def test_the_share_of_windows_that_start_anew(tmp_path, reset):
    task = small_texts.chars(tmp_path, reset=reset)
    length, plain = task.epoch_length(5), small_texts.chars(tmp_path)
    batches = [task.batch(i, 5) for i in range(600)]
    carried = [b.carry for i, b in enumerate(batches) if i % length]
    assert abs(1 - np.mean(carried) - reset) < 5 * math.sqrt(reset * (1 - reset) / len(carried)) + 1e-9
    for i in (0, 3, 40):
        assert np.array_equal(batches[i].x, plain.batch(i, 5).x)  # the place in the text is the same


@given(size=st.integers(1, 70), steps=st.integers(1, 60))
def test_an_evaluation_tells_every_symbol_but_the_first_once(tmp_path_factory, size, steps):
    task = tasks.get("chars", data=small_texts.write(tmp_path_factory.mktemp("text")), steps=steps)
    ids = task.corpus.ids["validation"]
    lanes = [[] for _ in range(size)]
    for k, batch in enumerate(task.evaluation("validation", size)):
        assert batch.carry == (k > 0) and len(batch.x) <= steps
        counted = np.ones(batch.x.shape, bool) if batch.mask is None else batch.mask
        for b in range(batch.x.shape[1]):
            lanes[b] += list(zip(batch.x[counted[:, b], b], batch.target[counted[:, b], b], strict=True))
    pairs = [pair for lane in lanes for pair in lane]
    assert pairs == list(itertools.pairwise(ids))


def test_training_samples_for_statistics(tmp_path):
    task = small_texts.chars(tmp_path)
    """Ten windows that go on from 50 places, then ten from others."""
    windows = list(itertools.islice(task.evaluation("train", 50, 7), 20))
    assert [batch.carry for batch in windows] == [False, *[True] * 9] * 2
    for first, second in itertools.pairwise(windows):
        assert first.x.shape == (8, 50) and np.array_equal(first.x[1:], first.target[:-1])
        assert np.array_equal(first.target[-1], second.x[0]) == second.carry


# -- what is wrong -------------------------------------------------------------------------------------------


def test_wrong_encoding_names_the_line(tmp_path):
    (tmp_path / "text.txt").write_bytes(b"abc\nde\xffgh\n" * 9)
    with pytest.raises(
        ValueError, match=r"tasks.Chars: .*text.txt, line 2, holds the byte 0xff, expected text in UTF-8"
    ):
        tasks.get("chars", data=tmp_path / "text.txt")


@pytest.mark.parametrize(
    ("words", "texts", "place"),
    [
        (
            True,
            {"test": "a cat\nthe  dog end\n"},
            r"ptb.test.txt, line 2, column 6, has 'dog' in the test text",
        ),
        (True, {"valid": "the dog\n"}, r"ptb.valid.txt, line 1, column 5, has 'dog' in the validation text"),
        (
            False,
            {"valid": "a\n\n  caq\n"},
            r"ptb.valid.txt, line 3, column 5, has 'q' in the validation text",
        ),
    ],
)
def test_a_symbol_that_training_has_not_is_named_with_its_place(tmp_path, words, texts, place):
    folder = treebank(tmp_path, TREEBANK | texts)
    with pytest.raises(ValueError, match=f"{place}, expected a symbol of the training text which has"):
        corpus.load("test", folder, words)


def test_places_in_files_of_other_kinds(tmp_path):
    spaced = {"train": "a b\nb a\n", "valid": "a\n", "test": "b\na b c\n"}
    with pytest.raises(ValueError, match=r"ptb.char.test.txt, line 2, column 5, has 'c'"):
        corpus.load("test", treebank(tmp_path, spaced, "ptb.char."), False)
    for text, place in [
        ("a b\n" * 40 + "a\nb x a\n", "line 42, column 3"),
        ("a b  " * 40 + "\na x", "line 2, column 3"),
    ]:
        (tmp_path / "text.txt").write_text(text)
        with pytest.raises(
            ValueError, match=f"text.txt, {place}, has 'x' in the test text, expected a symbol of"
        ):
            corpus.load("test", tmp_path / "text.txt", True)  # no rare word of training to learn <unk> from
    no_end = {"train": "ab", "valid": "a\nb\n", "test": "ab\n"}
    treebank(tmp_path / "other", no_end)
    loaded = corpus.load(
        "test", tmp_path / "other", False
    )  # the last line ends, whether its file says so or not
    assert written(loaded, "train") == ["a", "b", "\n"]


def test_files_that_are_missing_or_empty(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"text.txt is not a file, expected a file"):
        tasks.get("chars", data=tmp_path / "text.txt")
    with pytest.raises(FileNotFoundError, match=r"ptb.train.txt is not a file"):
        tasks.get("words", data=tmp_path)
    treebank(tmp_path / "half", {"train": "a b\n"})
    with pytest.raises(FileNotFoundError, match=r"ptb.valid.txt is not a file"):
        tasks.get("words", data=tmp_path / "half")
    (tmp_path / "text.txt").write_text("a")
    with pytest.raises(ValueError, match=r"text.txt holds 0 symbols for train, expected at least two"):
        tasks.get("chars", data=tmp_path / "text.txt")
    with pytest.raises(ValueError, match=r"tasks.Words: data is None, expected a text file, or a folder"):
        tasks.get("words", data=None)


def test_options_that_make_no_sense(tmp_path):
    path = small_texts.write(tmp_path)
    for options, words in [
        ({"steps": 0}, "steps is 0, expected a number of at least 1"),
        ({"reset": 1.5}, "reset is 1.5, expected a number from 0 to 1"),
        ({"reset": math.nan}, "reset is nan"),
    ]:
        with pytest.raises(ValueError, match=words):
            tasks.get("chars", data=path, **options)
    task = tasks.get("chars", data=path, steps=100)
    words = "the training text has 810 symbols, expected at least 901 for a window of 100 steps in each of 9 lanes"
    with pytest.raises(ValueError, match=words):
        task.batch(0, 9)
    with pytest.raises(ValueError, match=r"split is 'all', expected one of 'train', 'validation', 'test'"):
        next(task.evaluation("all", 3))
    with pytest.raises(ValueError, match=r"size is 0"):
        next(task.evaluation("test", 0))
    with pytest.raises(
        MemoryError, match=r"tasks.Chars: a batch of \d+ windows of 100 steps needs .* GiB, expected at most"
    ):
        next(task.evaluation("train", 2**40))
