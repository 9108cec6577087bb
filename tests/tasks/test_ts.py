"""Series in .ts files of the test's own, and every way in which such files can be wrong; and the task out of them."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indrnn_np import _machine, tasks
from indrnn_np.commands.cli import main
from indrnn_np.tasks import ts

HEADER = """# a comment
@problemName Small
@timeStamps false
@missing false
@univariate false
@dimensions 2
@equalLength false
@classLabel true up down
@data
"""
GOOD = HEADER + "0.5,-1.5,2:1,2,3:up\n\n# between\n1e-1:4:down\n"


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_series_are_read_with_their_labels_and_lines(tmp_path):
    series = ts.read(write(tmp_path / "a.ts", GOOD))
    assert series.labels == ["up", "down"] and series.lines == [10, 13] and series.classes == ("up", "down")
    np.testing.assert_array_equal(series.samples[0], [[0.5, 1], [-1.5, 2], [2, 3]])
    np.testing.assert_array_equal(series.samples[1], [[0.1, 4]])


def test_a_short_header_other_line_ends_and_a_byte_order_mark(tmp_path):
    text = "\ufeff@univariate TRUE\r\n@classLabel true\r\n@note whatever it says\r\n@DATA\r\n1,2:a b\r\n3,4:c\r\n"
    series = ts.read(write(tmp_path / "a.ts", text))
    assert series.labels == ["a b", "c"] and series.classes is None
    np.testing.assert_array_equal(series.samples[1], [[3], [4]])


@given(st.data())
def test_what_is_written_is_read(tmp_path_factory, data):
    D = data.draw(st.integers(1, 4))
    numbers = st.floats(allow_nan=False, allow_infinity=False)
    labels = st.text(st.characters(exclude_characters=",:#@", exclude_categories=("C", "Z")), min_size=1)
    rows = [
        (
            data.draw(st.lists(st.lists(numbers, min_size=D, max_size=D), min_size=1, max_size=5)),
            data.draw(labels),
        )
        for _ in range(data.draw(st.integers(1, 5)))
    ]
    lines = [":".join([*(",".join(map(repr, c)) for c in zip(*x, strict=True)), label]) for x, label in rows]
    series = ts.read(write(tmp_path_factory.mktemp("ts") / "a.ts", "@data\n" + "\n".join(lines)))
    assert series.labels == [label for _, label in rows]
    for sample, (x, _) in zip(series.samples, rows, strict=True):
        np.testing.assert_array_equal(sample, x, strict=True)


def test_comments_after_other_text_and_with_stray_bytes(tmp_path):
    """`# two classes` gave five classes."""
    text = "% Müller\n@author Müller\n@dimensions 1 # one\n@classLabel true 1 2\t# two classes\n"
    text += "@data % here\n1,2:1 % Müller\n#ü\n3:2\n"
    (tmp_path / "a.ts").write_bytes(text.encode("latin-1"))
    series = ts.read(tmp_path / "a.ts")
    assert (series.classes, series.labels, series.lines) == (("1", "2"), ["1", "2"], [6, 8])
    listed = "@data\n1:a # a note is no part of a label\n2:b#\n"
    assert ts.read(write(tmp_path / "b.ts", listed)).labels == ["a", "b#"]


def test_time_stamps_order_the_values(tmp_path):
    numbers = "@timeStamps true\n@dimensions 2\n@data\n(0,1.5),(1, 2) , (4,3):(0,4),(1,5),(4,6):a\n"
    np.testing.assert_array_equal(
        ts.read(write(tmp_path / "a.ts", numbers)).samples[0], [[1.5, 4], [2, 5], [3, 6]]
    )
    dates = (
        "@timeStamps true\n@data\n(2007-01-01 00:00:00,1),(2007-01-01 00:00:30,?),(2007-01-01 00:02:00,5):a\n"
    )
    series = ts.read(write(tmp_path / "b.ts", dates), missing="linear")
    np.testing.assert_array_equal(series.samples[0][:, 0], [1, 2, 5])  # a quarter of the time has passed
    assert series.labels == ["a"]


def test_missing_values(tmp_path):
    path = write(tmp_path / "a.ts", "@data\n?,1,NaN,?,4,nan:1,2,3,4,5,6:a\n")
    np.testing.assert_array_equal(ts.read(path, missing="linear").samples[0][:, 0], [1, 1, 2, 3, 4, 4])
    np.testing.assert_array_equal(
        ts.read(path, missing="zero").samples[0][:, 0], [np.nan, 1, np.nan, np.nan, 4, np.nan]
    )
    with pytest.raises(
        ValueError, match=r"line 2, has '\?' as value 1 of channel 1, .* --missing linear or zero fills"
    ):
        ts.read(path)
    write(path, "@data\n?,?:1,2:a\n")
    with pytest.raises(
        ValueError, match=r"line 2, has no value in channel 1, expected at least one to interpolate from"
    ):
        ts.read(path, missing="linear")
    with pytest.raises(ValueError, match=r"missing is 'mean', expected one of 'refuse', 'linear', 'zero'"):
        ts.read(path, missing="mean")
    write(path, "@data\n1,inf:1,2:a\n")
    with pytest.raises(ValueError, match=r"has 'inf' as value 2 of channel 1, expected a finite number$"):
        ts.read(path, missing="zero")


def line(text):
    return HEADER + text


def stamped(text):
    return f"@timeStamps true\n@data\n{text}\n"


WRONG = [
    (line(""), "has nothing after @data, expected at least one series"),
    ("@classLabel true a\n", "has no line @data"),
    ("1,2:a\n", r"line 1, is '1,2:a', expected a line that starts with @, # or % before @data"),
    (
        line("1,2:3,4:sideways\n"),
        r"line 10, ends with 'sideways', expected one of up, down after its last colon",
    ),
    (line("1,2:3,4\n"), r"line 10, ends with '3,4', expected one of up, down"),
    (line("1,2:3,4:\n"), r"line 10, ends with ''"),
    ("@data\n1,2:3,4\n", r"line 2, ends with '3,4', expected a label"),
    ("@data\nup\n", r"line 2, is 'up' alone, expected channels and a label"),
    (line("1,2:up\n"), r"line 10, has 1 channels, expected 2 to match the header"),
    (line("1,2:3,4:5,6:up\n"), r"line 10, has 3 channels, expected 2"),
    (
        "@data\n1:2:a\n1:a\n",
        r"line 3, has 1 channels, expected 2 to match the header or the previous series",
    ),
    (line("1,2:3:up\n"), r"line 10, has 1 values in channel 2, expected 2 as in its first channel"),
    (
        line("1,?:3,4:up\n"),
        r"line 10, has '\?' as value 2 of channel 1, expected a finite number because missing",
    ),
    (line("1,2:3,NaN:up\n"), r"has 'NaN' as value 2 of channel 2"),
    (line("1,inf:3,4:up\n"), r"has 'inf' as value 2 of channel 1"),
    (line("1,1e400:3,4:up\n"), r"has '1e400' as value 2"),
    (line("1,\u0661\u0662:3,4:up\n"), "has '\u0661\u0662' as value 2"),  # digits of another script
    (line("1,1_0:3,4:up\n"), r"has '1_0' as value 2"),
    (line("1,zwei:3,4:up\n"), r"has 'zwei' as value 2"),
    (line("1,:3,4:up\n"), r"has '' as value 2 of channel 1"),
    (line(":1:up\n"), r"has '' as value 1 of channel 1"),
    (
        GOOD.replace("@equalLength false", "@equalLength true"),
        r"line 13, has 1 values in a channel, expected 3",
    ),
    (
        GOOD.replace("@equalLength false", "@equalLength true\n@seriesLength 2"),
        r"line 11, has 3 values .* expected 2",
    ),
    (
        GOOD.replace("@univariate false", "@univariate true"),
        r"line 9, follows @univariate true and @dimensions 2",
    ),
    ("@univariate true\n@data\n1:2:a\n", r"line 3, has 2 channels, expected 1"),
    (
        GOOD.replace("@dimensions 2", "@dimensions two"),
        r"line 6, has 'two' for @dimensions, expected a whole number",
    ),
    (
        GOOD.replace("@dimensions 2", "@dimensions"),
        r"line 6, has 0 values for @dimensions, expected one number",
    ),
    (
        GOOD.replace("@equalLength false", "@equalLength no"),
        r"has 'no' for @equallength, expected true or false",
    ),
    (
        GOOD.replace("@timeStamps false", "@timeStamps true"),
        r"line 10, has '0.5,-1.5,2' as channel 1, expected \(time,value\),\(time,value\),... because of @time",
    ),
    (
        stamped("(0,1)(1,2):(0,1),(1,2):a"),
        r"line 3, has '\(0,1\)\(1,2\)' as channel 1, expected \(time,value",
    ),
    (
        stamped("(0,1),(0,2):(0,1),(0,2):a"),
        "line 3, has the time '0' at value 2 of channel 1, expected a number or",
    ),
    (stamped("(now,1):(now,2):a"), "line 3, has the time 'now' at value 1 of channel 1"),
    (
        stamped("(0,1),(1,2):(0,1),(2,2):a"),
        "line 3, has different times in channel 2, expected the times of channel 1",
    ),
    (stamped("(0,1):(0,1),(2,2):a"), "line 3, has 2 values in channel 2, expected 1"),
    (GOOD.replace("true up down", "false"), "line 9, follows @classLabel false and no @targetLabel true"),
    (GOOD.replace("true up down", "true up up"), "line 8, lists a label twice"),
    (
        "@targetLabel true\n@data\n1:2\n1:up\n",
        "line 4, ends with 'up', expected a finite number after its last colon",
    ),
    (
        "@targetLabel true 1 2\n@data\n1:2\n",
        "line 1, has 'true 1 2' for @targetlabel, expected true or false",
    ),
    (
        "@targetLabel true\n@classLabel true a\n@data\n1:a\n",
        "line 3, follows @classLabel true and @targetLabel true, expected .* but not both",
    ),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_files_are_not_trusted(tmp_path, text, words):
    path = write(tmp_path / "bad.ts", text)
    with pytest.raises(ValueError, match=words) as error:
        ts.read(path)
    assert str(error.value).startswith(f"ts.read: {path}")


def test_a_file_cut_off_anywhere_is_refused_or_lacks_whole_series(tmp_path):
    text = HEADER + "0.5,-1.5:1.25,2.75:up\n0.125:4.5:down\n"
    refused = 0
    for end in range(len(HEADER), len(text)):
        path = write(tmp_path / "cut.ts", text[:end])
        try:
            labels = ts.read(path).labels
        except ValueError:
            refused += 1
        else:
            whole = text[len(HEADER) :].splitlines()[: len(labels)]
            assert text[len(HEADER) : end].rstrip("\n") == "\n".join(whole)
    assert refused > 30


def test_other_encodings_and_missing_files(tmp_path):
    path = tmp_path / "a.ts"
    path.write_bytes(GOOD.encode() + "1:2:ü".encode("latin-1"))
    for text in (GOOD.encode() + "1:2:ü".encode("latin-1"), GOOD.encode("utf-16")):
        path.write_bytes(text)
        with pytest.raises(ValueError, match=r"line (14|1), holds the byte 0xf[cf], expected text in UTF-8"):
            ts.read(path)
    with pytest.raises(FileNotFoundError, match=r"ts.read: .*nowhere.ts is not a file, expected a file"):
        ts.read(tmp_path / "nowhere.ts")


def problem(folder, count=20, seed=0, classes="@classLabel true x y z\n"):
    """Write a small problem whose classes can be told apart; returns what was written."""
    rng = np.random.default_rng(seed)
    written = {}
    for split in ("TRAIN", "TEST"):
        lines, written[split] = [], []
        for n in range(count):
            sample = np.round(rng.normal(5 * (n % 3), 1, (rng.integers(1, 9), 2)), 3)
            written[split].append((sample, "xyz"[n % 3]))
            lines.append(":".join([*(",".join(map(str, c.tolist())) for c in sample.T), "xyz"[n % 3]]))
        write(folder / f"Three_{split}.ts", f"@dimensions 2\n{classes}@data\n" + "\n".join(lines) + "\n")
    return written


def test_the_task_pads_standardises_and_keeps_lengths(tmp_path):
    written = problem(tmp_path)
    task = tasks.get("uea", data=tmp_path, dtype="float64")
    train = np.concatenate([sample for sample, _ in written["TRAIN"]])
    batch = next(task.evaluation("test", 100))
    assert task.splits == ("test",) and batch.lengths.tolist() == [len(s) for s, _ in written["TEST"]]
    for n, (sample, label) in enumerate(written["TEST"]):
        expected = (sample - train.mean(axis=0)) / train.std(axis=0)
        np.testing.assert_allclose(batch.x[: len(sample), n], expected, rtol=1e-12, atol=1e-12)
        assert (batch.x[len(sample) :, n] == 0).all() and batch.target[n] == "xyz".index(label)
    longest = max(len(sample) for split in written.values() for sample, _ in split)
    assert (task.steps, task.input_size, task.output_size, task.output) == (longest, 2, 3, "last")
    assert (task.name, task.metric, task.loss) == ("uea", "accuracy", "softmax_cross_entropy")
    about = task.describe()
    assert about["problem"] == "Three" and about["classes"] == ["x", "y", "z"]
    np.testing.assert_allclose(about["mean"], train.mean(axis=0))
    assert about["samples"] == {"train": 20, "test": 20} and task.epoch_length(8) == 3


def test_held_out_series_have_no_part_in_training_or_in_the_means(tmp_path):
    written = problem(tmp_path)
    task = tasks.get("uea", data=tmp_path, held_out=0.25, seed=2, dtype="float64")
    raw = tasks.get("uea", data=tmp_path, held_out=0.25, seed=2, dtype="float64", standardise=False)
    held = next(raw.evaluation("validation", 100))
    trained = [raw.batch(i, 5) for i in range(3)]
    count = sum(len(batch.target) for batch in trained)
    assert (len(held.target), count, task.splits) == (5, 15, ("validation", "test"))
    values = np.concatenate([b.x[:n, i] for b in trained for i, n in enumerate(b.lengths)])
    np.testing.assert_allclose(task.describe()["mean"], values.mean(axis=0))
    known = {sample.tobytes() for sample, _ in written["TRAIN"]}
    seen = {b.x[:n, i].tobytes() for b in (*trained, held) for i, n in enumerate(b.lengths)}
    assert seen == known


def test_zero_for_a_missing_value_is_the_mean_of_its_channel(tmp_path):
    for split in ("TRAIN", "TEST"):
        write(tmp_path / f"M_{split}.ts", "@data\n1,?,3:?,2,2:a\n5,?,7:4,4,4:b\n")
    x = next(tasks.get("uea", data=tmp_path, missing="zero", dtype="float64").evaluation("test", 2)).x
    assert (x[1, :, 0] == 0).all() and x[0, 0, 1] == 0
    np.testing.assert_allclose(x[[0, 2], :, 0].ravel() * np.sqrt(5), [-3, 1, -1, 3])  # mean 4, variance 5
    raw = next(tasks.get("uea", data=tmp_path, missing="zero", standardise=False).evaluation("test", 2)).x
    assert raw[:, 0, 0].tolist() == [1, 0, 3]
    for split in ("TRAIN", "TEST"):
        write(tmp_path / f"M_{split}.ts", "@data\n1,2:?,?:a\n")
    with pytest.raises(
        ValueError, match=r"channel 2 has no value in the training series, expected at least one"
    ):
        tasks.get("uea", data=tmp_path, missing="zero")


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e30, 1e200, 1e307])
def test_values_of_any_size_are_standardised(tmp_path, scale):
    """Squares beyond float64 gave a deviation of infinity or zero, and x of zeros."""
    for split in ("TRAIN", "TEST"):
        write(
            tmp_path / f"B_{split}.ts",
            f"@data\n{1 * scale!r},{3 * scale!r}:a\n{1 * scale!r},{3 * scale!r}:b\n",
        )
    x = next(tasks.get("uea", data=tmp_path).evaluation("test", 2)).x
    np.testing.assert_allclose(x[:, 0, 0], [-1, 1], rtol=1e-6)


def test_a_series_that_makes_the_others_too_long(tmp_path, monkeypatch):
    for split in ("TRAIN", "TEST"):
        write(tmp_path / f"L_{split}.ts", "@data\n" + "1," * 99 + "1:a\n" + "2:b\n" * 99)
    monkeypatch.setattr(_machine, "available_memory", lambda: (5000, "a limit"))
    words = r"L_TRAIN.ts, padded to 100 steps of 100 series, needs 3.73e-05 GiB, expected at most"
    with pytest.raises(MemoryError, match=words):
        tasks.get("uea", data=tmp_path)


def test_a_constant_channel_is_shifted_only(tmp_path):
    for split in ("TRAIN", "TEST"):
        write(tmp_path / f"C_{split}.ts", "@data\n7,7:1,2:a\n7:5:b\n")
    x = next(tasks.get("uea", data=tmp_path).evaluation("test", 2)).x
    assert (x[:, :, 0] == 0).all() and x[0, 1, 1] > 1


def test_folders_names_and_labels_without_a_list(tmp_path):
    (tmp_path / "Three").mkdir()
    problem(tmp_path / "Three", classes="")
    task = tasks.get("uea", data=tmp_path, name="Three")
    assert task.classes == ("x", "y", "z")
    inside = tasks.get("uea", data=tmp_path / "Three")
    np.testing.assert_array_equal(task.batch(4, 6).x, inside.batch(4, 6).x)
    assert (task.batch(4, 6).x != tasks.get("uea", data=tmp_path / "Three", seed=1).batch(4, 6).x).any()


def test_a_folder_of_folders_lists_what_name_would_find(tmp_path):
    for folder, name in (("a", "Other"), ("b", "Three"), ("b", "._Three"), (".git", "Hidden")):
        (tmp_path / folder).mkdir(exist_ok=True)
        write(tmp_path / folder / f"{name}_TRAIN.ts", GOOD)
        write(tmp_path / folder / f"{name}_TEST.ts", GOOD)
    with pytest.raises(
        ValueError,
        match=r"name is None, expected the NAME of a problem .* holds 2 files NAME_TRAIN.ts: Other, Three$",
    ):
        tasks.get("uea", data=tmp_path)
    with pytest.raises(FileNotFoundError, match=r"has no Four_TRAIN.ts, .* NAME_TRAIN.ts: Other, Three$"):
        tasks.get("uea", data=tmp_path, name="Four")
    assert tasks.get("uea", data=tmp_path, name="Three").problem == "Three"
    (tmp_path / "c").mkdir()
    write(tmp_path / "c" / "Three_TRAIN.ts", GOOD)
    with pytest.raises(ValueError, match=r"has Three_TRAIN.ts in .*b, .*c, expected it once"):
        tasks.get("uea", data=tmp_path, name="Three")


def test_what_does_not_fit_together(tmp_path):
    problem(tmp_path)
    test = tmp_path / "Three_TEST.ts"
    for text, words in [
        ("@data\n1:a\n", r"Three_TEST.ts has 1 channels, expected 2 to match .*Three_TRAIN.ts"),
        ("@classLabel true x y w\n@data\n1:2:x\n", r"lists the classes x, y, w, expected x, y, z to match"),
        ("@data\n1:2:x\n1:2:q\n", r"Three_TEST.ts, line 3, has the label 'q', expected one of x, y, z"),
    ]:
        write(test, text)
        with pytest.raises(ValueError, match=words):
            tasks.get("uea", data=tmp_path)
    test.unlink()
    (tmp_path / "._Three_TRAIN.ts").write_bytes(b"macOS")
    with pytest.raises(
        FileNotFoundError, match=r"tasks.Uea: .* has no Three_TEST.ts, expected a folder with NAME_"
    ):
        tasks.get("uea", data=tmp_path)
    write(tmp_path / "Other_TRAIN.ts", GOOD)
    with pytest.raises(
        ValueError, match=r"name is None, expected the NAME of a problem .* NAME_TRAIN.ts: Other, Three"
    ):
        tasks.get("uea", data=tmp_path)
    with pytest.raises(
        FileNotFoundError, match=r"data is None, expected a folder with NAME_TRAIN.ts .*--data"
    ):
        tasks.get("uea")
    with pytest.raises(FileNotFoundError, match=re.escape("nowhere', expected a folder")):
        tasks.get("uea", data=tmp_path / "nowhere")


def test_shares_that_leave_nothing(tmp_path):
    problem(tmp_path, count=1)
    with pytest.raises(
        ValueError, match=r"tasks.Uea: held_out is 1.0, expected a number from 0.0 to below 1.0"
    ):
        tasks.get("uea", data=tmp_path, held_out=1.0)
    with pytest.raises(ValueError, match=r"series left to train on is 0"):
        tasks.get("uea", data=tmp_path, held_out=0.5)


def test_a_number_too_large_for_float32_is_named(tmp_path):
    for split in ("TRAIN", "TEST"):
        write(tmp_path / f"Big_{split}.ts", "@data\n1,1e300:a\n1:b\n")
    words = r"tasks.Uea: .*Big_TRAIN.ts, line 2, has 1e\+300 as value 2 of channel 1, expected a number that float32"
    with pytest.raises(ValueError, match=words):
        tasks.get("uea", data=tmp_path, standardise=False)


def test_the_command_trains_and_evaluates(tmp_path, capsys):
    problem(tmp_path, count=30)
    options = (
        "--backend reference --hidden 8 --batch 10 --iterations 300 --lr 1e-2 --held-out 0.2 --quiet --json"
    )
    assert (
        main(["train", "uea", "--data", str(tmp_path), *options.split(), "--out", str(tmp_path / "run")]) == 0
    )
    summary = json.loads(capsys.readouterr().out)
    assert summary["final"]["test"]["accuracy"] > 0.8 and summary["task"]["problem"] == "Three"
    assert main(["eval", str(tmp_path / "run"), "--json", "--split", "validation"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["accuracy"] == summary["final"]["validation"]["accuracy"]
    (tmp_path / "other").mkdir()
    problem(tmp_path / "other", count=30, classes="@classLabel true z y x\n")
    assert main(["eval", str(tmp_path / "run"), "--data", str(tmp_path / "other")]) == 2
    words = (
        "the classes of the data are not those of .* expected the same classes because .* identifies them by"
    )
    assert re.search(words, capsys.readouterr().err)


# -- real targets --------------------------------------------------------------------------------------------

REAL = "@univariate true\n@classLabel false\n@targetLabel true\n@data\n"


def write_regression(folder, count=24):
    """The target is 1000 + 50 times the mean of the series; series have 5 to 9 steps."""
    rng = np.random.default_rng(2)
    for split in ("TRAIN", "TEST"):
        lines = []
        for _ in range(count):
            series = rng.normal(3.0, 2.0, rng.integers(5, 10))
            lines.append(",".join(f"{v:.6f}" for v in series) + f":{1000 + 50 * series.mean():.6f}")
        write(folder / f"Mean_{split}.ts", REAL + "\n".join(lines) + "\n")
    return folder


def test_real_targets_are_standardised_by_the_training_series(tmp_path):
    write_regression(tmp_path)
    plain, scaled = (tasks.get("uea", data=tmp_path, standardise=on, dtype="float64") for on in (False, True))
    assert (scaled.loss, scaled.metric, scaled.output_size, scaled.output) == ("mse", "mse", 1, "last")
    values = plain.evaluation("train", 24)
    one, other = next(values), next(scaled.evaluation("train", 24))
    np.testing.assert_allclose(other.target, (one.target - one.target.mean()) / one.target.std(), atol=1e-9)
    series = ts.read(tmp_path / "Mean_TRAIN.ts")
    assert series.real and sorted(one.target[:, 0]) == sorted(float(label) for label in series.labels)
    targets = scaled.describe()["targets"]
    assert targets["mean"] == pytest.approx([one.target.mean()])
    assert scaled.baseline == pytest.approx(1.0) and "classes" not in scaled.describe()
    test, test_scaled = (next(task.evaluation("test", 24)).target for task in (plain, scaled))
    np.testing.assert_allclose(test_scaled, (test - one.target.mean()) / one.target.std(), atol=1e-9)


def test_a_regression_learns_and_is_evaluated_in_its_own_units(tmp_path, capsys):
    folder, out, file = write_regression(tmp_path), str(tmp_path / "run"), tmp_path / "predictions.csv"
    command = ["train", "uea", "--data", str(folder), "--iterations", "150", "--hidden", "8", "--lr", "0.02"]
    assert main([*command, "--dropout", "0", "--quiet", "--out", out]) == 0
    capsys.readouterr()
    assert main(["eval", out, "--json", "--predictions", str(file)]) == 0
    result = json.loads(capsys.readouterr().out)
    head, *lines = [line.split(",") for line in file.read_text(encoding="utf-8").splitlines()]
    assert head == ["sample", "target_0", "output_0"] and len(lines) == 24
    target, output = np.array(lines, float)[:, 1:].T
    expected = [float(label) for label in ts.read(folder / "Mean_TEST.ts").labels]
    np.testing.assert_allclose(target, expected, rtol=1e-6)
    rmse = np.sqrt(np.mean((target - output) ** 2))
    assert result["rmse"] == pytest.approx(rmse, rel=1e-5) and rmse < 0.7 * np.std(expected)


def test_both_files_have_targets_of_one_kind(tmp_path):
    write_regression(tmp_path)
    write(tmp_path / "Mean_TEST.ts", "@classLabel true up\n@data\n1,2,3:up\n")
    with pytest.raises(ValueError, match="has @targetLabel false, expected @targetLabel true to match"):
        tasks.get("uea", data=tmp_path)


def test_a_target_too_large_for_float32_is_named(tmp_path):
    for split in ("TRAIN", "TEST"):
        write(tmp_path / f"Big_{split}.ts", f"{REAL}1,2:3\n2,3:-1e300\n")
    words = r"tasks.Uea: .*Big_TRAIN.ts, line 6, has the target -1e300, expected a number that float32"
    with pytest.raises(ValueError, match=words):
        tasks.get("uea", data=tmp_path, standardise=False)
    assert np.isfinite(tasks.get("uea", data=tmp_path).batch(0, 2).target).all()
