"""Generation: symbols drawn one by one, and the command that writes them."""

import numpy as np
import pytest
import small_texts
from hypothesis import given
from hypothesis import strategies as st
from small_runs import QUIET

import indrnn_np as ir
from indrnn_np import tasks
from indrnn_np.commands import cli
from indrnn_np.commands import generate as command


def bigram(logits, backend="reference"):
    """A network whose scores for the next symbol are row x_t of `logits`."""
    V = len(logits)
    net = ir.Sequential([ir.Embedding(V, V), ir.Linear(V, V)], backend=backend, dtype="float64")
    net.params["0.E"][...], net.params["1.W"][...], net.params["1.b"][...] = logits, np.eye(V), 0
    return net


def cycle(V=5):
    """Each symbol is followed by the next one, nearly always."""
    return bigram(30.0 * np.roll(np.eye(V), 1, axis=1))


def test_the_likeliest_symbol(backend):
    net = small_texts.model(tasks_of_seven(), backend=backend, dtype="float64")
    prompt, found = [1, 4, 2], list(ir.sample(net, [1, 4, 2], 12, temperature=0.0))
    ids = list(prompt)
    for _ in range(12):  # each time from the start, in one pass
        ids.append(int(net(np.array(ids)[:, None])[-1, 0].argmax()))
    assert found == ids[3:]


def tasks_of_seven():
    class Task:
        input_size, steps = 7, 8

    return Task()


def test_it_goes_on_from_the_prompt_and_stops_in_time():
    assert list(ir.sample(cycle(), [3], 7)) == [4, 0, 1, 2, 3, 4, 0]
    assert list(ir.sample(cycle(), [0, 2], 3, temperature=0.0)) == [3, 4, 0]
    assert list(ir.sample(cycle(), [0], 0)) == []


@given(
    seed=st.integers(0, 2**32 - 1), temperature=st.sampled_from([0.0, 0.5, 1.0, 3.0]), top_k=st.integers(0, 6)
)
def test_the_same_arguments_give_the_same_symbols_and_change_nothing(seed, temperature, top_k):
    net = bigram(np.random.default_rng(0).standard_normal((5, 5)))
    before = {name: array.copy() for name, array in net.state_dict().items()}
    first, second = (list(ir.sample(net, [0], 20, temperature, seed, top_k)) for _ in range(2))
    assert first == second and set(first) <= set(range(5)) and len(first) == 20
    for name, array in net.state_dict().items():
        assert np.array_equal(array, before[name])
    assert net.iteration == 0


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_symbols_come_as_often_as_the_scores_say(temperature):
    scores = np.array([0.0, 1.0, -1.0, 2.0])
    net, n = bigram(np.tile(scores, (4, 1))), 4000
    share = np.exp(scores / temperature) / np.exp(scores / temperature).sum()
    counts = np.bincount(list(ir.sample(net, [0], n, temperature, seed=1)), minlength=4) / n
    assert np.all(np.abs(counts - share) < 5 * np.sqrt(share * (1 - share) / n))


def test_only_the_highest_scores_are_drawn_from():
    net = bigram(np.tile([0.0, 1.0, 1.0, 0.5, -9.0], (5, 1)))
    for k, expected in ((1, {1}), (2, {1, 2}), (3, {1, 2, 3}), (9, {0, 1, 2, 3, 4})):
        found = set(ir.sample(net, [0], 300, temperature=3.0, seed=0, top_k=k))
        assert found <= expected and (k == 9 or found == expected)


def test_it_reads_the_last_step_of_a_network_that_gives_no_other():
    net = ir.Sequential([ir.Embedding(3, 3), ir.LastStep(), ir.Linear(3, 3)], backend="reference")
    net.params["0.E"][...], net.params["1.b" if "1.b" in net.params else "2.b"][...] = np.eye(3), 0
    net.params["2.W"][...] = 9 * np.roll(np.eye(3), 1, axis=0)
    assert list(ir.sample(net, [0, 1], 3, temperature=0.0)) == [2, 0, 1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([], 3), r"prompt has shape \(0,\), expected \(T,\): at least one symbol to continue"),
        (([0, 5], 3), r"prompt\[1\] is 5, expected 0 to 4 because there are 5 symbols"),
        (([0.5], 3), "prompt has dtype float64, expected an integer dtype"),
        (([0], -1), "length is -1"),
        (([0], 1, -0.5), "temperature is -0.5"),
        (([0], 1, float("nan")), "temperature is nan"),
        (([0], 1, 1.0, 0, -2), "top_k is -2"),
    ],
)
def test_arguments_that_make_no_sense(arguments, words):
    with pytest.raises(ValueError, match=f"sample: {words}"):
        ir.sample(cycle(), *arguments)  # at once, not with the first symbol


def test_networks_that_are_no_language_models():
    with pytest.raises(
        ValueError, match=r"sample: the first layer of the network is IndRNN, expected an Embedding to"
    ):
        ir.sample(ir.plain(2, 3, 2, 1, 4, backend="reference"), [0], 1)
    net = ir.Sequential([ir.Embedding(5, 3), ir.Linear(3, 4)], backend="reference")
    with pytest.raises(ValueError, match=r"the network gives 4 scores, expected 5 one for each symbol"):
        list(ir.sample(net, [0], 1))
    with pytest.raises(ValueError, match=r"sample: the scores\[0\] is nan, expected finite numbers"):
        list(ir.sample(bigram(np.array([[0, 0, np.nan]] * 3)), [0], 1))


# -- the command ---------------------------------------------------------------------------------------------


def written(capsys, *arguments):
    code = cli.main(["generate", *map(str, arguments)])
    return code, *capsys.readouterr()


def test_the_command_writes_what_sample_draws(tmp_path, capsys):
    run = tmp_path / "run"
    small_texts.run(run, 5)
    code, out, err = written(
        capsys, run, "--prompt", "abc", "--length", 30, "--temperature", 0.7, "--seed", 4
    )
    assert code == 0 and err == ""
    loaded = ir.load(sorted((run / "checkpoints").glob("iteration-*"))[-1])
    vocabulary = loaded.meta["task"]["vocabulary"]
    ids = [vocabulary.index(c) for c in "abc"]
    expected = "abc" + "".join(vocabulary[i] for i in ir.sample(loaded.net, ids, 30, 0.7, 4))
    assert out == expected + "\n"
    assert written(capsys, run, "--which", "best", "--length", 3, "--top-k", 1)[1].startswith("\n")


def test_from_the_text_to_the_text_by_commands_alone(tmp_path, capsys):
    data, run = small_texts.write(tmp_path), tmp_path / "run"
    sizes = [
        "--steps",
        8,
        "--hidden",
        6,
        "--embedding",
        5,
        "--batch",
        4,
        "--evaluation-batch",
        3,
        "--positions",
        20,
    ]
    often = ["--validate-every", 3, "--checkpoint-every", 2, "--backend", "reference", "--quiet"]
    train = ["train", "chars", "--data", data, "--out", run, *sizes, *often]
    assert cli.main([*map(str, train), "--iterations", "6", "--embedding-dropout", "0.1"]) == 0
    text = capsys.readouterr()[0]
    assert "best validation bits" in text and "a blind guess: bits 2.8" in text
    assert cli.main(["train", "chars", "--resume", str(run), "--iterations", "9", "--quiet"]) == 0
    said = capsys.readouterr()[0].splitlines()
    layers = ir.load(sorted((run / "checkpoints").glob("iteration-*"))[-1]).net.layers
    assert layers[2] == ir.BatchNorm(6, per_step=True, positions=20)
    assert cli.main(["eval", str(run)]) == 0
    told = next(line for line in said if line.startswith("test: ")).removeprefix("test: ")
    assert capsys.readouterr()[0].splitlines()[0].endswith(told)  # the run's own lanes: the same number
    assert written(capsys, run, "--length", 9)[0] == 0
    data.write_text(small_texts.text(symbols="\n abcdX"))
    assert cli.main(["eval", str(run)]) == 2
    assert "eval: the symbols of the data are not those of" in capsys.readouterr()[1]


def test_words_are_written_as_text(tmp_path, capsys):
    text = "the cat sat on the mat\nthe cat ran\n" * 40
    (tmp_path / "text.txt").write_text(text)
    task = tasks.get("words", data=tmp_path / "text.txt", steps=5)
    net = small_texts.model(task)
    ir.fit(net, task, ir.Adam(0.03), iterations=60, batch=4, out=tmp_path / "run", **QUIET)
    code, out, _ = written(
        capsys, tmp_path / "run", "--prompt", "the  cat", "--length", 20, "--temperature", 0
    )
    assert code == 0 and out.startswith("the cat ")
    assert set(out.split()) <= set(text.split()) and len(out.replace("\n", " <eos> ").split()) == 23
    code, _, err = written(capsys, tmp_path / "run", "--prompt", "the dog sees the bird")
    assert (
        code == 2
        and "the prompt holds 'dog', 'sees', 'bird', expected symbols of the vocabulary: '<eos>'" in err
    )


def test_what_the_command_refuses(tmp_path, capsys):
    small_texts.run(tmp_path / "run", 2)
    code, _, err = written(capsys, tmp_path / "run", "--prompt", "aXbY")
    assert (
        code == 2 and r"the prompt holds 'X', 'Y', expected symbols of the vocabulary: '\n', ' ', 'a'" in err
    )
    ir.save(tmp_path / "net.npz", cycle())
    code, _, err = written(capsys, tmp_path / "net.npz")
    assert (
        code == 2 and "net.npz holds no vocabulary, expected a checkpoint of a run of chars or words" in err
    )
    code, _, err = written(capsys, tmp_path / "nowhere")
    assert code == 2 and "holds no last checkpoint" in err


def test_a_line_break_in_a_prompt_is_the_end_of_a_line():
    task = {"task": "words", "vocabulary": ["<eos>", "a", "b"]}
    for prompt, expected in [
        ("a b", [1, 2]), ("a\nb", [1, 0, 2]), ("a b\r\n", [1, 2, 0]), ("\n", [0]), (" a\n\n b ", [1, 0, 0, 2]),
    ]:  # fmt: skip
        assert command.numbers(prompt, task) == expected
    chars = {"task": "chars", "vocabulary": ["\n", "a", "b"]}
    for prompt, expected in [("a\nb", [1, 0, 2]), ("b\r\n", [2, 0]), ("", [])]:
        assert command.numbers(prompt, chars) == expected


def test_a_space_in_a_prompt_for_a_treebank():
    with pytest.raises(
        ValueError, match=r"holds ' ', expected symbols of the vocabulary \(a space is written '_' in it\)"
    ):
        command.numbers("a b", {"task": "chars", "vocabulary": ["\n", "_", "a", "b"]})
    with pytest.raises(
        ValueError, match=r"'dog', expected symbols of the vocabulary \(<unk> stands for any other word\)"
    ):
        command.numbers("a dog", {"task": "words", "vocabulary": ["<eos>", "<unk>", "a"]})
    with pytest.raises(ValueError, match=r"holds ' ', expected symbols of the vocabulary: '\\n'"):
        command.numbers("a b", {"task": "chars", "vocabulary": ["\n", "a", "b"]})


def test_the_default_prompt_is_the_end_of_a_line():
    assert command.numbers(None, {"task": "chars", "vocabulary": ["\n", "a"]}) == [0]
    assert command.numbers(None, {"task": "words", "vocabulary": ["!", "<eos>", "a"]}) == [1]
    assert command.numbers(None, {"task": "chars", "vocabulary": ["a", "b"]}) == [0]  # a text of one line
